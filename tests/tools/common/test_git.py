"""What Git says, and how it says no."""

from pathlib import Path

import pytest

from stages.common.errors import InputError
from tests.conftest import commit, run
from tools.common.git import git, git_or_none


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run("git", "init", "--quiet", "--initial-branch=main", cwd=tmp_path)
    (tmp_path / "file").write_bytes(b"caf\xe9\r\n")
    commit(tmp_path, "A file")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_output_is_whole_and_what_is_no_text_is_marked() -> None:
    assert git("show", "main:file") == git_or_none("show", "main:file") == "caf\ufffd\r\n"


@pytest.mark.usefixtures("repository")
def test_failure_is_gits_own_words_in_one_line_or_none() -> None:
    with pytest.raises(InputError, match=r"^git show nothing: fatal: ambiguous argument 'nothing': [^\n]*$"):
        git("show", "nothing")
    assert git_or_none("show", "nothing") is None
