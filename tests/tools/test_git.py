"""What Git says, and how it says no: in its own words, from this clone alone."""

from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import commit, run
from tools.git import file_at, git

CONTENT = b"caf\xe9\r\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, each with its own content of the file."""
    place = tmp_path / "repository"
    place.mkdir()
    run("git", "init", "--quiet", "--initial-branch=main", cwd=place)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=place)
    for content in (CONTENT, b"other\n"):
        (place / "file").write_bytes(content)
        commit(place, "A content")
    monkeypatch.chdir(place)
    return place


@pytest.mark.usefixtures("repository")
def test_file_of_a_commit_is_its_bytes_and_none_if_the_commit_lacks_it() -> None:
    assert file_at("main~1", "file") == CONTENT
    assert file_at("main", "nothing") is None
    with pytest.raises(InputError, match=r"^git ls-tree nothing -- file: fatal: Not a valid object name nothing$"):
        file_at("nothing", "file")


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
@pytest.mark.parametrize("reachable", [True, False])
def test_what_a_partial_clone_lacks_is_neither_fetched_nor_taken_for_absent(
    repository: Path, monkeypatch: pytest.MonkeyPatch, filtered: str, reachable: bool
) -> None:
    clone = repository.with_name("clone")
    run("git", "clone", "--quiet", f"--filter={filtered}", f"file://{repository}", str(clone), cwd=repository.parent)
    if not reachable:
        repository.rename(repository.with_name("away"))
    monkeypatch.chdir(clone)
    with pytest.raises(InputError, match=r"Run `git fetch --refetch --no-filter`\.$"):
        file_at("HEAD~1", "file")
    assert file_at("HEAD", "file") == b"other\n"


def test_missing_repository_and_missing_git_come_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"not a git repository.*\. Run `git init`"):
        git("status")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^git: not on PATH\. Install Git\.$"):
        git("status")
