"""The documents: each command is one that its program accepts, and each link leads somewhere."""

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from dvc.cli import parse_args
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from stages.params import PARAMS_FILE, read_params
from tests.conftest import ENVIRONMENT, PAGES, ROOT, SH_BLOCK, clone, run

TEXTS = {path: path.read_text() for path in (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")}
BLOCKS = [block for path, text in TEXTS.items() if path.name != "your-own.md" for block in re.findall(SH_BLOCK, text)]
MAKEFILE = (ROOT / "Makefile").read_text()
ADDRESS = "https://github.com/OWNER/width-and-depth.git"


@pytest.fixture(scope="module")
def project(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in the state that docs/troubleshooting.md mends: no branch, and a remote with two refspecs."""
    place = clone(fresh, tmp_path_factory.mktemp("documents") / "project")
    run("git", "checkout", "--quiet", "--detach", cwd=place)
    run("git", "config", "--add", "remote.origin.fetch", "+refs/pull/*/head:refs/pull/*", cwd=place)
    return place


@pytest.mark.parametrize("block", dict.fromkeys(BLOCKS))
def test_block_can_be_pasted(project: Path, block: str) -> None:
    """Other tests run what `make` and DVC do; here these commands are parsed, with the parameters that they set."""
    for command in block.splitlines():
        program, *words = shlex.split(re.sub(r"^\w+=(\$\(.*?\)|\S+) ", "", command))
        if program == "dvc":
            overrides = getattr(parse_args(words), "set_param", [])
            for one in get_hydra_sweeps({str(PARAMS_FILE): overrides}) if overrides else []:
                shutil.copy(ROOT / PARAMS_FILE, project)
                apply_overrides(str(project / PARAMS_FILE), one[str(PARAMS_FILE)])
                read_params((project / PARAMS_FILE).read_text())
        elif program == "make":
            run("make", "--dry-run", *words, cwd=ROOT)
            assert all(word.split("=")[0] in MAKEFILE for word in words)
        elif program == "git":
            run("sh", "-ec", command.replace(ADDRESS, str(project)), cwd=project)
        elif program == "python":
            assert find_spec(words[1])
        elif program not in (".", "cd"):
            assert shutil.which(program, path=ENVIRONMENT["PATH"])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_link_leads_to_a_file_and_to_its_heading(path: Path) -> None:
    for link in re.findall(r'\]\(([^)]+)\)|src="([^"]+)"', TEXTS[path]):
        target, _, heading = "".join(link).partition("#")
        if not target.startswith("http"):
            file = (path.parent / target).resolve() if target else path
            assert file.exists(), link
            headings = re.findall(r"^#+ (.*)", TEXTS.get(file, ""), flags=re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]
            assert not heading or heading in slugs, link
