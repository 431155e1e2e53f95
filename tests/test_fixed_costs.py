"""What a stage costs before it trains, phase by phase."""

import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tools import fixed_costs
from tools.fixed_costs import measured

TOOL = [sys.executable, "-m", "tools.fixed_costs"]


def test_every_phase_takes_its_time(reproduced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reproduced)
    seconds = measured("w2-4")
    assert list(seconds) == ["DVC", "Python", "parameters and data", "TensorFlow and Keras", "model and graph"]
    assert min(seconds.values()) > 0


def test_record_has_a_row_for_every_stage_of_the_study(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(full)
    monkeypatch.setattr(sys, "argv", ["fixed_costs"])
    monkeypatch.setattr(fixed_costs, "measured", lambda name: {"DVC": 0.5, "graph": 2.0 if name == "depth-4" else 1.0})
    fixed_costs.main()
    record = fixed_costs.RECORD.read_text()
    assert record.startswith("| stage | DVC | graph | together |\n| --- |")
    assert record.count("| 0.50 |") == 9
    assert "| depth-4 | 0.50 | 2.00 | 2.50 |" in record
    assert "- revision: " in record


def test_unknown_name_is_refused_with_those_that_are_known(fresh: Path) -> None:
    output = run(*TOOL, "w3-3", cwd=fresh, status=1)
    assert output.startswith("fixed_costs: NAME holds 'w3-3', may hold width, depth, w2-4, w5-10")
    assert len(output.splitlines()) == 1
