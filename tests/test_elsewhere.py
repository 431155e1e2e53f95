"""The project in other places: other settings of Git, no repository, a folder of another repository."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import commit, run


@pytest.fixture
def download(fresh: Path, tmp_path: Path) -> Path:
    """Return the files without a repository, as in a ZIP file."""
    project = Path(shutil.copytree(fresh, tmp_path / "erster Versuch ü", symlinks=True))
    shutil.rmtree(project / ".git")
    return project


@pytest.fixture
def inner(download: Path) -> Path:
    """Return the files as a committed folder of another repository."""
    run("git", "init", "--quiet", "--initial-branch=main", cwd=download.parent)
    commit(download.parent, "Outer")
    return download


def refusal(project: Path, target: str) -> str:
    """Return the one line that a target prints before make's own."""
    line, last = run("make", "--silent", target, cwd=project, status=2).splitlines()
    assert last.startswith("make: ***")
    return line


def test_settings_of_line_ends_change_no_byte_of_a_clone(fresh: Path, tmp_path: Path) -> None:
    settings = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    run("git", "clone", "--quiet", *settings, str(fresh), str(tmp_path / "clone"), cwd=tmp_path)
    names = run("git", "ls-files", "-z", cwd=fresh).split("\0")[:-1]
    assert [name for name in names if (tmp_path / "clone" / name).read_bytes() != (fresh / name).read_bytes()] == []


def test_targets_without_a_repository_work_or_are_refused_in_one_line(download: Path) -> None:
    for target in ("repro", "quick", "check", "equivalence", "cluster", "bench"):
        assert "not a git repository" in refusal(download, target)
    assert "in no cache and no remote" in run("make", "report", cwd=download)
    assert run("make", "pr-report", "BASE=HEAD", cwd=download).startswith("Nothing was compared: ")


def test_check_passes_in_a_folder_of_another_repository(inner: Path) -> None:
    assert run("make", "check", cwd=inner) == "check: the results are up to date\n"


@pytest.mark.parametrize("place", ["download", "inner"])
def test_hooks_need_a_repository_of_their_own(request: pytest.FixtureRequest, place: str) -> None:
    project = request.getfixturevalue(place)
    assert refusal(project, "hooks").startswith("hooks: not the top folder of a Git repository")
    assert not (project.parent / ".git/hooks/pre-commit").exists()
