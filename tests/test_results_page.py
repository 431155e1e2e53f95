"""The numbers of docs/results.md are those of metrics/ and records/."""

import json
import re

import pandas as pd

from stages.params import load_params
from tests.conftest import ROOT
from tests.recorded import in_one_line, numbers_in, share_started, study_of

PAGE = (ROOT / "docs/results.md").read_text(encoding="utf-8")
TEXT = in_one_line("docs/results.md")


def test_table_is_that_of_the_metrics_and_of_the_records() -> None:
    committed, notebook, recorded = (study_of(place) for place in (".", "records/notebook", "records/study"))
    expected = []
    for named in load_params().studied():
        one, by_notebook, five = (study[named.family][named.key] for study in (committed, notebook, recorded))
        assert (one["seeds"], by_notebook["seeds"], five["seeds"]) == (1, 1, 5)
        accuracies = " | ".join(f"{100 * numbers['test_accuracy']:.2f}" for numbers in (one, by_notebook))
        expected.append(f"| {named.label} | {accuracies} | {share_started(five)} % |")
    assert re.findall(r"^\| (?:\(\d|\d block).*$", PAGE, flags=re.MULTILINE) == expected


def test_start_rates_are_those_of_the_record() -> None:
    starts = study_of("records/starts")
    parts = []
    for family, key, what in [
        ("width", "w10-20", "(10, 20)"),
        ("width", "w15-30", "(15, 30)"),
        ("depth", "4", "four blocks"),
    ]:
        numbers = starts[family][key]
        assert numbers["seeds"] == 20
        parts.append(f"{what} in {numbers['learned']} ({share_started(numbers)} %)")
    assert ", ".join(parts) in TEXT


def test_whether_the_widest_starts_never_or_rarely_is_told_of_a_hundred_seeds() -> None:
    numbers = study_of("records/starts-15-30")["width"]["w15-30"]
    assert numbers["seeds"] == 100
    low, high = (100 * numbers[f"started_share_{end}"] for end in ("low", "high"))
    assert f"{numbers['learned']} learned ({low:.1f} to {high:.1f} %)" in TEXT
    runs = pd.read_csv(ROOT / "records/starts-15-30/plots/width_accuracy.csv").query("learned")
    (first, its), (second, other) = zip(runs["seed"], 100 * runs["test_accuracy"], strict=True)
    assert f"seed {first}, which has {its:.2f} % of the test images after three epochs, and seed {second}" in TEXT
    assert f"and seed {second}, with {other:.2f}." in TEXT
    layers = pd.read_csv(ROOT / "records/starts-15-30/layers/w15-30.csv").query("epoch == 1 and layer == 'hidden'")
    assert set(layers[layers["saturated"] < 1]["seed"]) == {first, second}
    assert "the two that learned are those in which a unit was left unsaturated" in TEXT


def test_verdicts_are_those_of_the_record() -> None:
    verdicts = json.loads((ROOT / "records/study/metrics/verdicts.json").read_text()).values()
    bullets = re.findall(r"^- \*(.+?)\*: ((?:.|\n  )+)", PAGE, flags=re.MULTILINE)
    assert [claim for claim, _ in bullets] == [verdict["claim"] for verdict in verdicts]
    for (_, said), verdict in zip(bullets, verdicts, strict=True):
        assert said.startswith(verdict["verdict"])
        assert numbers_in(said) <= numbers_in(verdict["verdict"] + verdict["sentence"])


def test_sentence_on_why_it_fails_is_that_of_the_record() -> None:
    (failed, its_gradients), (saturated, gradients) = (after_the_first_epoch(name) for name in ("w15-30", "w10-20"))
    assert len(failed) == 5
    assert set(failed) == {saturated[2], saturated[4]} == {1}
    assert f"has a norm of {max(its_gradients):.0e} at most; in seed 0 of (10, 20)," in TEXT
    assert f"{100 * saturated[0]:.0f} % are saturated and it is {gradients[0]:.1f} (" in TEXT
    losses = pd.read_csv(ROOT / "records/study/plots/width_curves.csv").query(
        "architecture == '(10, 20)' and loss < 2.2"
    )
    learned = losses.groupby("seed")["epoch"].min()
    assert (learned[0], learned[2]) == (1, 2)
    late = f"of (10, 20) seed 4 was as far, with {gradients[4]:.0e}, and learned in its epoch {learned[4]}"
    assert f"{late}, and seed 2, with {gradients[2]:.0e}, in its second." in TEXT


def after_the_first_epoch(name: str) -> tuple[list[float], list[float]]:
    """Of each seed on record: the share of the hidden layer that is saturated, the second convolution's gradient."""
    layers = pd.read_csv(ROOT / "records/study/layers" / f"{name}.csv").query("epoch == 1").sort_values("seed")
    hidden, convolution = (layers[layers["layer"] == layer] for layer in ("hidden", "block1_conv2"))
    return list(hidden["saturated"]), list(convolution["gradient_norm"])


def test_sentences_on_other_activations_are_those_of_the_records() -> None:
    studies = {name: study_of(f"records/{name}") for name in ("relu", "tanh")}
    accuracy = {
        name: {
            family: {key: f"{100 * numbers['test_accuracy']:.2f}" for key, numbers in entries.items()}
            for family, entries in study.items()
        }
        for name, study in studies.items()
    }
    for name in ("relu", "tanh"):
        numbers = [one for entries in studies[name].values() for one in entries.values()]
        assert all(one["learned"] == one["seeds"] == 2 for one in numbers)
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
