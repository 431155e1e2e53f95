"""What the study on record, of more seeds, has decided of the very architectures that are compared here."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from stages.analysis.tables import in_order
from stages.analysis.verdicts import Verdict
from stages.common import InputError
from stages.params import FAMILIES, Family, Params, read_params
from stages.training.architecture import OVERRIDES, Architecture

RECORD = Path("records/study")
PARAMS, VERDICTS = RECORD / "params.yaml", RECORD / "metrics/verdicts.json"
ABOUT: dict[str, tuple[Family, ...]] = {  # the families whose architectures a claim is about
    "more_kernels_raise_accuracy": ("width",),
    "wide_networks_fail_to_start": ("width",),
    "more_blocks_lower_accuracy": ("depth",),
    "width_has_an_optimum": ("width",),
    "depth_has_an_optimum": ("depth",),
    "best_for_its_cost": FAMILIES,
    "together_beats_either_alone": FAMILIES,
}
OPEN = ("undecided", "not tested")  # of verdicts


class Recorded(NamedTuple):
    """Verdicts by claim, each decided and another than here, and of how many seeds they are."""

    seeds: int
    verdicts: dict[str, Verdict]


def recorded(params: Params, here: dict[str, Verdict]) -> Recorded:
    """The record's verdicts on what `here` judges, where it is the same data, training and architectures.

    None of a record that has no more seeds than `params`, or whose params.yaml has other keys than today's. Raises
    InputError where the record cannot be read.
    """
    try:
        theirs = read_params(PARAMS.read_text(encoding="utf-8"))
    except InputError:
        return Recorded(0, {})
    seeds = len(theirs.train.seeds)
    if seeds <= len(params.train.seeds) or _protocol(theirs) != _protocol(params):
        return Recorded(seeds, {})
    same = {family for family in FAMILIES if _architectures(family, theirs) == _architectures(family, params)}
    verdicts = _verdicts()
    return Recorded(
        seeds,
        {
            claim: verdict
            for claim, verdict in verdicts.items()
            if claim in here and same.issuperset(ABOUT[claim]) and verdict.verdict not in (*OPEN, here[claim].verdict)
        },
    )


def _verdicts() -> dict[str, Verdict]:
    try:
        return {claim: Verdict(**entry) for claim, entry in json.loads(VERDICTS.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{VERDICTS}: no verdicts: {' '.join(str(error).split())}") from None


def _protocol(params: Params) -> tuple[Any, ...]:
    """What a run follows from besides its architecture and its seed; threads decide rounding alone."""
    return params.data, params.train.model_copy(update={"seeds": [], "threads": 0})


def _architectures(family: Family, params: Params) -> list[tuple[Architecture, dict[str, float]]]:
    """With what each one's training is told of the keys that may be its own."""
    ordered = in_order(family, params.architectures())
    trained = [
        (described.architecture, params.settings(described).model_dump(include=set(OVERRIDES))) for described in ordered
    ]
    return sorted(trained, key=repr)  # what was found is by its parameters elsewhere, whose number is not known here
