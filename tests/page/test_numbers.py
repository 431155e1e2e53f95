"""The numbers on the page, read out of its HTML, of a made-up study in which a wrong formula gives another number."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.made_up_study import RUNS, SEEDS
from tests.page.specifications import Specification, layer

LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks"]


@pytest.fixture(scope="module")
def text(made_up: Path) -> str:
    return (made_up / "plots/report.html").read_text()


@pytest.fixture(scope="module")
def charts(text: str) -> dict[str, Specification]:
    found = re.findall(r'class="specification" data-for="([^"]+)">(.*?)</script>', text, flags=re.DOTALL)
    return {name: json.loads(specification) for name, specification in found}


def said(text: str) -> str:
    """What the page says, without markup, in one line."""
    body = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", body)).split())


def test_page_says_what_was_trained_and_from_when_on_a_run_has_started(text: str) -> None:
    """Half the training labels are of one class, a quarter of each other: 1.5 ln 2 nats."""
    words = said(text)
    assert "every architecture trained for 3 epochs on 12 images of fashion-mnist, from 4 seeds." in words
    assert "ever fell below 0.993 nats, which is 2.2 / ln 10 of the plateau" in words
    assert "the entropy of the training labels, 1.040 nats" in words
    assert "The 3 classes are the labels that occur: 2, 5, 9." in words


def table(text: str) -> dict[str, dict[str, tuple[str, str]]]:
    """By architecture and heading: what a cell shows, and what it is sorted by."""
    body = re.search(r'<table class="sortable">(.*?)</table>', text, flags=re.DOTALL)
    assert body
    head, _, rows = body[1].partition("</thead>")
    titles = [html.unescape(title) for title in re.findall(r"<button[^>]*>(.*?)</button>", head)][1:]
    seen: dict[str, int] = {}
    names = []
    for title in titles:
        seen[title] = seen.get(title, 0) + 1
        names.append(title if seen[title] == 1 else f"{title} {seen[title]}")
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", rows, flags=re.DOTALL):
        label = re.search(r'<th scope="row">(.*?)</th>', row)
        assert label
        cells = re.findall(r'<td(?: data-value="(.*?)")?>(.*?)</td>', row)
        found[html.unescape(label[1])] = {
            name: (shown, value) for name, (value, shown) in zip(names, cells, strict=True)
        }
    return found


def test_table_has_every_number_of_an_architecture_as_it_is_shown_and_as_it_sorts(text: str) -> None:
    rows = table(text)
    assert list(rows) == LABELS
    shown = {title: cell for title, (cell, _) in rows["(2, 4)"].items()}
    assert shown == {
        "family": "width",
        "parameters": "900",
        "operations an image": "0.2 M",
        "started": "2 of 4",
        "95 % interval": "7 to 93",
        "test accuracy, started": "82.00",
        "deviation": "2.83",
        "95 % interval 2": "56.59 to 107.41",
        "over all runs": "65.33",
        "validation": "59.00",
    }
    sorted_by = {title: float(value) for title, (_, value) in rows["(2, 4)"].items() if value and title != "family"}
    assert sorted_by == {
        "parameters": 900,
        "operations an image": 240_320,
        "started": 0.5,
        "95 % interval": pytest.approx(0.0676, abs=1e-4),
        "test accuracy, started": pytest.approx(0.82),
        "deviation": pytest.approx(0.02828, abs=1e-5),
        "95 % interval 2": pytest.approx(0.56588, abs=1e-5),
        "over all runs": pytest.approx(0.65333, abs=1e-5),
        "validation": pytest.approx(0.59),
    }
    one = rows["(10, 20)"]
    assert [one[title][0] for title in ("started", "test accuracy, started", "over all runs")] == [
        "1 of 4", "78.00", "43.50",
    ]  # fmt: skip
    assert one["deviation"][1] == one["95 % interval 2"][1] == ""  # sorts last


def sections(text: str) -> list[str]:
    """Their order in the page, which its list of links has too."""
    found = re.findall(r'<section id="(\w+)"', text)
    assert re.findall(r'<a href="#(\w+)">', text) == found
    return found


def test_page_of_several_seeds_begins_with_the_verdicts_that_of_one_with_its_accuracy(
    text: str, reproduced: Path
) -> None:
    last = ["errors", "provenance"]
    assert sections(text) == ["verdicts", "accuracy", "starting", "curves", "why", "cost", "table", *last]
    one_seed = (reproduced / "plots/report.html").read_text()
    assert sections(one_seed) == ["table", "accuracy", "verdicts", "starting", "curves", "why", "cost", *last]
    assert "The blue tick is the mean of those that started, with its 95 % interval." in said(text)
    assert "The blue tick" not in said(one_seed)
    assert "on 900 images of tests/sample, from 1 seed." in said(one_seed)
    assert "on record" not in said(one_seed), "other data than the record's"
    assert list(table(one_seed)["(2, 4)"]) == [
        "test accuracy", "validation", "started", "parameters", "operations an image", "family",
    ]  # fmt: skip


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
    assert "A run that started: (8, 16), seed 2" in said(text)  # 94 % of the test images
    assert "A run that never started: (2, 4), seed 7" in said(text)
    for outcome, seed in (("started", 2), ("failed", 7)):
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


def test_verdicts_and_data_are_those_of_the_study(text: str, made_up: Path) -> None:
    words = said(text)
    for entry in json.loads((made_up / "metrics/verdicts.json").read_text()).values():
        assert f"{entry['claim']}: {entry['verdict']}" in words
        assert entry["sentence"] in words
    assert words.count(" by the 5 seeds on record") == words.count("On record (records/study): ") == 1
    assert re.search(
        r"The number of blocks has an optimum: [a-z ]+ here, contradicted in part by the 5 seeds on record .*? "
        r"On record \(records/study\): made up, of five seeds",
        words,
    )
    assert re.findall(r'<th scope="row">(\w+)</th><td>(\d+)</td>', text) == [
        ("train", "12"),
        ("validation", "4"),
        ("test", "6"),
    ]
