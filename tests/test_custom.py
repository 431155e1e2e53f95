"""A custom architecture, from a command to its results."""

from pathlib import Path

import pytest

from tests.conftest import documented, ran_stages, run
from tests.test_aggregate import metrics_of


@pytest.mark.slow
def test_one_is_trained_alone_with_its_own_moving_average(small: Path) -> None:
    """Three experiments of one architecture: its own momentum is known by which stages train again."""
    command = documented("dvc exp run -S '+study.custom.mine={filters: [4, 8], blocks: 1, pooling: max, dense_units: 16, activation: relu}'")  # fmt: skip  # noqa: E501
    assert ran_stages(run(*command, cwd=small)) == ["train_custom@mine", "aggregate"]
    mine = metrics_of(small, "study")["custom"]["mine"]
    assert mine["parameters"] == 104 + 808 + (22 * 22 * 8 * 16 + 16) + 170
    before = (small / "data/models/mine/history.csv").read_text()

    assert ran_stages(run("dvc", "exp", "run", "-S", "+study.custom.mine.ema_momentum=0.5", cwd=small)) == [
        "train_custom@mine", "aggregate",
    ]  # fmt: skip
    averaged = (small / "data/models/mine/history.csv").read_text()
    assert averaged != before
    output = run("dvc", "exp", "run", "-S", "train.ema_momentum=0.5", "train_custom@mine", cwd=small)
    assert ran_stages(output) == ["train_custom@mine"]
    assert (small / "data/models/mine/history.csv").read_text() == averaged
