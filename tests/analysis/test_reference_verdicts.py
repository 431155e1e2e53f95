"""When the verdicts of the record, which has more seeds, stand next to those here."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages.analysis.reference_verdicts import ABOUT, PARAMS, VERDICTS, ReferenceVerdicts, reference_verdicts
from stages.analysis.verdicts import Verdict
from stages.common import InputError, read_yaml, yaml_text
from stages.params import Params, read_params
from tests.conftest import ROOT
from tests.test_params import CONTENT, MINE, changed

UNDECIDED = {claim: Verdict(claim, "undecided", "one run each gives no interval") for claim in ABOUT}
HERE = UNDECIDED | {"best_for_its_cost": Verdict("best", "(10, 20)", "of one seed")}
WIDTH = {"more_filters_raise_accuracy", "wide_networks_fail_to_learn", "width_has_an_optimum"}
TOGETHER = "together_beats_either_alone"  # which the record leaves open
KNOWN = set(ABOUT) - {TOGETHER}
DEPTH = {"more_blocks_lower_accuracy", "depth_has_an_optimum"}


@pytest.fixture(autouse=True)
def record(folder: Path) -> None:
    """Copy the study on record, of five seeds, into a folder to change it in."""
    shutil.copytree(ROOT / "records/study", folder / "records/study")


def committed(**changes: Any) -> Params:
    """Return the committed parameters, changed; `width__filters` is the key width.filters."""
    return read_params(yaml_text(changed(**changes)))


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
    known = KNOWN - {"depth_has_an_optimum", "width_has_an_optimum"}
    assert set(reference_verdicts(committed(), HERE).verdicts) == known


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"data__validation": 100}, set()),
        ({"train__epochs": 21}, set()),
        ({"train__learning_rate": 0.01}, set()),
        ({"train__seeds": [0, 1, 2, 3, 4]}, set()),
        ({"train__seeds": [5, 6, 7, 8, 9, 10]}, set()),
        ({"train__seeds": [3], "train__threads": 1}, KNOWN),
        ({"train__seeds": [0, 1, 2, 3]}, KNOWN),
        ({"width__activation": "relu"}, DEPTH),
        ({"study__width": {"w12-24": [12, 24]}}, DEPTH),
        ({"study__width": {}}, DEPTH),
        ({"width__filters": [4, 8]}, DEPTH),
        ({"study__depth": [1, 2, 3]}, WIDTH),
        ({"depth__filters": [6, 7]}, WIDTH),
        ({"width__filters": [10, 20]}, KNOWN),
        ({"depth__blocks": 3}, KNOWN),
        ({"study__custom": {"mine": MINE}}, WIDTH | DEPTH),
    ],
)
def test_a_claim_is_known_from_more_seeds_of_the_same_training_of_the_same_architectures(
    changes: dict[str, Any], left: set[str]
) -> None:
    """Another baseline that the study has changes no claim; one that it lacks is one more architecture."""
    known = reference_verdicts(committed(**changes), HERE)
    assert (known.seeds, set(known.verdicts)) == (5, left)


def test_custom_architectures_are_the_record_s_with_the_same_settings_in_any_order() -> None:
    custom = {"one": MINE | {"learning_rate": 0.5}, "two": MINE | {"ema_momentum": 0.9}}
    PARAMS.write_text(yaml_text(read_yaml(PARAMS.read_text(), "") | {"study": CONTENT["study"] | {"custom": custom}}))
    for left, ours in ((KNOWN, dict(reversed(custom.items()))), (WIDTH | DEPTH, custom | {"two": MINE})):
        assert set(reference_verdicts(committed(study__custom=ours), HERE).verdicts) == left


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
