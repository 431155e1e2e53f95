"""The project where it was not made: other settings of Git, no repository, a repository around it."""

import os
import shutil
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, commit, run


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
    commit(download.parent, "Outer")
    return download


def said(project: Path, target: str) -> str:
    """Return the one line that a target says before make's own."""
    line, last = run("make", "--silent", target, cwd=project, status=2).splitlines()
    assert last.startswith("make: ***")
    return line


@pytest.mark.parametrize("autocrlf", ["true", "input"])
def test_settings_of_line_ends_change_no_byte_of_a_clone(fresh: Path, tmp_path: Path, autocrlf: str) -> None:
    settings = ["-c", f"core.autocrlf={autocrlf}", "-c", "core.eol=crlf"]
    run("git", "clone", "--quiet", *settings, str(fresh), str(tmp_path / "clone"), cwd=tmp_path)
    clone = tmp_path / "clone"
    names = run("git", "ls-files", "-z", cwd=clone).split("\0")[:-1]
    assert len(names) > 200
    assert [name for name in names if (clone / name).read_bytes() != (fresh / name).read_bytes()] == []


@pytest.mark.parametrize("target", ["repro", "quick", "check", "equivalence", "cluster", "bench"])
def test_target_that_needs_a_repository_says_so_in_one_line(download: Path, target: str) -> None:
    assert "not a git repository" in said(download, target)


def test_targets_that_need_no_repository_do_without(download: Path) -> None:
    assert "in no cache and no remote" in run("make", "report", cwd=download)
    assert run("make", "pr-report", "BASE=HEAD", cwd=download).startswith("Nothing was compared: ")


def test_check_passes_in_a_folder_of_another_repository(inner: Path) -> None:
    assert run("make", "check", cwd=inner) == "check: the results are up to date\n"


@pytest.mark.parametrize("place", ["download", "inner"])
def test_hooks_are_for_a_repository_of_their_own(request: pytest.FixtureRequest, place: str) -> None:
    project = request.getfixturevalue(place)
    assert said(project, "hooks") == "hooks: not the top folder of a Git repository. Run `git init`"
    assert not (project.parent / ".git/hooks/pre-commit").exists()


def test_ci_tests_what_lies_here_in_a_folder_with_a_space_and_an_umlaut(fresh: Path, tmp_path: Path) -> None:
    """`make` is a stand-in that shows where it is called; the whole of it is what runs this test."""
    project = Path(shutil.copytree(fresh, tmp_path / "clone", symlinks=True))
    (project / "README.md").write_text("Other words\n")
    (project / "tools/new one.py").write_text("new\n")
    (project / "CHANGELOG.md").unlink()
    for name in ("bin", "scratch"):
        (tmp_path / name).mkdir()
    make = tmp_path / "bin/make"
    make.write_text('#!/bin/sh\npwd; echo "$*"; cat README.md "tools/new one.py"; git status --porcelain\n')
    make.chmod(0o755)
    (tmp_path / "bin/chromium").symlink_to("/bin/true")
    path = f"{tmp_path / 'bin'}{os.pathsep}{ENVIRONMENT['PATH']}"
    lines = run("env", f"PATH={path}", f"TMPDIR={tmp_path / 'scratch'}", "bash", ".ci/run", cwd=project).splitlines()
    shown = ["Other words", "new", " D CHANGELOG.md", " M README.md", '?? "tools/new one.py"']
    assert lines == [lines[0], "setup", *shown, lines[0], "test", *shown]
    assert Path(lines[0]).name == "erster Versuch ü"
    assert list((tmp_path / "scratch").iterdir()) == []
