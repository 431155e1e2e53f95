"""What a stage costs before it trains, phase by phase."""

import sys
from pathlib import Path

from tests.conftest import run

TOOL = [sys.executable, "-m", "tools.fixed_costs"]


def test_phases_add_up(reproduced: Path) -> None:
    lines = [line.rsplit(maxsplit=1) for line in run(*TOOL, "w2-4", cwd=reproduced).splitlines()]
    assert [what for what, _ in lines] == [
        "DVC", "Python", "parameters and data", "TensorFlow and Keras", "graph, first steps", "together",
    ]  # fmt: skip
    seconds = [float(number) for _, number in lines]
    assert seconds[3] > 0
    assert abs(sum(seconds[:-1]) - seconds[-1]) < 0.05


def test_unknown_name_is_refused_with_those_that_are_known(fresh: Path) -> None:
    output = run(*TOOL, "w3-3", cwd=fresh, status=1)
    assert output.startswith("fixed_costs: NAME holds 'w3-3', may hold width, depth, w2-4, w5-10")
    assert len(output.splitlines()) == 1
