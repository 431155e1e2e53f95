"""When what more seeds on record have decided stands beside a verdict here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.analysis.comparisons import steps_table
from stages.analysis.recorded import ABOUT, PARAMS, VERDICTS, Recorded, recorded
from stages.analysis.verdicts import Verdict, judge
from stages.common import InputError, read_yaml, yaml_text
from stages.params import Params, read_params
from tests.conftest import ROOT

UNDECIDED = {claim: Verdict(claim, "undecided", "one run each gives no interval") for claim in ABOUT}
HERE = UNDECIDED | {"best_for_its_cost": Verdict("best", "(10, 20)", "of one seed")}
WIDTH = {"more_kernels_raise_accuracy", "wide_networks_fail_to_start", "width_has_an_optimum"}
FOUND = "together_beats_either_alone"  # which the record leaves open
DEPTH = {"more_blocks_lower_accuracy", "depth_has_an_optimum"}


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The study on record, of five seeds, in a folder to change it in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "records/study", "records/study")


def committed(change: Callable[[dict[str, Any]], None] = lambda _: None) -> Params:
    """The committed parameters, changed."""
    content = read_yaml((ROOT / "params.yaml").read_text(), "params.yaml")
    change(content)
    return read_params(yaml_text(content))


def test_every_claim_is_about_some_family() -> None:
    nothing = steps_table([])
    assert set(ABOUT) == set(judge({"width": [], "depth": [], "custom": []}, {"width": nothing, "depth": nothing}, 0))


def test_one_seed_of_the_very_study_has_all_that_five_have_decided_otherwise() -> None:
    known = recorded(committed(), HERE)
    on_record = json.loads(VERDICTS.read_text())
    assert known.seeds == 5
    assert {claim: verdict.verdict for claim, verdict in known.verdicts.items()} == {
        claim: entry["verdict"] for claim, entry in on_record.items() if claim != FOUND
    }
    assert known.verdicts["depth_has_an_optimum"].sentence == on_record["depth_has_an_optimum"]["sentence"]


def test_what_is_decided_the_same_here_or_open_on_record_is_not_said_again() -> None:
    on_record = json.loads(VERDICTS.read_text())
    same = {claim: Verdict(**entry) for claim, entry in on_record.items()}
    assert recorded(committed(), same).verdicts == {}
    on_record["depth_has_an_optimum"]["verdict"] = "undecided"
    on_record["width_has_an_optimum"]["verdict"] = "not tested"
    VERDICTS.write_text(json.dumps(on_record))
    known = set(ABOUT) - {FOUND, "depth_has_an_optimum", "width_has_an_optimum"}
    assert set(recorded(committed(), HERE).verdicts) == known


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "validation", 100),
        ("data", "seed", 1),
        ("train", "epochs", 21),
        ("train", "batch_size", 64),
        ("train", "learning_rate", 0.01),
        ("train", "seeds", [0, 1, 2, 3, 4]),
        ("train", "seeds", [5, 6, 7, 8, 9, 10]),
    ],
)
def test_other_data_another_training_or_as_many_seeds_have_no_use_for_the_record(
    section: str, key: str, value: object
) -> None:
    assert recorded(committed(lambda params: params[section].update({key: value})), HERE) == Recorded(5, {})


@pytest.mark.parametrize("seeds", [[3], [0, 1, 2, 3]])
def test_fewer_seeds_and_other_threads_have(seeds: list[int]) -> None:
    params = committed(lambda params: params["train"].update(seeds=seeds, threads=1))
    assert set(recorded(params, HERE).verdicts) == set(ABOUT) - {FOUND}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda params: params["width"].update(activation="relu"), DEPTH),
        (lambda params: params["study"]["width"].update({"w12-24": [12, 24]}), DEPTH),
        (lambda params: params["study"]["width"].pop("w2-4"), DEPTH),
        (lambda params: params["width"].update(filters=[4, 8]), DEPTH),
        (lambda params: params["study"]["depth"].remove(4), WIDTH),
        (lambda params: params["depth"].update(filters=[6, 7]), WIDTH),
        (lambda params: params["width"].update(filters=[10, 20]), set(ABOUT) - {FOUND}),
        (lambda params: params["depth"].update(blocks=3), set(ABOUT) - {FOUND}),
        (lambda params: params["study"]["custom"].update(mine=params["width"]), WIDTH | DEPTH),
    ],
)
def test_a_claim_is_known_where_its_families_are_the_very_architectures(
    change: Callable[[dict[str, Any]], None], left: set[str]
) -> None:
    """Another pick that the study holds changes no claim; one that it does not hold is one more architecture."""
    assert set(recorded(committed(change), HERE).verdicts) == left


@pytest.mark.parametrize("key", ["average", "learning_rate"])
def test_what_was_found_is_the_record_s_with_the_same_key_of_its_own_and_in_any_order(key: str) -> None:
    def found(**own: float) -> Callable[[dict[str, Any]], None]:
        """In the order of `own`: of one architecture, `one` and `two` differ in it alone."""
        return lambda params: params["study"].update(
            found={name: params["depth"] | {key: value} for name, value in own.items()}
        )

    theirs = read_yaml(PARAMS.read_text(), str(PARAMS))
    found(one=0.5, two=0.9)(theirs)
    PARAMS.write_text(yaml_text(theirs))
    for names in ({"one": 0.5, "two": 0.9}, {"two": 0.9, "one": 0.5}):
        assert set(recorded(committed(found(**names)), HERE).verdicts) == set(ABOUT) - {FOUND}
    for names in ({"one": 0.5, "two": 0.8}, {"one": 0.5}, {}):
        assert set(recorded(committed(found(**names)), HERE).verdicts) == WIDTH | DEPTH


def test_record_of_another_schema_decides_nothing_and_damaged_verdicts_are_told() -> None:
    whole = PARAMS.read_text()
    PARAMS.write_text(whole.replace("  batch_size: 128\n", ""))
    assert recorded(committed(), HERE) == Recorded(0, {})
    PARAMS.write_text(whole)
    for damaged, why in (
        ("{", "Expecting property name enclosed in double quotes"),
        ("[1]", "'list' object has no attribute 'items'"),
        ('{"more_kernels_raise_accuracy": {"claim": "x"}}', "missing 2 required positional arguments"),
    ):
        VERDICTS.write_text(damaged)
        with pytest.raises(InputError, match=f"^{VERDICTS}: no verdicts: .*{why}"):
            recorded(committed(), HERE)
