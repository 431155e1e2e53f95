"""What the pictures draw: every run's number at its place, in the colour of its outcome."""

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from stages.report.figures import accuracy_figure, curves_figure, write_png
from stages.training.dataset import Dataset, Split

BLUE, RED, GREY = "tab:blue", "tab:red", "0.4"
ACCURACY = pd.DataFrame(
    [
        ("n", "(2, 4)", 900, 0, 0.90, True, 0.85),
        ("n", "(2, 4)", 900, 1, 0.88, True, 0.85),
        ("m", "(5, 10)", 1900, 0, 0.20, False, math.nan),
        ("m", "(5, 10)", 1900, 1, math.nan, False, math.nan),
    ],
    columns=["name", "architecture", "parameters", "seed", "test_accuracy", "learned", "reference"],
)


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


CURVES = pd.DataFrame(
    [
        ("n", "(2, 4)", 0, 1, 2.3, 0.1),
        ("n", "(2, 4)", 0, 2, 1.5, 0.5),
        ("n", "(2, 4)", 1, 1, 2.2, 0.2),
        ("n", "(2, 4)", 1, 2, 1.1, 0.7),
        ("m", "(5, 10)", 0, 1, 2.1, 0.3),
    ],
    columns=["name", "architecture", "seed", "epoch", "loss", "val_accuracy"],
)


def dataset_of(*labels: int) -> Dataset:
    part = Split(np.zeros((len(labels), 1, 1), dtype=np.uint8), np.array(labels, dtype=np.uint8))
    return Dataset(part, part, part)


def test_curves_are_the_training_loss_and_the_monitored_accuracy_of_every_seed() -> None:
    left, right = curves_figure(CURVES, "width", dataset_of(0, 1, 2), "test").get_axes()

    def lines(axes: Axes) -> list[tuple[list[float], list[float]]]:
        each = [line for line in axes.get_lines() if line.get_marker() == "."]
        return [(np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist()) for line in each]

    assert lines(left) == [([1, 2], [2.3, 1.5]), ([1, 2], [2.2, 1.1]), ([1], [2.1])]
    assert lines(right) == [([1, 2], [10.0, 50.0]), ([1, 2], [20.0, 70.0]), ([1], [30.0])]
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss, nats", "test accuracy, %")
    colours = [line.get_color() for line in right.get_lines()]
    assert colours[0] == colours[1] != colours[2]


@pytest.mark.parametrize(
    ("labels", "height", "text"),
    [
        ((3, 5, 9), math.log(3), "ln 3: nothing learnt"),
        ((2, 2, 7, 9), 1.5 * math.log(2), "entropy of the labels: nothing learnt"),
    ],
)
def test_dashed_line_is_the_entropy_of_the_labels(labels: tuple[int, ...], height: float, text: str) -> None:
    left, _ = curves_figure(CURVES, "width", dataset_of(*labels), "test").get_axes()
    dashed = next(line for line in left.get_lines() if line.get_linestyle() == "--")
    assert np.asarray(dashed.get_ydata()) == pytest.approx([height, height])
    assert [note.get_text() for note in left.texts] == [text]


@pytest.mark.parametrize("accuracies", [[0.9, 0.89], [0.9, 0.1], [0.1, 0.1], [None, None], [0.9, None], []])
def test_pictures_are_drawn_whatever_learned_and_no_setting_of_matplotlib_changes_a_byte(
    tmp_path: Path, accuracies: list[float | None]
) -> None:
    rows = [("n", "a", 900, seed, value, value == 0.9, math.nan) for seed, value in enumerate(accuracies)]
    table = pd.DataFrame(rows, columns=ACCURACY.columns).astype({"test_accuracy": float, "learned": bool})
    curves = CURVES[: len(rows)]

    def drawn_bytes(name: str) -> list[bytes]:
        paths = [tmp_path / f"{name}-accuracy.png", tmp_path / f"{name}-curves.png"]
        write_png(paths[0], accuracy_figure(table, "width"))
        write_png(paths[1], curves_figure(curves, "width", dataset_of(0, 1), "test"))
        return [path.read_bytes() for path in paths]

    plain = drawn_bytes("plain")
    with mpl.rc_context({"text.usetex": True, "font.family": "monospace", "savefig.facecolor": "red"}):
        assert drawn_bytes("changed") == plain
