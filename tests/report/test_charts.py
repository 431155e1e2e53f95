"""The page's charts as specifications: which field of which rows is drawn, where, in which colour."""

import math

import pandas as pd
import pytest

from stages.report.charts import (
    MOST_ROWS,
    accuracy_chart,
    axis_range,
    colours,
    cost_chart,
    curves_chart,
    layers_chart,
)
from tests.report.specifications import layer, layers_of

BLUE, RED = "#2f86c6", "#e0484b"

SEEDS = pd.DataFrame(
    [
        ("a", 0, 0.80, True, 0.85),
        ("a", 1, 0.90, True, 0.85),
        ("b", 0, 0.10, False, 0.10),
        ("b", 1, math.nan, False, 0.10),
        ("c", 0, 0.70, True, math.nan),
    ],
    columns=["architecture", "seed", "test_accuracy", "learned", "reference"],
).assign(name=lambda table: table["architecture"])
MEANS = pd.DataFrame(
    {"architecture": ["a", "b", "c"], "mean": [0.85, math.nan, 0.70], "low": [0.78, math.nan, math.nan]}
).assign(high=[0.92, math.nan, math.nan])


def test_accuracy_is_drawn_a_point_per_run_in_percent_and_failed_runs_at_the_lower_edge() -> None:
    points = layer(accuracy_chart(SEEDS, MEANS, "filters"), "point")
    assert points.domain("y") == [69, 93]  # of 70 to 92, with a margin
    assert points.drawn("x", "xOffset", "y", "color") == [
        ("a", 0, 80.0, "learned"),
        ("a", 1, 90.0, "learned"),
        ("b", 0, 69.0, "never learned"),
        ("b", 1, 69.0, "never learned"),
        ("c", 0, 70.0, "learned"),
    ]
    assert [row["test_accuracy"] for row in points.rows] == [80.0, 90.0, 10.0, None, 70.0]  # as the tooltip says
    assert points.encoding["x"]["sort"] == ["a", "b", "c"]


def test_runs_that_learned_are_blue_circles_and_failed_ones_red_crosses() -> None:
    points = layer(accuracy_chart(SEEDS, MEANS, "filters"), "point")
    colours = dict(zip(points.domain("color"), points.encoding["color"]["scale"]["range"], strict=True))
    shapes = dict(zip(points.domain("shape"), points.encoding["shape"]["scale"]["range"], strict=True))
    assert colours == {"learned": BLUE, "never learned": RED}
    assert shapes == {"learned": "circle", "never learned": "cross"}


def test_means_and_intervals_are_those_that_there_are_on_the_scale_of_the_points() -> None:
    chart = accuracy_chart(SEEDS, MEANS, "filters")
    interval, notebook, mean = layer(chart, "rule"), layer(chart, "tick", 0), layer(chart, "tick", 1)
    assert interval.drawn("x", "y", "y2") == [("a", 78.0, 92.0)]
    assert mean.drawn("x", "y") == [("a", 85.0)]
    assert notebook.drawn("x", "y") == [("a", 85.0)]  # b's is far below the axis, c has none
    assert all(found.domain("y") == [69, 93] for found in layers_of(chart))


def test_interval_that_leaves_the_axis_ends_at_its_edge() -> None:
    means = MEANS.assign(low=[0.10, math.nan, math.nan], high=[1.60, math.nan, math.nan])
    chart = accuracy_chart(SEEDS, means, "filters")
    bottom, top = layer(chart, "rule").domain("y")
    assert layer(chart, "rule").drawn("y", "y2") == [(bottom, 160.0)]
    assert (bottom, top) == (69, 161)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        ([80.0, 92.0], (79, 93)),
        ([10.0, 80.0, 92.0], (79, 93)),
        ([25.0, 26.5], (25, 27)),
        ([10.0], (0, 100)),
        ([math.nan], (0, 100)),
    ],
)
def test_axis_shows_what_has_learnt_something(percent: list[float], expected: tuple[int, int]) -> None:
    assert axis_range(pd.Series(percent)) == expected


COSTS = pd.DataFrame(
    {
        "architecture": ["a", "b", "c"],
        "validation_accuracy": [0.90, 0.80, 0.10],
        "parameters": [30, 20, 10],
        "training_flops": [1, 3, 2],
        "front": [True, True, False],
    }
)


