"""The page's charts against epochs, as specifications."""

import math

import pandas as pd
import pytest

from stages.report.courses import MOST_ROWS, curves_chart, layers_chart
from stages.report.style import colours
from tests.report.specifications import layer, layers_of

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


def test_plateau_is_drawn_where_it_is_given_with_its_name_at_the_last_epoch() -> None:
    chart = curves_chart(CURVES, "loss", "title", ".1f", plateau=1.0397)
    assert layer(chart, "rule").drawn("y") == [(1.0397,)]
    name = layer(chart, "text")
    assert name.drawn("y", "text") == [(1.0397, "nothing learnt")]
    assert name.encoding["x"]["datum"] == 2
    assert len(layers_of(curves_chart(CURVES, "loss", "title", ".1f"))) == 1


def test_long_curves_keep_their_first_epoch_and_every_so_many_th() -> None:
    epochs = 2 * MOST_ROWS + 1
    long = pd.DataFrame({"architecture": "a", "family": "width", "seed": 0, "epoch": range(1, epochs + 1)})
    shown = [epoch for (epoch,) in layer(curves_chart(long.assign(loss=1.0), "loss", "t", "d"), "line").drawn("x")]
    assert shown[:3] == [1, 3, 6]
    assert len(shown) <= MOST_ROWS + 1


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


def test_saturated_shares_are_on_an_axis_of_shares() -> None:
    lines = layer(layers_chart(LAYERS, "saturated", "share", logarithmic=False), "line")
    assert lines.drawn("x", "color", "y") == [(0, "hidden", 0.1), (1, "hidden", 1.0)]
    assert lines.domain("y") == [0, 1]
