"""The README's commands are those that tests run, and its numbers those of metrics/."""

import json
import re

import pandas as pd
import pytest

from stages.params import load_params
from stages.reference import reference_accuracy
from tests.conftest import ROOT, readme_commands

ELSEWHERE = {"pytest"}  # this very run


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("*.py"))
    run_by_tests = set(re.findall(r'documented\("(.+?)"\)', tests))
    assert set(readme_commands()) == run_by_tests | ELSEWHERE


def test_results_table_is_that_of_the_metrics() -> None:
    study = json.loads((ROOT / "metrics/study.json").read_text())
    expected = []
    for named in load_params().studied():
        numbers = study[named.family][named.key]
        reference = reference_accuracy(named.architecture, "fashion-mnist")
        assert reference is not None
        filters, blocks = named.architecture.filters, named.architecture.blocks
        what = f"({filters[0]}, {filters[1]})" if named.family == "width" else f"{blocks}"
        started = f"{numbers['started']} of {numbers['seeds']}"
        expected.append(
            f"| {named.family} | {what} | {numbers['parameters']:,} | {100 * reference:.2f} "
            f"| {100 * numbers['test_accuracy']:.2f} | {started} |"
        )
    assert readme_rows()[: len(expected)] == expected


def test_table_of_five_seeds_is_that_of_the_record() -> None:
    study = json.loads((ROOT / "records/study/metrics/study.json").read_text())
    verdicts = json.loads((ROOT / "records/study/metrics/verdicts.json").read_text())
    expected = []
    for named in load_params().studied():
        numbers = {name: 100 * value for name, value in study[named.family][named.key].items()}
        started = study[named.family][named.key]["started"]
        mean, low, high = (
            f"{numbers[name]:.2f}" if started else ""
            for name in ("test_accuracy_started", "test_accuracy_started_low", "test_accuracy_started_high")
        )
        share = f"{numbers['started_share_low']:.0f} to {numbers['started_share_high']:.0f}"
        accuracy = f"{mean} | {low} to {high}" if started else "- | -"
        reference = reference_accuracy(named.architecture, "fashion-mnist")
        expected.append(f"| {started} of 5 | {share} | {accuracy} | {100 * (reference or 0):.2f} |")
    rows = readme_rows()[len(expected) :]
    assert ["| " + row.split(" | ", 2)[2] for row in rows] == expected
    assert {key: verdict["verdict"] for key, verdict in verdicts.items()} == {
        "more_kernels_raise_accuracy": "undecided",
        "wide_networks_fail_to_start": "confirmed",
        "more_blocks_lower_accuracy": "confirmed",
        "width_has_an_optimum": "confirmed",
        "depth_has_an_optimum": "refuted",
        "best_for_its_cost": "(5, 10)",
    }
    text = " ".join((ROOT / "README.md").read_text().split())
    (p,) = re.findall(r"p = [\d.]+", verdicts["wide_networks_fail_to_start"]["sentence"])
    assert f"*wide networks fail to start* is confirmed ({p})" in text
    (points,) = re.findall(r"3 of 3 steps down, by ([\d.]+) points", verdicts["more_blocks_lower_accuracy"]["sentence"])
    assert f"at each of three steps, by {float(points):.1f} points on average" in text


def test_sentence_on_why_it_fails_is_that_of_the_record() -> None:
    layers = pd.read_csv(ROOT / "records/study/layers/w10-20.csv")
    layers = layers[layers["epoch"] == 1].set_index(["layer", "seed"])
    saturated = {seed: float(layers["saturated"]["hidden", seed]) for seed in (0, 4)}
    gradient = {seed: float(layers["gradient_norm"]["block1_conv2", seed]) for seed in (0, 4)}
    assert saturated[4] == 1
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"has a norm of {gradient[4]:.0e}; in one that started" in text
    assert f"{100 * saturated[0]:.0f} % are saturated and it is {gradient[0]:.1f} (" in text


def readme_rows() -> list[str]:
    """The rows of the README's tables of architectures, in order."""
    return re.findall(r"^\| (?:width|depth) \| .*$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)


def test_sentences_on_other_protocols_and_activations_are_those_of_the_records() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    studies = {
        name: json.loads((ROOT / f"records/{name}/metrics/study.json").read_text())
        for name in ("notebook", "relu", "tanh")
    }
    accuracy = {
        name: {
            family: {key: f"{100 * numbers['test_accuracy']:.2f}" for key, numbers in entries.items()}
            for family, entries in study.items()
        }
        for name, study in studies.items()
    }
    *narrow, widest = accuracy["notebook"]["width"].values()
    *shallow, deepest = accuracy["notebook"]["depth"].values()
    assert f"{', '.join(narrow)} and {widest} % in width, {', '.join(shallow)} and {deepest} % in depth" in text
    for name in ("relu", "tanh"):
        numbers = [one for entries in studies[name].values() for one in entries.values()]
        assert all(one["started"] == one["seeds"] == 2 for one in numbers)
        assert max(accuracy[name]["width"].values()) == accuracy[name]["width"]["w15-30"]
        assert f"{accuracy[name]['width']['w15-30']} % with {name}" in text
    falls = [f"from {accuracy[name]['depth']['1']} to {accuracy[name]['depth']['4']} %" for name in ("relu", "tanh")]
    assert f"it falls {falls[0]} and {falls[1]}" in text
    depth = json.loads((ROOT / "records/study/metrics/study.json").read_text())["depth"]
    sigmoid = [f"{100 * depth[blocks]['test_accuracy']:.2f}" for blocks in ("1", "4")]
    assert f"it falls in as many epochs from {sigmoid[0]} to {sigmoid[1]} %" in text


@pytest.mark.parametrize("record", ["benchmark", "benchmark/pieces"])
def test_table_of_speed_is_that_of_the_record(record: str) -> None:
    table, _, _ = (ROOT / "records" / record / "benchmark.md").read_text().partition("\n\n")
    assert table in (ROOT / "README.md").read_text()
