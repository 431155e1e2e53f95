"""The README's commands are those that tests run, and its numbers those of metrics/."""

import json
import re

import pandas as pd
import pytest

from stages.analysis.reference import reference_accuracy
from stages.params import load_params
from tests.conftest import ROOT, readme_commands

ELSEWHERE = {"pytest"}  # this very run
README = (ROOT / "README.md").read_text()
TEXT = " ".join(README.split())


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    run_by_tests = set(re.findall(r'documented\("(.+?)"\)', tests))
    assert set(readme_commands()) == run_by_tests | ELSEWHERE


def test_results_table_is_that_of_the_metrics_and_of_the_record() -> None:
    committed, recorded = study_of("."), study_of("records/study")
    expected = []
    for named in load_params().studied():
        one, five = committed[named.family][named.key], recorded[named.family][named.key]
        assert (one["seeds"], five["seeds"]) == (1, 5)
        reference = reference_accuracy(named.architecture)
        assert reference is not None
        filters, blocks = named.architecture.filters, named.architecture.blocks
        what = f"({filters[0]}, {filters[1]})" if named.family == "width" else f"{blocks}"
        mean = of_started(five) if five["started"] else "- | -"
        expected.append(
            f"| {named.family} | {what} | {one['parameters']:,} | {100 * reference:.2f} "
            f"| {100 * one['test_accuracy']:.2f} | {mean} | {share_started(five)} |"
        )
    assert re.findall(r"^\| (?:width|depth) \| .*$", README, flags=re.MULTILINE) == expected


def test_start_rates_are_those_of_the_record() -> None:
    starts = study_of("records/starts")
    parts = []
    for family, key, what in [
        ("width", "w10-20", "(10, 20)"),
        ("width", "w15-30", "(15, 30)"),
        ("depth", "4", "four blocks"),
    ]:
        assert starts[family][key]["seeds"] == 20
        started, share = share_started(starts[family][key]).split(" of 20 | ")
        parts.append(f"{what} in {started} ({share} %)")
    assert ", ".join(parts) in TEXT


def study_of(place: str) -> dict[str, dict[str, dict[str, float]]]:
    study: dict[str, dict[str, dict[str, float]]] = json.loads((ROOT / place / "metrics/study.json").read_text())
    return study


def of_started(numbers: dict[str, float]) -> str:
    mean, low, high = (100 * numbers[f"test_accuracy_started{end}"] for end in ("", "_low", "_high"))
    return f"{mean:.2f} | {low:.2f} to {high:.2f}"


def share_started(numbers: dict[str, float]) -> str:
    low, high = (100 * numbers[f"started_share_{end}"] for end in ("low", "high"))
    return f"{numbers['started']} of {numbers['seeds']} | {low:.0f} to {high:.0f}"


def test_verdicts_are_those_of_the_record() -> None:
    verdicts = json.loads((ROOT / "records/study/metrics/verdicts.json").read_text()).values()
    bullets = re.findall(r"^- \*(.+?)\*: ((?:.|\n  )+)", README, flags=re.MULTILINE)
    assert [claim for claim, _ in bullets] == [verdict["claim"] for verdict in verdicts]
    for (_, said), verdict in zip(bullets, verdicts, strict=True):
        assert said.startswith(verdict["verdict"])
        assert numbers_in(said) <= numbers_in(verdict["verdict"] + verdict["sentence"])


