"""The numbers in the page's charts, each held by a made-up study in which a wrong formula gives another."""

import html
import re

import pytest

from tests.made_up_study import RUNS, SEEDS
from tests.report.conftest import said
from tests.report.specifications import Specification, layer

LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks"]


def test_accuracy_charts_are_of_their_family(charts: dict[str, Specification]) -> None:
    for family, labels in (("width", LABELS[:3]), ("depth", LABELS[3:])):
        points = layer(charts[f"accuracy-{family}"], "point")
        assert points.drawn("x", "xOffset") == [(label, seed) for label in labels for seed in SEEDS]
    assert layer(charts["accuracy-width"], "rule").drawn("x", "y", "y2") == [
        ("(2, 4)", pytest.approx(56.588, abs=1e-3), pytest.approx(107.412, abs=1e-3)),
        ("(8, 16)", pytest.approx(84.065, abs=1e-3), pytest.approx(94.935, abs=1e-3)),
    ]
    assert layer(charts["accuracy-width"], "tick", 1).drawn("y") == [(pytest.approx(82.0),), (pytest.approx(89.5),)]


def test_start_chart_has_every_architecture_s_rate_with_its_interval(charts: dict[str, Specification]) -> None:
    rates, texts = layer(charts["starts"], "point"), layer(charts["starts"], "text")
    assert rates.drawn("y", "x") == list(zip(LABELS, [50.0, 100.0, 25.0, 100.0, 100.0], strict=True))
    assert texts.drawn("text") == [(f"{count} of 4",) for count in (2, 4, 1, 4, 4)]
    assert layer(charts["starts"], "rule").drawn("x", "x2")[0] == (
        pytest.approx(6.76, abs=0.01),
        pytest.approx(93.24, abs=0.01),
    )


def test_learning_curves_are_training_loss_and_watched_accuracy(charts: dict[str, Specification]) -> None:
    first = RUNS["w2-4"][0]
    loss, accuracy = (layer(charts[f"curves-{what}"], "line") for what in ("loss", "accuracy"))
    assert loss.drawn("color", "detail", "x", "y")[:3] == [("(2, 4)", 7, k + 1, first.losses[k]) for k in range(3)]
    assert accuracy.drawn("y")[:3] == [(value,) for value in first.validation]
    assert len(loss.rows) == 5 * 4 * 3 - 2  # the seed that diverged in its second epoch has one
    assert layer(charts["curves-loss"], "rule").drawn("y") == [(pytest.approx(1.03972, abs=1e-5),)]
    assert not [found for found in charts["curves-accuracy"]["layer"] if found["mark"]["type"] == "rule"]


def test_each_cost_has_a_front_of_its_own(charts: dict[str, Specification]) -> None:
    accuracies = dict(zip(LABELS, [59.0, 88.0, 45.25, 81.5, 73.0], strict=True))
    fronts = {}
    for cost in ("parameters", "training_flops"):
        points, front = layer(charts[f"cost-{cost}"], "point"), layer(charts[f"cost-{cost}"], "line")
        assert points.field("x") == front.field("x") == cost
        assert dict(points.drawn("color", "y")) == pytest.approx(accuracies)
        fronts[cost] = [row["architecture"] for row in front.rows]
    assert fronts == {
        "parameters": ["(8, 16)", "1 block", "2 blocks"],  # 5000, 4000 and 800
        "training_flops": ["(2, 4)", "(8, 16)", "1 block"],  # two blocks take more than one
    }


def test_layers_are_those_of_the_best_run_that_started_and_of_one_that_failed(
    text: str, charts: dict[str, Specification]
) -> None:
    assert "A run that learned: (8, 16), seed 2" in said(text)  # 94 % of the test images
    assert "A run that never learned: (2, 4), seed 7" in said(text)
    for outcome, seed in (("learned", 2), ("failed", 7)):
        lines = layer(charts[f"gradient-{outcome}"], "line")
        assert lines.drawn("x", "color", "y")[0] == (0, "block1_conv1", 0.001 * (seed + 1))
        assert {epoch for (epoch,) in lines.drawn("x")} == {0, 1, 2, 3}
        assert layer(charts[f"saturated-{outcome}"], "line").drawn("x", "y")[-1] == (3, 0.3)


def test_errors_are_those_of_the_run_of_highest_validation_accuracy(
    text: str, charts: dict[str, Specification]
) -> None:
    """Seed 0 has 92 % of the validation images and 86 % of the test images; seed 2 has 94 % of those."""
    words = said(text)
    assert "The run of highest validation accuracy: (8, 16), seed 0." in words
    captions = re.findall(r"<figcaption>([^<]*said to be[^<]*)</figcaption>", text)
    assert [html.unescape(caption).replace("\xa0", " ") for caption in captions] == [
        "nine, said to be two with 75.0 %",
        "five, said to be nine with 70.0 %",
        "five, said to be nine with 65.0 %",
    ]
    bars = layer(charts["errors"], "bar")
    assert bars.drawn("y", "x") == [("two", 0.0), ("five", pytest.approx(200 / 3)), ("nine", 50.0)]
    assert [row["mistaken_for"] for row in bars.rows] == ["", "nine", "two"]
