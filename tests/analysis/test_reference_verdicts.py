"""When the verdicts of the record, which has more seeds, stand next to those here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.analysis.reference_verdicts import ABOUT, PARAMS, VERDICTS, ReferenceVerdicts, reference_verdicts
from stages.analysis.verdicts import Verdict
from stages.common import InputError, read_yaml, yaml_text
from stages.params import Params, read_params
from tests.conftest import ROOT

UNDECIDED = {claim: Verdict(claim, "undecided", "one run each gives no interval") for claim in ABOUT}
HERE = UNDECIDED | {"best_for_its_cost": Verdict("best", "(10, 20)", "of one seed")}
WIDTH = {"more_filters_raise_accuracy", "wide_networks_fail_to_learn", "width_has_an_optimum"}
TOGETHER = "together_beats_either_alone"  # which the record leaves open
DEPTH = {"more_blocks_lower_accuracy", "depth_has_an_optimum"}


@pytest.fixture(autouse=True)
def record(folder: Path) -> None:
    """Copy the study on record, of five seeds, into a folder to change it in."""
    shutil.copytree(ROOT / "records/study", folder / "records/study")


def committed(change: Callable[[dict[str, Any]], None] = lambda _: None) -> Params:
    """Return the committed parameters, changed."""
    content = read_yaml((ROOT / "params.yaml").read_text(), "params.yaml")
    change(content)
    return read_params(yaml_text(content))


def test_one_seed_of_the_very_study_has_all_that_five_have_decided_otherwise() -> None:
    known = reference_verdicts(committed(), HERE)
    on_record = json.loads(VERDICTS.read_text())
    assert known.seeds == 5
    assert {claim: verdict.verdict for claim, verdict in known.verdicts.items()} == {
        claim: entry["verdict"] for claim, entry in on_record.items() if claim != TOGETHER
    }
    assert known.verdicts["depth_has_an_optimum"].sentence == on_record["depth_has_an_optimum"]["sentence"]


def test_what_is_decided_the_same_here_or_open_on_record_is_not_said_again() -> None:
    on_record = json.loads(VERDICTS.read_text())
    same = {claim: Verdict(**entry) for claim, entry in on_record.items()}
    assert reference_verdicts(committed(), same).verdicts == {}
    on_record["depth_has_an_optimum"]["verdict"] = "undecided"
    on_record["width_has_an_optimum"]["verdict"] = "not tested"
    VERDICTS.write_text(json.dumps(on_record))
    known = set(ABOUT) - {TOGETHER, "depth_has_an_optimum", "width_has_an_optimum"}
    assert set(reference_verdicts(committed(), HERE).verdicts) == known


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "validation", 100),
        ("train", "epochs", 21),
        ("train", "learning_rate", 0.01),
        ("train", "seeds", [0, 1, 2, 3, 4]),
        ("train", "seeds", [5, 6, 7, 8, 9, 10]),
    ],
)
def test_other_data_another_training_or_as_many_seeds_have_no_use_for_the_record(
    section: str, key: str, value: object
) -> None:
    assert reference_verdicts(
        committed(lambda params: params[section].update({key: value})), HERE
    ) == ReferenceVerdicts(5, {})


@pytest.mark.parametrize("seeds", [[3], [0, 1, 2, 3]])
def test_fewer_seeds_and_other_threads_have(seeds: list[int]) -> None:
    params = committed(lambda params: params["train"].update(seeds=seeds, threads=1))
    assert set(reference_verdicts(params, HERE).verdicts) == set(ABOUT) - {TOGETHER}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda params: params["width"].update(activation="relu"), DEPTH),
        (lambda params: params["study"]["width"].update({"w12-24": [12, 24]}), DEPTH),
        (lambda params: params["study"]["width"].pop("w2-4"), DEPTH),
        (lambda params: params["width"].update(filters=[4, 8]), DEPTH),
        (lambda params: params["study"]["depth"].remove(4), WIDTH),
        (lambda params: params["depth"].update(filters=[6, 7]), WIDTH),
        (lambda params: params["width"].update(filters=[10, 20]), set(ABOUT) - {TOGETHER}),
        (lambda params: params["depth"].update(blocks=3), set(ABOUT) - {TOGETHER}),
        (lambda params: params["study"]["custom"].update(mine=params["width"]), WIDTH | DEPTH),
    ],
)
def test_a_claim_is_known_where_its_families_are_the_very_architectures(
    change: Callable[[dict[str, Any]], None], left: set[str]
) -> None:
    """Another pick that the study holds changes no claim; one that it does not hold is one more architecture."""
    assert set(reference_verdicts(committed(change), HERE).verdicts) == left


@pytest.mark.parametrize("key", ["ema_momentum", "learning_rate"])
def test_custom_architectures_are_the_record_s_with_the_same_settings_in_any_order(key: str) -> None:
    def custom(**values: float) -> Callable[[dict[str, Any]], None]:
        """Return a change to architectures, in this order, that differ in `key` alone."""
        return lambda params: params["study"].update(
            custom={name: params["depth"] | {key: value} for name, value in values.items()}
        )

    theirs = read_yaml(PARAMS.read_text(), str(PARAMS))
    custom(one=0.5, two=0.9)(theirs)
    PARAMS.write_text(yaml_text(theirs))
    for names in ({"one": 0.5, "two": 0.9}, {"two": 0.9, "one": 0.5}):
        assert set(reference_verdicts(committed(custom(**names)), HERE).verdicts) == set(ABOUT) - {TOGETHER}
    for names in ({"one": 0.5, "two": 0.8}, {"one": 0.5}, {}):
        assert set(reference_verdicts(committed(custom(**names)), HERE).verdicts) == WIDTH | DEPTH


def test_record_of_another_schema_decides_nothing_and_damaged_verdicts_are_told() -> None:
    whole = PARAMS.read_text()
    PARAMS.write_text(whole.replace("  batch_size: 128\n", ""))
    assert reference_verdicts(committed(), HERE) == ReferenceVerdicts(0, {})
    PARAMS.write_text(whole)
    for damaged, why in (
        ("{", "Expecting property name enclosed in double quotes"),
        ("[1]", "'list' object has no attribute 'items'"),
        ('{"more_filters_raise_accuracy": {"claim": "x"}}', "missing 2 required positional arguments"),
    ):
        VERDICTS.write_text(damaged)
        with pytest.raises(InputError, match=f"^{VERDICTS}: not a file of verdicts: .*{why}"):
            reference_verdicts(committed(), HERE)
