"""The page's charts of whole runs, as specifications: which field of which rows is drawn, where, in which colour."""

import math

import pandas as pd
import pytest

from stages.report.charts import accuracy_chart, cost_chart, errors_chart, start_chart
from stages.report.style import axis_range
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


def test_accuracy_is_drawn_a_point_a_seed_in_per_cent_and_failed_starts_at_the_lower_edge() -> None:
    points = layer(accuracy_chart(SEEDS, MEANS, "kernels"), "point")
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


def test_started_runs_are_blue_circles_and_failed_ones_red_crosses() -> None:
    points = layer(accuracy_chart(SEEDS, MEANS, "kernels"), "point")
    colours = dict(zip(points.domain("color"), points.encoding["color"]["scale"]["range"], strict=True))
    shapes = dict(zip(points.domain("shape"), points.encoding["shape"]["scale"]["range"], strict=True))
    assert colours == {"learned": BLUE, "never learned": RED}
    assert shapes == {"learned": "circle", "never learned": "cross"}


def test_means_and_intervals_are_those_that_there_are_on_the_scale_of_the_points() -> None:
    chart = accuracy_chart(SEEDS, MEANS, "kernels")
    interval, notebook, mean = layer(chart, "rule"), layer(chart, "tick", 0), layer(chart, "tick", 1)
    assert interval.drawn("x", "y", "y2") == [("a", 78.0, 92.0)]
    assert mean.drawn("x", "y") == [("a", 85.0)]
    assert notebook.drawn("x", "y") == [("a", 85.0)]  # b's is far below the axis, c has none
    assert all(found.domain("y") == [69, 93] for found in layers_of(chart))


def test_interval_that_leaves_the_axis_ends_at_its_edge() -> None:
    means = MEANS.assign(low=[0.10, math.nan, math.nan], high=[1.60, math.nan, math.nan])
    chart = accuracy_chart(SEEDS, means, "kernels")
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


def test_start_rates_are_in_per_cent_on_an_axis_of_per_cent() -> None:
    rates = pd.DataFrame({"architecture": ["b", "a"], "learned": [1, 4], "runs": [4, 4], "rate": [0.25, 1.0]}).assign(
        low=[0.01, 0.4], high=[0.8, 1.0]
    )
    chart = start_chart(rates)
    assert layer(chart, "point").drawn("y", "x") == [("b", 25.0), ("a", 100.0)]
    assert layer(chart, "rule").drawn("y", "x", "x2") == [("b", 1.0, 80.0), ("a", 40.0, 100.0)]
    assert layer(chart, "text").drawn("y", "text") == [("b", "1 of 4"), ("a", "4 of 4")]
    low, high = layer(chart, "point").domain("x")
    assert low == 0
    assert high > 100
    assert layer(chart, "point").encoding["x"]["axis"]["values"] == [0, 25, 50, 75, 100]
    assert all(found.encoding["y"]["sort"] is None for found in layers_of(chart)), "in the order of the families"


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


def test_errors_are_drawn_a_bar_a_class_in_per_cent() -> None:
    classes = pd.DataFrame({"name": ["b", "a"], "wrong": [0.125, 0.0], "mistaken_for": ["a", ""]})
    chart = errors_chart(classes)
    assert layer(chart, "bar").drawn("y", "x") == [("b", 12.5), ("a", 0.0)]
    assert layer(chart, "text").drawn("y", "x", "text") == [("b", 12.5, 12.5), ("a", 0.0, 0.0)]
    assert layer(chart, "bar").encoding["y"]["sort"] is None
