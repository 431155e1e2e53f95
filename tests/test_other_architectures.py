"""Architectures of other kinds than the notebook's, asked for as docs/experiments.md says."""

from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import documented, ran_stages, run
from tests.test_experiments import metrics

pytestmark = pytest.mark.slow


def test_another_kind_of_layer_in_width_trains_that_family_and_is_compared(small: Path) -> None:
    """The documented command, to the tables: only a training has layers of that kind."""
    output = run(*documented("dvc exp run -S width.normalization=batch"), cwd=small)
    assert set(ran_stages(output)) == {"train@width", "train_width@w2-4", "aggregate"}
    assert metrics(small)["width"]["parameters"] == 623834 + 3 * (8 + 16)  # 4 a channel, in the place of a bias
    assert '"normalization": "batch"' in (small / "data/models/width/results.json").read_text()


def test_a_network_whose_blocks_differ_is_asked_for_in_one_command(small: Path) -> None:
    """The documented command, to the page: only a training has layers of such blocks."""
    output = run(
        *documented(
            "dvc exp run -S 'width.filters=[8,8,16,16]' -S width.blocks=2 -S width.pool_stride=2 -S width.kernel_size=3"
        ),
        cwd=small,
    )
    assert set(ran_stages(output)) == {"train@width", "train_width@w2-4", "aggregate"}
    assert metrics(small)["width"]["parameters"] == 80 + 584 + 1168 + 2320 + 62800 + 810
    row = pd.read_csv(small / "plots/width_accuracy.csv").iloc[-1]
    assert row["architecture"] == "(8, 8 / 16, 16)"
    assert "(8, 8 / 16, 16)" in (small / "plots/report.html").read_text()
    layers = pd.read_csv(small / "data/models/width/layers.csv")
    assert list(layers["layer"].unique()) == [
        *(f"block{block}_conv{number}" for block in (1, 2) for number in (1, 2)), "hidden", "probabilities",
    ]  # fmt: skip
