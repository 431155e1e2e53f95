"""The page's charts as specifications: which field of which rows is drawn, where, in which colour.

That every number is drawn in its chart is shown on the made-up study, in test_numbers.py.
"""

import math
from typing import Any

import pandas as pd
import pytest

from stages.report.charts import FAILED, MARK, MEANS, accuracy_chart, colours, cost_chart, curves_chart, layers_chart
from tests.report.specifications import layer, layers_of

RUNS = pd.DataFrame(
    [
        ("a", 0, 0.80, True, 0.85),
        ("a", 1, 0.90, True, 0.85),
        ("b", 0, 0.10, False, 0.10),
        ("b", 1, math.nan, False, 0.10),
        ("c", 0, 0.70, True, math.nan),
    ],
    columns=["architecture", "seed", "test_accuracy", "learned", "reference"],
)
NUMBERS = pd.DataFrame(
    [("a", 0.85, 0.78, 0.92), ("b", *[math.nan] * 3), ("c", 0.70, math.nan, math.nan)],
    columns=["architecture", *MEANS],
)


def test_runs_are_points_in_percent_and_failed_ones_red_crosses_at_the_lower_edge() -> None:
    chart = accuracy_chart(RUNS, NUMBERS, "filters")
    points = layer(chart, "point")
    assert points.drawn("x", "xOffset", "y", "color") == [
        ("a", 0, 80.0, "learned"),
        ("a", 1, 90.0, "learned"),
        ("b", 0, 0, "never learned"),
        ("b", 1, 0, "never learned"),
        ("c", 0, 70.0, "learned"),
    ]
    assert [row["test_accuracy"] for row in points.rows] == [80.0, 90.0, 10.0, None, 70.0]  # as the tooltip says
    assert points.encoding["x"]["sort"] == ["a", "b", "c"]
    for channel, looks in (("color", [MARK, FAILED]), ("shape", ["circle", "cross"])):
        assert points.domain(channel) == ["learned", "never learned"]
        assert points.encoding[channel]["scale"]["range"] == looks


def test_means_intervals_and_the_notebook_s_number_are_on_the_scale_of_the_points() -> None:
    chart = accuracy_chart(RUNS, NUMBERS, "filters")
    assert layer(chart, "rule").drawn("x", "y", "y2") == [("a", 78.0, 92.0)]
    assert layer(chart, "tick", 1).drawn("x", "y") == [("a", 85.0)]
    assert layer(chart, "tick", 0).drawn("x", "y") == [("a", 85.0), ("b", 10.0)]
    for found in layers_of(chart):
        assert found.encoding["y"]["scale"] == {"domain": [69, 93], "nice": False, "clamp": True}


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [([0.80, 0.92], [79, 93]), ([0.10, 0.80, 0.92], [79, 93]), ([0.25, 0.265], [25, 27]), ([0.10], [0, 100])],
)
def test_cost_has_a_front_on_an_axis_of_what_has_learnt_something(accuracies: list[float], expected: list[int]) -> None:
    places = range(len(accuracies))
    costs = pd.DataFrame({"architecture": [f"{k}" for k in places], "validation_accuracy": accuracies})
    chart = cost_chart(costs.assign(flops=[10 * (3 - k) for k in places]), "flops", "cost")
    points, front = layer(chart, "point"), layer(chart, "line")
    assert points.domain("y") == expected
    assert points.drawn("color", "x", "y") == [
        (f"{k}", 10 * (3 - k), pytest.approx(100 * accuracies[k])) for k in places
    ]
    assert front.drawn("y")[-1] == (pytest.approx(100 * accuracies[-1]),), "the cheapest and most accurate"
    assert len(front.rows) == 1
    assert points.encoding["x"]["scale"]["type"] == front.encoding["x"]["scale"]["type"] == "log"


CURVES = pd.DataFrame(
    [("a", "width", 0, 1, 2.3), ("a", "width", 0, 2, 1.5), ("a", "width", 1, 1, 2.2), ("1 block", "depth", 0, 1, 2.1)],
    columns=["architecture", "family", "seed", "epoch", "loss"],
)


def test_curves_are_a_line_per_seed_over_every_epoch_above_the_chance_level() -> None:
    chart = curves_chart(CURVES, "loss", "title", ".1f", chance_loss=1.0397)
    lines = layer(chart, "line")
    assert lines.drawn("color", "strokeDash", "detail", "x", "y") == list(CURVES.itertuples(index=False, name=None))
    assert lines.domain("color") == ["a", "1 block"]
    assert lines.encoding["color"]["scale"]["range"] == colours(["a", "1 block"])
    assert lines.domain("strokeDash") == ["width", "depth", "custom"]
    assert next(entry for entry in chart.to_dict()["params"] if entry["name"] == "shown")["value"] == ["a", "1 block"]
    assert layer(chart, "rule").drawn("y") == [(1.0397,)]
    assert layer(chart, "text").encoding["x"]["datum"] == 2
    assert len(layers_of(curves_chart(CURVES, "loss", "title", ".1f"))) == 1


def test_more_runs_than_altair_s_limit_are_all_drawn() -> None:
    many = RUNS[:1].loc[[0] * 5001].assign(seed=range(5001)).reset_index(drop=True)
    assert len(layer(accuracy_chart(many, NUMBERS[:1], "filters"), "point").rows) == 5001


@pytest.mark.parametrize(
    ("measure", "drawn", "scale"),
    [
        ("gradient_norm", [(0, "hidden", 0.5), (1, "hidden", 1e-7), (1, "last", 0.3)], {"type": "log", "nice": False}),
        ("saturated", [(0, "hidden", 0.0), (1, "hidden", 1.0)], {"domain": [0, 1]}),
    ],
)
def test_layers_are_lines_and_a_logarithmic_axis_has_no_zero(
    measure: str, drawn: list[tuple[Any, ...]], scale: dict[str, Any]
) -> None:
    layers = pd.DataFrame(
        {"epoch": [0, 0, 1, 1], "layer": ["hidden", "last"] * 2, "gradient_norm": [0.5, 0, 1e-7, 0.3]}
    )
    layers["saturated"] = [0.0, math.nan, 1.0, math.nan]
    lines = layer(layers_chart(layers, measure, "title", logarithmic=measure == "gradient_norm"), "line")
    assert lines.drawn("x", "color", "y") == drawn
    assert lines.encoding["y"]["scale"] == scale
