"""The project where it was not made: other settings of Git, no repository, a repository around it."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, run

NEEDED = "; a repository of Git is needed, which `git init` makes of this folder"


@pytest.fixture
def download(fresh: Path, tmp_path: Path) -> Path:
    """The files alone, as in a ZIP file."""
    project = Path(shutil.copytree(fresh, tmp_path / "erster Versuch ü", symlinks=True))
    shutil.rmtree(project / ".git")
    return project


@pytest.fixture
def inner(download: Path) -> Path:
    """The files as a folder of another repository, which has them."""
    run("git", "init", "--quiet", "--initial-branch=main", cwd=download.parent)
    run("git", "add", "--all", cwd=download.parent)
    run("git", "commit", "--quiet", "--message", "Outer", cwd=download.parent)
    return download


def said(project: Path, *command: str, status: int = 2) -> str:
    """The one line that a target of make says before make's own."""
    lines = run("make", *command, cwd=project, status=status).splitlines()
    assert len(lines) == 2, lines
    assert lines[1].startswith("make: ***")
    return lines[0]


@pytest.mark.parametrize("autocrlf", ["true", "input"])
def test_settings_of_line_ends_change_no_byte_of_a_clone(fresh: Path, tmp_path: Path, autocrlf: str) -> None:
    settings = ["-c", f"core.autocrlf={autocrlf}", "-c", "core.eol=crlf"]
    run("git", "clone", "--quiet", *settings, str(fresh), str(tmp_path / "clone"), cwd=tmp_path)
    clone = tmp_path / "clone"
    names = run("git", "ls-files", "-z", cwd=clone).split("\0")[:-1]
    assert len(names) > 200
    assert [name for name in names if (clone / name).read_bytes() != (fresh / name).read_bytes()] == []
    (clone / "mine.csv").write_bytes(b"a,b\r\n1,2\r\n")
    run("git", *settings, "add", "mine.csv", cwd=clone)
    run("git", *settings, "checkout-index", "--force", "mine.csv", cwd=clone)
    assert (clone / "mine.csv").read_bytes() == b"a,b\r\n1,2\r\n"
    assert run("git", *settings, "status", "--porcelain", cwd=clone) == "A  mine.csv\n"


@pytest.mark.parametrize("target", ["repro", "quick", "check", "equivalence", "cluster", "bench"])
def test_target_that_needs_a_repository_says_so_in_one_line(download: Path, target: str) -> None:
    line = said(download, "--silent", target)
    assert "not a git repository" in line
    assert line.endswith(NEEDED)


def test_tests_need_a_repository_and_say_so_in_one_line(download: Path) -> None:
    lines = run("pytest", "-n", "0", cwd=download, status=4).splitlines()
    assert [line for line in lines if line] == [
        f"ERROR: fatal: not a git repository (or any of the parent directories): .git{NEEDED}"
    ]


def test_targets_that_need_no_repository_do_without(download: Path) -> None:
    assert "no cache and no remote here has" in run("make", "report", cwd=download)
    assert run("make", "pr-report", "BASE=HEAD", cwd=download).startswith("Nothing was compared: ")
    run("git", "init", "--quiet", cwd=download)
    assert run("make", "--silent", "check", cwd=download) == "check: the results are up to date\n"


def test_check_passes_in_a_folder_of_another_repository(inner: Path) -> None:
    assert run("make", "check", cwd=inner) == "check: the results are up to date\n"


@pytest.mark.parametrize("place", ["download", "inner"])
def test_hooks_are_for_a_repository_of_their_own(request: pytest.FixtureRequest, place: str) -> None:
    project = request.getfixturevalue(place)
    assert said(project, "hooks") == "hooks: they need a repository of the folder itself, which `git init` makes"
    assert not (project.parent / ".git/hooks/pre-commit").exists()


def test_hooks_check_commits_where_names_have_spaces(download: Path) -> None:
    run("git", "init", "--quiet", "--initial-branch=main", cwd=download)
    run("make", "hooks", cwd=download)
    run("git", "add", "--all", cwd=download)
    run("git", "commit", "--quiet", "--no-verify", "--message", "All", cwd=download)
    (download / "tools/ein Wort ü.py").write_text("import os\n")
    run("git", "add", "--all", cwd=download)
    refused = run("git", "commit", "--message", "Unused", cwd=download, status=1)
    assert "F401" in refused


def test_ci_tests_what_lies_here_in_a_folder_with_a_space_and_an_umlaut(fresh: Path, tmp_path: Path) -> None:
    """`make` is a stand-in that shows where it is called; the whole of it is what runs this test."""
    project = Path(shutil.copytree(fresh, tmp_path / "clone", symlinks=True))
    (project / "README.md").write_text("Other words\n")
    (project / "tools/new one.py").write_text("new\n")
    (project / "CHANGELOG.md").unlink()
    (tmp_path / "bin").mkdir()
    make = tmp_path / "bin/make"
    make.write_text(
        '#!/bin/sh\npwd >>"$SAID"; echo "$*" >>"$SAID"; cat README.md "tools/new one.py"; git status --porcelain\n'
    )
    make.chmod(0o755)
    for name in ("chromium",):
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    (tmp_path / "scratch").mkdir()
    variables = [
        f"PATH={tmp_path / 'bin'}{os.pathsep}{ENVIRONMENT['PATH']}",
        f"SAID={tmp_path / 'said'}",
        f"TMPDIR={tmp_path / 'scratch'}",
    ]
    output = run("env", *variables, "bash", ".ci/run", cwd=project)
    folder, setup, again, test = (tmp_path / "said").read_text().splitlines()
    assert (setup, test, again) == ("setup", "test", folder)
    assert Path(folder).name == "erster Versuch ü"
    one = 'Other words\nnew\n D CHANGELOG.md\n M README.md\n?? "tools/new one.py"\n'
    assert output == 2 * one
    assert list((tmp_path / "scratch").iterdir()) == []