def numbers_in(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def test_sentence_on_why_it_fails_is_that_of_the_record() -> None:
    layers = pd.read_csv(ROOT / "records/study/layers/w10-20.csv")
    layers = layers[layers["epoch"] == 1].set_index(["layer", "seed"])
    saturated = {seed: float(layers["saturated"]["hidden", seed]) for seed in (0, 2, 4)}
    gradient = {seed: float(layers["gradient_norm"]["block1_conv2", seed]) for seed in (0, 2, 4)}
    assert saturated[2] == saturated[4] == 1
    assert f"has a norm of {gradient[4]:.0e}; in seed 0," in TEXT
    assert f"{100 * saturated[0]:.0f} % are saturated and it is {gradient[0]:.1f} (" in TEXT
    assert f"seed 2 was as far, with {gradient[2]:.0e}," in TEXT


def test_sentences_on_other_protocols_and_activations_are_those_of_the_records() -> None:
    studies = {name: study_of(f"records/{name}") for name in ("notebook", "relu", "tanh")}
    accuracy = {
        name: {
            family: {key: f"{100 * numbers['test_accuracy']:.2f}" for key, numbers in entries.items()}
            for family, entries in study.items()
        }
        for name, study in studies.items()
    }
    *narrow, widest = accuracy["notebook"]["width"].values()
    *shallow, deepest = accuracy["notebook"]["depth"].values()
    assert f"{', '.join(narrow)} and {widest} % in width, {', '.join(shallow)} and {deepest} % in depth" in TEXT
    for name in ("relu", "tanh"):
        numbers = [one for entries in studies[name].values() for one in entries.values()]
        assert all(one["started"] == one["seeds"] == 2 for one in numbers)
        assert f"{accuracy[name]['width']['w15-30']} % with {name}" in TEXT
    assert max(accuracy["relu"]["width"].values()) == accuracy["relu"]["width"]["w15-30"]
    assert max(accuracy["tanh"]["width"].values()) == accuracy["tanh"]["width"]["w10-20"]
    assert f"with tanh, where (10, 20) has {accuracy['tanh']['width']['w10-20']} %" in TEXT
    relu, tanh, sigmoid = (fall_from_one_block_to_four(name) for name in ("relu", "tanh", "study"))
    assert f"{relu:.1f} points of validation accuracy with relu and {tanh:.1f} with tanh" in TEXT
    assert f"sigmoid layers lose {sigmoid:.1f} in as many epochs" in TEXT


def fall_from_one_block_to_four(record: str) -> float:
    """In validation accuracy after five epochs, the mean over all seeds, in points."""
    curves = pd.read_csv(ROOT / "records" / record / "plots/depth_curves.csv")
    means = curves[curves["epoch"] == 5].groupby("architecture")["val_accuracy"].mean()
    return 100 * float(means["1 block"] - means["4 blocks"])


@pytest.mark.parametrize("record", ["benchmark", "benchmark/pieces"])
def test_table_of_speed_is_that_of_the_record(record: str) -> None:
    table, _, _ = (ROOT / "records" / record / "benchmark.md").read_text().partition("\n\n")
    assert table in README


def test_minutes_of_the_nine_trainings_follow_from_the_table_of_speed() -> None:
    table = (ROOT / "records/benchmark/benchmark.md").read_text()
    seconds = [float(row.split("|")[2]) for row in table.splitlines() if re.match(r"\| (w\d|depth-\d)", row)]
    assert len(seconds) == 9
    assert f"The nine trainings of 20 epochs are {20 * sum(seconds) / 60:.0f} minutes at these rates." in TEXT


def test_fast_and_stock_layers_start_as_often_and_differ_by_what_is_said() -> None:
    runs = pd.read_csv(ROOT / "records/same-learning/runs.csv")
    groups = runs.groupby(["architecture", "layers"])
    assert set(groups.size()) == {5}
    started = groups["started_epoch"].count().unstack()
    assert list(started.index) == ["depth-2", "w15-30", "w5-10"]
    assert list(started["fast"]) == list(started["stock"]) == [5, 0, 5]
    accuracy = groups["val_accuracy"].mean().unstack()
    widest = 100 * float((accuracy["fast"] - accuracy["stock"]).abs().max())
    assert f"and accuracies whose means differ by {widest:.2f} points at most ([record](records/same-learning" in TEXT


def test_fixed_costs_are_those_of_the_record() -> None:
    rows = re.findall(r"^\| (?:w|depth-)\d.*$", (ROOT / "records/fixed-costs/fixed_costs.md").read_text(), re.MULTILINE)
    assert len(rows) == 9
    costs = [[float(cell) for cell in row.split("|")[2:-1]] for row in rows]
    together, imports = [row[-1] for row in costs], sorted(row[3] for row in costs)
    assert f"a stage takes {min(together):.1f} to {max(together):.1f} s" in TEXT
    assert f"{imports[4]:.1f} of them to import TensorFlow ([record](records/fixed-costs" in TEXT
