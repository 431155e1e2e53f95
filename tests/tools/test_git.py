"""Git's words and the remedy, from this clone alone."""

from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import commit, run
from tools.git import git


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_file_that_a_partial_clone_lacks_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filtered: str
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    run("git", "init", "--quiet", cwd=repository)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=repository)
    for content in (b"caf\xe9\r\n", b"other\n"):
        (repository / "file").write_bytes(content)
        commit(repository, "A content")
    run("git", "clone", "--quiet", f"--filter={filtered}", f"file://{repository}", "clone", cwd=tmp_path)
    monkeypatch.chdir(repository)
    assert git("show", "HEAD~1:./file") == "caf\ufffd\r\n"
    monkeypatch.chdir(tmp_path / "clone")
    with pytest.raises(InputError, match=r"Run `git fetch --refetch --no-filter`\.$"):
        git("show", "HEAD~1:./file")
    assert git("show", "HEAD:./file") == "other\n"


def test_missing_repository_and_missing_git_come_with_the_remedy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"not a git repository.*\. Run `git init`"):
        git("status")
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(InputError, match=r"^git: not on PATH\. Install Git\.$"):
        git("status")
