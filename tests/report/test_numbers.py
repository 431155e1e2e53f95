"""The numbers of the page and of its charts, of a made-up study in which a wrong formula gives another number."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.made_up_study import RUNS, SEEDS, aggregate, write_study
from tests.report.conftest import visible_text
from tests.report.specifications import Specification, layer

CUSTOM = ["deep", "plain", "huge"]  # by their parameters
LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks", *CUSTOM]


def table(text: str) -> dict[str, dict[str, str]]:
    """Return the table of all architectures: its cells by architecture and heading."""
    body = re.search(r'<table class="sortable">(.*?)</table>', text, flags=re.DOTALL)
    assert body
    titles = [html.unescape(title) for title in re.findall(r"<button[^>]*>(.*?)</button>", body[1])][1:]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', body[1], flags=re.DOTALL)
    return {
        html.unescape(label): dict(zip(titles, re.findall(r"<td>(.*?)</td>", cells), strict=True))
        for label, cells in rows
    }


def test_page_says_what_was_trained_and_when_a_run_counts_as_learned(text: str) -> None:
    """Half the training labels are of one class, a quarter of each other: 1.5 ln 2 nats."""
    words = visible_text(text)
    assert "every architecture trained for 3 epochs on 12 images of fashion-mnist, from 4 seeds." in words
    assert "ever fell below 0.993 nats, which is 2.2 / ln 10 of the" in words
    assert "the entropy of the training labels, 1.040 nats" in words
    assert "The data have 3 classes." in words


def test_table_has_every_number_of_an_architecture(text: str) -> None:
    rows = table(text)
    assert list(rows) == LABELS
    assert rows["(2, 4)"] == {
        "test accuracy": "65.33",
        "learned": "2 of 4",
        "learned, 95 %": "7 to 93",
        "of those that learned": "82.00",
        "standard deviation": "2.83",
        "95 %": "56.59 to 107.41",
        "validation": "59.00",
        "parameters": "900",
        "FLOPs per image": "0.2 M",
        "family": "width",
    }
    assert list(rows["(10, 20)"].values())[:6] == ["43.50", "1 of 4", "1 to 81", "78.00", "-", "-"]


def test_sections_verdicts_and_data_are_those_of_the_study(text: str, compared: Path) -> None:
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sorted(re.findall(r'<a href="#(\w+)">', text)) == sorted(sections)
    assert sections == ["verdicts", "accuracy", "curves", "why", "cost", "table", "errors", "provenance"]
    words = visible_text(text)
    for entry in json.loads((compared / "metrics/verdicts.json").read_text()).values():
        assert f"{entry['claim']}: {entry['verdict']}" in words
        assert entry["sentence"] in words
    assert re.search(
        r"The number of blocks has an optimum: [a-z ]+ here, contradicted in part by the 5 seeds on record .*? "
        r"On record \(records/study\): made up, of five seeds",
        words,
    )
    assert "Data: 12 train, 4 validation, 6 test images" in words


def test_accuracy_charts_are_of_their_family(charts: dict[str, Specification]) -> None:
    for family, labels in (("width", LABELS[:3]), ("depth", LABELS[3:5]), ("custom", CUSTOM)):
        points = layer(charts[f"accuracy-{family}"], "point")
        assert points.drawn("x", "xOffset") == [(label, seed) for label in labels for seed in SEEDS]
    assert layer(charts["accuracy-width"], "rule").drawn("x", "y", "y2") == [
        ("(2, 4)", pytest.approx(56.588, abs=1e-3), pytest.approx(107.412, abs=1e-3)),
        ("(8, 16)", pytest.approx(84.065, abs=1e-3), pytest.approx(94.935, abs=1e-3)),
    ]
    assert layer(charts["accuracy-width"], "tick", 1).drawn("y") == [(pytest.approx(82.0),), (pytest.approx(89.5),)]


def test_learning_curves_are_training_loss_and_monitored_accuracy(charts: dict[str, Specification]) -> None:
    first = RUNS["w2-4"][0]
    loss, accuracy = (layer(charts[f"curves-{measure}"], "line") for measure in ("loss", "accuracy"))
    assert loss.drawn("color", "detail", "x", "y")[:3] == [("(2, 4)", 7, k + 1, first.losses[k]) for k in range(3)]
    assert accuracy.drawn("y")[:3] == [(value,) for value in first.validation]
    assert len(loss.rows) == 8 * 4 * 3 - 2  # the seed that diverged in its second epoch has one
    assert layer(charts["curves-loss"], "rule").drawn("y") == [(pytest.approx(1.03972, abs=1e-5),)]
    assert not [found for found in charts["curves-accuracy"]["layer"] if found["mark"]["type"] == "rule"]
    dashes = dict(loss.drawn("color", "strokeDash"))
    assert [dashes[name] for name in ("(2, 4)", "1 block", *CUSTOM)] == ["width", "depth"] + ["custom"] * 3


def test_each_cost_has_a_front_of_its_own(charts: dict[str, Specification]) -> None:
    accuracies = dict(zip(LABELS, [59.0, 88.0, 45.25, 81.5, 73.0, 90.0, 89.0, 99.0], strict=True))
    fronts = {}
    for cost in ("parameters", "training_flops"):
        points, front = layer(charts[f"cost-{cost}"], "point"), layer(charts[f"cost-{cost}"], "line")
        assert points.field("x") == front.field("x") == cost
        assert dict(points.drawn("color", "y")) == pytest.approx(accuracies)
        fronts[cost] = [row["architecture"] for row in front.rows]
    assert fronts == {
        "parameters": ["2 blocks", "deep", "huge"],  # 800, 950 and 6000
        "training_flops": ["plain", "huge"],
    }


def test_layers_are_those_of_the_best_run_that_learned_and_of_one_that_failed(
    text: str, charts: dict[str, Specification]
) -> None:
    assert "A run that learned: huge, seed 2" in visible_text(text)  # 99.5 % of the test images
    assert "A run that never learned: (2, 4), seed 7" in visible_text(text)
    for outcome, seed in (("learned", 2), ("failed", 7)):
        lines = layer(charts[f"gradient-{outcome}"], "line")
        assert lines.drawn("x", "color", "y")[0] == (0, "block1_conv1", 0.001 * (seed + 1))
        assert {epoch for (epoch,) in lines.drawn("x")} == {0, 1, 2, 3}
        assert layer(charts[f"saturated-{outcome}"], "line").drawn("x", "y")[-1] == (3, 0.3)


def test_errors_are_shown_with_escaped_names_of_classes(tmp_path: Path) -> None:
    """Of one seed and without the custom networks, (8, 16) is best and gets three of six test images wrong."""
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    write_study(tmp_path, chosen=[0])
    aggregate(tmp_path)
    text = (tmp_path / "plots/report.html").read_text()
    assert table(text)["(8, 16)"] == {
        "test accuracy": "86.00",
        "learned": "1 of 1",
        "validation": "92.00",
        "parameters": "5,000",
        "FLOPs per image": "1.9 M",
        "family": "width",
    }
    captions = re.findall(r"<figcaption>([^<]*, predicted [^<]*)</figcaption>", text)
    assert [caption.replace("&nbsp;", " ") for caption in captions] == [
        "nine, predicted &lt;b&gt;two with 75.0 %",
        "five, predicted nine with 70.0 %",
        "five, predicted nine with 65.0 %",
    ]
    assert re.findall(r'<th scope="row">([^<]*)</th><td>([^<]*)</td><td>(\d)</td><td>([\d.]+)</td>', text) == [
        ("five", "nine", "2", "66.7"), ("nine", "&lt;b&gt;two", "1", "50.0"),
    ]  # fmt: skip


def test_page_is_one_small_file(text: str) -> None:
    assert len(text.encode()) < 1_200_000
    markup = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)="(?!data:|#)""", markup) == []
