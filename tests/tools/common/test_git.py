"""What Git says, and how it says no: in its own words, from this clone alone, and within a time."""

import os
from functools import partial
from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import commit, run
from tools.common.git import GitError, ask, check_held, file_at, git, git_or_none, is_at

CONTENT = b"caf\xe9\r\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, each with its own content of the file."""
    place = tmp_path / "repository"
    place.mkdir()
    run("git", "init", "--quiet", "--initial-branch=main", cwd=place)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=place)
    (place / "file").write_bytes(CONTENT)
    (place / "same").write_text("the same\n")
    commit(place, "A file")
    (place / "file").write_text("other\n")
    commit(place, "Another content")
    monkeypatch.chdir(place)
    return place


def partial_clone(repository: Path, filtered: str) -> Path:
    clone = repository.with_name("clone")
    run("git", "clone", "--quiet", f"--filter={filtered}", f"file://{repository}", str(clone), cwd=repository.parent)
    return clone


@pytest.mark.usefixtures("repository")
def test_output_is_whole_and_what_is_no_text_is_marked() -> None:
    assert git("show", "main~1:file") == git_or_none("show", "main~1:file") == "caf\ufffd\r\n"


@pytest.mark.usefixtures("repository")
def test_failure_is_gits_own_words_in_one_line_and_a_no_is_none() -> None:
    with pytest.raises(InputError, match=r"^git show nothing: fatal: ambiguous argument 'nothing': [^\n;]*$"):
        git("show", "nothing")
    assert git_or_none("rev-parse", "--verify", "--quiet", "nothing") is None


@pytest.mark.usefixtures("repository")
def test_file_of_a_commit_is_its_bytes_and_what_is_none_there_is_none() -> None:
    assert file_at("main~1", "file") == CONTENT
    assert file_at("main", "nothing") is None
    assert is_at("main", "file")
    assert not is_at("main", "nothing")
    with pytest.raises(GitError, match="Not a valid object name nothing"):
        file_at("nothing", "file")


def test_folder_of_another_user_is_told_in_gits_words(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    for asked in (git, git_or_none):
        with pytest.raises(GitError) as caught:
            asked("rev-parse", "--verify", "--quiet", "HEAD")
        assert "detected dubious ownership" in caught.value.said
        assert caught.value.said.endswith(f"git config --global --add safe.directory {repository}")


@pytest.mark.parametrize("filtered", ["blob:none", "tree:0"])
def test_what_a_partial_clone_lacks_is_not_fetched_and_not_taken_for_absent(
    repository: Path, monkeypatch: pytest.MonkeyPatch, filtered: str
) -> None:
    """Once with a server that is there, and once with none: it is not asked."""
    monkeypatch.chdir(partial_clone(repository, filtered))
    away = repository.with_name("away")
    for _ in range(2):
        for asked in (partial(file_at, "HEAD~1", "file"), partial(check_held, ["HEAD", "HEAD~1"], ["file"])):
            with pytest.raises(GitError, match=r"`git fetch --refetch --no-filter` makes it whole$"):
                asked()
        assert file_at("HEAD", "file") == b"other\n"
        check_held(["HEAD"], ["*ile"])
        if repository.exists():
            repository.rename(away)
    away.rename(repository)
    run("git", "fetch", "--quiet", "--refetch", "--no-filter", cwd=Path.cwd())
    check_held(["HEAD", "HEAD~1"], ["file"])
    assert file_at("HEAD~1", "file") == CONTENT


def test_what_no_path_names_may_be_lacking(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(partial_clone(repository, "blob:none"))
    check_held(["HEAD", "HEAD~1"], ["same"])


def test_git_that_gives_no_answer_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of Git a command that waits for another, as Git does for one that talks to a server."""
    command, held = tmp_path / "bin/git", tmp_path / "held"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\n(echo begun; exec sleep 600) >{held}\n")
    command.chmod(0o755)
    os.mkfifo(held)
    monkeypatch.setenv("PATH", str(command.parent), prepend=os.pathsep)
    reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)  # opened as a path is, it would wait for who writes
    with pytest.raises(GitError, match=r"^git show HEAD: no answer within 2 s$"):
        ask(["show", "HEAD"], longest=2)
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as file:
        assert file.read() == b"begun\n", "its end is read when nobody holds the pipe any more"
