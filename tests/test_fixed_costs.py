"""What a stage costs before it trains, phase by phase."""

import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tools.fixed_costs import measured

TOOL = [sys.executable, "-m", "tools.fixed_costs"]


def test_every_phase_takes_its_time(reproduced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reproduced)
    seconds = measured("w2-4")
    assert list(seconds) == ["DVC", "Python", "parameters and data", "TensorFlow and Keras", "model and graph"]
    assert min(seconds.values()) > 0


def test_unknown_name_is_refused_with_those_that_are_known(fresh: Path) -> None:
    output = run(*TOOL, "w3-3", cwd=fresh, status=1)
    assert output.startswith("fixed_costs: NAME holds 'w3-3', may hold width, depth, w2-4, w5-10")
    assert len(output.splitlines()) == 1
