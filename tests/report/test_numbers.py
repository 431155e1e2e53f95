"""The numbers on the page, read out of its HTML, of a made-up study in which a wrong formula gives another number."""

import html
import json
import re
from pathlib import Path

import pytest

from tests.report.conftest import said

LABELS = ["(2, 4)", "(8, 16)", "(10, 20)", "1 block", "2 blocks"]


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
        "learned": "2 of 4",
        "95 % interval": "7 to 93",
        "test accuracy, learned": "82.00",
        "deviation": "2.83",
        "95 % interval 2": "56.59 to 107.41",
        "over all runs": "65.33",
        "validation": "59.00",
    }
    sorted_by = {title: float(value) for title, (_, value) in rows["(2, 4)"].items() if value and title != "family"}
    assert sorted_by == {
        "parameters": 900,
        "operations an image": 240_320,
        "learned": 0.5,
        "95 % interval": pytest.approx(0.0676, abs=1e-4),
        "test accuracy, learned": pytest.approx(0.82),
        "deviation": pytest.approx(0.02828, abs=1e-5),
        "95 % interval 2": pytest.approx(0.56588, abs=1e-5),
        "over all runs": pytest.approx(0.65333, abs=1e-5),
        "validation": pytest.approx(0.59),
    }
    one = rows["(10, 20)"]
    assert [one[title][0] for title in ("learned", "test accuracy, learned", "over all runs")] == [
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
    assert "The blue tick is the mean of those that learned, with its 95 % interval." in said(text)
    assert "The blue tick" not in said(one_seed)
    assert "on 900 images of tests/sample, from 1 seed." in said(one_seed)
    assert "on record" not in said(one_seed), "other data than the record's"
    assert list(table(one_seed)["(2, 4)"]) == [
        "test accuracy", "validation", "learned", "parameters", "operations an image", "family",
    ]  # fmt: skip


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
