"""The table at the end of a run and the numbers that DVC compares, of the committed study and on a terminal."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from stages.analysis.outcome import ACCURACY, STUDY, SUMMARY, compared_numbers, outcome
from stages.params import load_params
from tests.analysis.test_outcome import SMALL, numbers
from tests.conftest import ENVIRONMENT, ROOT, run


def test_committed_study_ends_in_25_lines_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (ROOT, ROOT / "records/study"):
        monkeypatch.chdir(place)
        lines = outcome(load_params()).splitlines()
        assert len(lines) <= 25
        assert max(map(len, lines)) <= 80
        assert len([line for line in lines if " of " in line and line[0] in "* " and line[2] in "(1234"]) == 9


def test_committed_numbers_are_those_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    summary, study, committed = (json.loads(path.read_text()) for path in (SUMMARY, STUDY, ACCURACY))
    assert committed == compared_numbers(load_params(), summary, study)
    assert len(committed) == 2 + 9


def test_aggregate_says_the_same_on_a_terminal_of_80_columns_and_tools_outcome_says_it_again(small: Path) -> None:
    command = [sys.executable, "-m", "stages.aggregate"]
    said = run(*command, cwd=small)
    assert said.splitlines()[-1] == "All of it: plots/report.html"
    assert run(sys.executable, "-m", "tools.outcome", cwd=small) == said
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command, cwd=small, env=ENVIRONMENT | {"COLUMNS": "80", "TERM": "xterm"}, stdout=follower, stderr=follower
    )
    os.close(follower)
    shown = b""
    with suppress(OSError):  # the terminal's other end closes with the process
        while part := os.read(leader, 4096):
            shown += part
    assert process.wait() == 0
    assert shown.decode().replace("\r\n", "\n") == said


def test_compared_numbers_are_means_over_all_runs_and_leave_out_what_does_not_exist() -> None:
    study = {
        "width": {
            "w2-4": numbers(0.6, 0.85, seeds=3, learned=2),
            "w5-10": numbers(None),
            "w15-30": numbers(0.1) | {"learned": 0},
        },
        "depth": {"1": numbers(0.8), "3": numbers(0.7)},
    }
    pick = numbers(0.6, 0.85, seeds=3, learned=2, validation_accuracy=0.61)
    unheld = {name: value for name, value in numbers(0.8).items() if name != "validation_accuracy"}
    assert list(compared_numbers(SMALL, {"width": pick, "depth": unheld}, study).items()) == [
        ("width", {"validation_accuracy": 0.61, "test_accuracy": 0.6, "learned": 2}),
        ("depth", {"test_accuracy": 0.8, "learned": 1}),
        ("w2-4", 0.6),
        ("w15-30", 0.1),
        ("depth-1", 0.8),
        ("depth-3", 0.7),
    ]
