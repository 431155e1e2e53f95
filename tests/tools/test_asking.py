"""What the next question costs, in epochs and seconds: counted and set beside each other."""

import sys
from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import run
from tools.asking import Asked, asked, page, questions


def test_epochs_that_were_trained_are_counted_and_no_other_line(tmp_path: Path) -> None:
    told = "w2-4 seed 0: 1 of 3 epochs were trained before\nw2-4 seed 0 epoch 2/3: x\ndepth-1 seed 1 epoch 3/3: x\n"
    assert asked([sys.executable, "-c", f"print({told!r})"], tmp_path).epochs == 2


def test_command_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"failed in (?s:.*)no such stage"):
        asked([sys.executable, "-c", "import sys; sys.exit('no such stage')"], tmp_path)


def test_each_row_has_both_versions_and_how_many_times_as_fast_the_second_is() -> None:
    text = page("x", ["abc", "here"], [(["dvc", "repro"], [Asked(30.0, 11), Asked(12.0, 9)])])
    assert "| `dvc repro` | 11 | 30.0 | 9 | 12.0 | 2.5 |" in text
    assert "| in this order | abc: epochs | abc: s | here: epochs | here: s | times as fast |" in text


def test_more_epochs_are_asked_for_and_then_as_many_as_at_first() -> None:
    asked_last = [command[-1] for command in questions(["-S", "train.epochs=15", "-S", "train.threads=1"])]
    assert asked_last[-2:] == ["train.epochs=20", "train.epochs=15"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "asking: holds '', may hold an older revision, and options of `dvc exp run`"),
        (["-S", "train.epochs=1"], "asking: holds '-S', may hold an older revision, and options of `dvc exp run`"),
        (["nowhere"], "asking: git rev-parse "),
    ],
)
def test_no_revision_is_refused_in_one_line(fresh: Path, words: list[str], said: str) -> None:
    (line,) = run(sys.executable, "-m", "tools.asking", *words, cwd=fresh, status=1).splitlines()
    assert line.startswith(said)
