"""CONTRIBUTING.md's ways, each gone; hooks, citation and editor."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import ROOT, commit, ran_stages, run


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def add(path: Path, line: str, chapter: str, language: str) -> None:
    """Insert the guide's only piece of code of a chapter and a language after a line that occurs once."""
    guide = re.split(r"^## (.*)\n", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.MULTILINE)
    text = guide[guide.index(chapter) + 1]
    ((indent, code),) = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    content = path.read_text() if line else ""
    assert content.count(line) == 1
    path.write_text(content.replace(line, line + re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)))


def test_way_to_a_parameter_is_checked_and_known_to_dvc(project: Path) -> None:
    add(project / "params.yaml", "\n  epochs: 20\n", "A parameter", "yaml")
    assert "train.label_smoothing: unknown key" in run("python", "-m", "stages.params", cwd=project, status=1)
    line = "    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(no_repeats)]\n"
    add(project / "stages/training/architecture.py", line, "A parameter", "python")
    run("python", "-m", "stages.params", cwd=project)
    changed = json.loads(run("dvc", "params", "diff", "--json", cwd=project))
    assert changed == {"params.yaml": {"train.label_smoothing": {"old": None, "new": 0.0}}}


def test_way_to_a_stage_runs_it_alone_and_its_numbers_are_metrics(small: Path) -> None:
    add(small / "stages/labels.py", "", "A stage", "python")
    add(small / "dvc.yaml", "\nstages:\n", "A stage", "yaml")
    assert ran_stages(run("dvc", "repro", cwd=small)) == ["labels"]
    (shown,) = json.loads(run("dvc", "metrics", "show", "--json", cwd=small)).values()
    assert sum(shown["data"]["metrics/labels.json"]["data"]["train"].values()) == 900


def test_study_names_every_key_of_its_family_but_the_one_that_it_varies() -> None:
    stages, params = (read_yaml((ROOT / name).read_text(), name) for name in ("dvc.yaml", "params.yaml"))
    for family, varied, own in (("width", "filters", {"study.width.${key}"}), ("depth", "blocks", set())):
        named = stages["stages"][f"train_{family}"]["do"]["params"]
        assert set(named) == {"train", *(f"{family}.{key}" for key in params[family] if key != varied)} | own


def test_editor_finds_parameters_metrics_and_plots(project: Path) -> None:
    """By the commands whose output the extension for VS Code shows."""
    workspace = json.loads(run("dvc", "exp", "show", "--num", "1", "--json", cwd=project))[0]["data"]
    assert workspace["params"]["params.yaml"]["data"]["width"]["filters"] == [8, 16]
    assert set(workspace["metrics"]) == {"metrics/accuracy.json"}
    output = run("dvc", "plots", "diff", "HEAD", "-o", ".dvc/tmp/plots", "--split", "--json", cwd=project)
    assert {"Width, training loss", "Depth, test accuracy", "plots/width_curves.png"} <= set(json.loads(output)["data"])


def test_hooks_refuse_bad_style_and_push_data_with_the_code(small: Path, tmp_path: Path) -> None:
    run("make", "hooks", cwd=small)
    (small / "stages/ein Wort ü.py").write_text("import os\n")
    run("git", "add", "--all", cwd=small)
    assert "`os` imported but unused" in run("git", "commit", "--message", "Bad", cwd=small, status=1)
    (small / "stages/ein Wort ü.py").unlink()
    run("git", "init", "--quiet", "--bare", str(tmp_path / "git"), cwd=tmp_path)
    run("git", "remote", "add", "github", str(tmp_path / "git"), cwd=small)
    run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "data"), cwd=small)
    commit(small, "A remote")
    run("git", "push", "github", "main", cwd=small)
    assert list((tmp_path / "data/files/md5").glob("??/*"))
    shutil.rmtree(small / "data/models/w2-4")
    run("git", "checkout", "-b", "branch", cwd=small)
    assert (small / "data/models/w2-4/results.json").exists()


def test_citation_is_of_the_schema_and_of_this_version() -> None:
    path = ROOT / "CITATION.cff"
    run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", str(path), cwd=ROOT)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert read_yaml(path.read_text(), str(path))["version"] == version