@pytest.mark.parametrize(("cost", "values"), [("parameters", [30, 20, 10]), ("training_flops", [1, 3, 2])])
def test_cost_is_drawn_against_validation_accuracy_with_its_own_front(cost: str, values: list[int]) -> None:
    chart = cost_chart(COSTS, cost, "cost")
    points, front = layer(chart, "point"), layer(chart, "line")
    assert points.domain("y") == [79, 91]
    assert points.drawn("color", "x", "y", "shape") == [
        ("a", values[0], 90.0, "here"),
        ("b", values[1], 80.0, "here"),
        ("c", values[2], 79.0, "below"),
    ]
    assert front.drawn("x", "y") == [(values[0], 90.0), (values[1], 80.0)]
    assert points.encoding["x"]["scale"]["type"] == front.encoding["x"]["scale"]["type"] == "log"
    assert dict(zip(points.domain("shape"), points.encoding["shape"]["scale"]["range"], strict=True)) == {
        "here": "circle",
        "below": "cross",
    }
    assert [row["validation_accuracy"] for row in points.rows] == [90.0, 80.0, 10.0]  # as the tooltip says


CURVES = pd.DataFrame(
    [
        ("a", "width", 0, 1, 2.3, 0.1),
        ("a", "width", 0, 2, 1.5, 0.5),
        ("a", "width", 1, 1, 2.2, 0.2),
        ("a", "width", 1, 2, 1.1, 0.7),
        ("1 block", "depth", 0, 1, 2.1, 0.3),
    ],
    columns=["architecture", "family", "seed", "epoch", "loss", "val_accuracy"],
)


@pytest.mark.parametrize("measure", ["loss", "val_accuracy"])
def test_curves_are_a_line_a_seed_of_the_measure_and_of_every_epoch(measure: str) -> None:
    chart = curves_chart(CURVES, measure, "title", ".1f")
    lines = layer(chart, "line")
    expected = CURVES[["architecture", "family", "seed", "epoch", measure]]
    assert lines.drawn("color", "strokeDash", "detail", "x", "y") == list(expected.itertuples(index=False, name=None))
    assert lines.domain("color") == ["a", "1 block"]
    assert lines.encoding["color"]["scale"]["range"] == colours(["a", "1 block"])
    assert lines.domain("strokeDash") == ["width", "depth", "custom"]
    assert next(entry for entry in chart.to_dict()["params"] if entry["name"] == "shown")["value"] == ["a", "1 block"]


def test_chance_level_loss_is_drawn_if_it_is_given_with_its_name_at_the_last_epoch() -> None:
    chart = curves_chart(CURVES, "loss", "title", ".1f", chance_loss=1.0397)
    assert layer(chart, "rule").drawn("y") == [(1.0397,)]
    name = layer(chart, "text")
    assert name.drawn("y", "text") == [(1.0397, "nothing learnt")]
    assert name.encoding["x"]["datum"] == 2
    assert len(layers_of(curves_chart(CURVES, "loss", "title", ".1f"))) == 1


@pytest.mark.parametrize("epochs", [5001, 2 * MOST_ROWS + 1])
def test_long_curves_and_layers_keep_their_first_epoch_and_every_so_many_th(epochs: int) -> None:
    """Altair itself refuses more than 5,000 rows."""
    long = pd.DataFrame({"architecture": "a", "family": "width", "seed": 0, "epoch": range(1, epochs + 1)})
    table = long.assign(loss=1.0, layer="hidden", saturated=0.5)
    for chart in (curves_chart(table, "loss", "t", "d"), layers_chart(table, "saturated", "t", logarithmic=False)):
        drawn = [epoch for (epoch,) in layer(chart, "line").drawn("x")]
        every = drawn[2] - drawn[1]
        assert drawn[:3] == [1, every, 2 * every]
        assert epochs // every <= len(drawn) <= MOST_ROWS + 1


def test_more_runs_than_altair_s_limit_are_all_drawn() -> None:
    many = pd.DataFrame({"architecture": "a", "seed": range(5001), "test_accuracy": 0.9, "learned": True}).assign(
        reference=math.nan
    )
    assert len(layer(accuracy_chart(many, MEANS[:1], "filters"), "point").rows) == 5001


LAYERS = pd.DataFrame(
    {
        "epoch": [0, 0, 1, 1],
        "layer": ["hidden", "probabilities"] * 2,
        "gradient_norm": [0.5, 0.0, 1e-7, 0.3],
        "saturated": [0.1, math.nan, 1.0, math.nan],
    }
)


def test_gradients_are_on_a_logarithmic_axis_that_has_no_zero() -> None:
    lines = layer(layers_chart(LAYERS, "gradient_norm", "gradient norm", logarithmic=True), "line")
    assert lines.drawn("x", "color", "y") == [(0, "hidden", 0.5), (1, "hidden", 1e-7), (1, "probabilities", 0.3)]
    assert lines.encoding["y"]["scale"]["type"] == "log"
    assert lines.encoding["color"]["sort"] == ["hidden", "probabilities"]


def test_saturated_fractions_are_on_an_axis_of_fractions() -> None:
    lines = layer(layers_chart(LAYERS, "saturated", "fraction", logarithmic=False), "line")
    assert lines.drawn("x", "color", "y") == [(0, "hidden", 0.1), (1, "hidden", 1.0)]
    assert lines.domain("y") == [0, 1]
