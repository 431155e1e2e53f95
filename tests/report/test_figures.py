"""What the pictures draw: every run's number at its place, in the colour of its outcome."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from stages.report.figures import accuracy_figure, curves_figure, write_png
from tests.conftest import table
from tests.training.test_dataset import dataset_of

BLUE, RED, GREY = "tab:blue", "tab:red", "0.4"
ACCURACY = table("""name, architecture, parameters, seed, test_accuracy, learned, reference
n, "(2, 4)", 900, 0, 0.90, True, 0.85
n, "(2, 4)", 900, 1, 0.88, True, 0.85
m, "(5, 10)", 1900, 0, 0.20, False,
m, "(5, 10)", 1900, 1, , False,
""")


def drawn(axes: Axes) -> dict[str, tuple[list[float], list[float], str]]:
    """Return x, y and colour of each drawn line, by its label."""
    return {
        str(line.get_label()): (
            np.asarray(line.get_xdata(), dtype=float).round(2).tolist(),
            np.asarray(line.get_ydata(), dtype=float).round(6).tolist(),
            str(line.get_color()),
        )
        for line in axes.get_lines()
    }


def test_seeds_are_drawn_side_by_side_in_per_cent_and_in_the_colour_of_their_outcome() -> None:
    upper, lower = accuracy_figure(ACCURACY, "width").get_axes()
    assert drawn(upper) == {
        "the notebook's single run": ([0.0], [85.0], GREY),
        "one seed": ([-0.04, 0.04], [90.0, 88.0], BLUE),
        "one seed, never learned": ([0.96], [20.0], RED),
        "one seed, loss NaN or infinite": ([1.04], [0.0], RED),
    }
    assert drawn(lower) == drawn(upper)
    bottom, top = upper.get_ylim()
    assert 80 < bottom < 85
    assert 90 < top < 95
    bottom, top = lower.get_ylim()
    assert bottom < 0
    assert 20 < top < 40
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["(2, 4)\n900", "(5, 10)\n1,900"]


def test_one_panel_is_enough_where_no_run_lies_far_below() -> None:
    assert len(accuracy_figure(ACCURACY[:2], "depth").get_axes()) == 1
    far = ACCURACY[:2].assign(reference=0.1)
    assert len(accuracy_figure(far, "depth").get_axes()) == 2


CURVES = table("""name, architecture, seed, epoch, loss, val_accuracy
n, "(2, 4)", 0, 1, 2.3, 0.1
n, "(2, 4)", 0, 2, 1.5, 0.5
n, "(2, 4)", 1, 1, 2.2, 0.2
n, "(2, 4)", 1, 2, 1.1, 0.7
m, "(5, 10)", 0, 1, 2.1, 0.3
""")


def test_curves_are_the_training_loss_and_the_monitored_accuracy_of_every_seed() -> None:
    left, right = curves_figure(CURVES, "width", dataset_of([0, 1, 2], [0]), "test").get_axes()

    def lines(axes: Axes) -> list[tuple[list[float], list[float]]]:
        each = [line for line in axes.get_lines() if line.get_marker() == "."]
        return [(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()) for line in each]

    assert lines(left) == [([1, 2], [2.3, 1.5]), ([1, 2], [2.2, 1.1]), ([1], [2.1])]
    assert lines(right) == [([1, 2], [10.0, 50.0]), ([1, 2], [20.0, 70.0]), ([1], [30.0])]
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss, nats", "test accuracy, %")
    colours = [line.get_color() for line in right.get_lines()]
    assert colours[0] == colours[1] != colours[2]


@pytest.mark.parametrize(
    ("labels", "text"),
    [([3, 5, 9], "ln 3: nothing learnt"), ([2, 2, 7, 9], "entropy of the labels: nothing learnt")],
)
def test_dashed_line_is_the_chance_level_loss(labels: list[int], text: str) -> None:
    dataset = dataset_of(labels, labels)
    left, _ = curves_figure(CURVES, "width", dataset, "test").get_axes()
    (dashed,) = [line.get_ydata() for line in left.get_lines() if line.get_linestyle() == "--"]
    assert np.unique(dashed) == [dataset.chance_loss]
    assert [note.get_text() for note in left.texts] == [text]


@pytest.mark.parametrize("accuracies", [[0.9, 0.89], [0.9, 0.1], [0.1, 0.1], [None, None], [0.9, None], []])
def test_pictures_are_drawn_whatever_learned(tmp_path: Path, accuracies: list[float | None]) -> None:
    rows = [("n", "a", 900, seed, value, value == 0.9, math.nan) for seed, value in enumerate(accuracies)]
    runs = pd.DataFrame(rows, columns=ACCURACY.columns).astype({"test_accuracy": float, "learned": bool})
    write_png(tmp_path / "accuracy.png", accuracy_figure(runs, "width"))
    write_png(tmp_path / "curves.png", curves_figure(CURVES[: len(rows)], "width", dataset_of([0, 1], [0]), "test"))
