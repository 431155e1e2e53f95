"""Read the verdicts of the recorded study, which has more seeds, on the same architectures."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from stages.analysis.verdicts import OPEN, Verdict
from stages.common import InputError
from stages.params import FAMILIES, Family, Params, read_params
from stages.training.architecture import OVERRIDES

RECORD = Path("records/study")
PARAMS, VERDICTS = RECORD / "params.yaml", RECORD / "metrics/verdicts.json"
ABOUT: dict[str, tuple[Family, ...]] = {  # the families whose architectures a claim is about
    "more_filters_raise_accuracy": ("width",),
    "wide_networks_fail_to_learn": ("width",),
    "more_blocks_lower_accuracy": ("depth",),
    "width_has_an_optimum": ("width",),
    "depth_has_an_optimum": ("depth",),
    "best_for_its_cost": FAMILIES,
    "together_beats_either_alone": FAMILIES,
}


class ReferenceVerdicts(NamedTuple):
    """The record's verdicts by claim, and its number of seeds."""

    seeds: int
    verdicts: dict[str, Verdict]


def reference_verdicts(params: Params, here: dict[str, Verdict]) -> ReferenceVerdicts:
    """Return the record's verdicts that are decided and differ from `here`.

    A claim counts if the record has more seeds than `params`, and the same data, training and architectures. A record
    with other keys in its params.yaml has no verdicts. Raises InputError if its verdicts cannot be read.
    """
    try:
        theirs = read_params(PARAMS.read_text(encoding="utf-8"))
    except InputError:
        return ReferenceVerdicts(0, {})
    seeds = len(theirs.train.seeds)
    if seeds <= len(params.train.seeds) or _protocol(theirs) != _protocol(params):
        return ReferenceVerdicts(seeds, {})
    same = {family for family in FAMILIES if _architectures(family, theirs) == _architectures(family, params)}
    decided = {
        claim: verdict
        for claim, verdict in _read_verdicts().items()
        if claim in here and same.issuperset(ABOUT[claim]) and verdict.verdict not in (*OPEN, here[claim].verdict)
    }
    return ReferenceVerdicts(seeds, decided)


def _read_verdicts() -> dict[str, Verdict]:
    try:
        return {claim: Verdict(**entry) for claim, entry in json.loads(VERDICTS.read_text(encoding="utf-8")).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{VERDICTS}: not a file of verdicts: {' '.join(str(error).split())}") from None


def _protocol(params: Params) -> tuple[Any, ...]:
    """Return the inputs of a run except architecture and seed; threads change only rounding."""
    return params.data, params.train.model_copy(update={"seeds": [], "threads": 0})


def _architectures(family: Family, params: Params) -> set[str]:
    """Return a family's architectures, each with its values of OVERRIDES."""
    return {
        f"{one.architecture} {params.settings(one).model_dump(include=set(OVERRIDES))}"
        for one in params.architectures()
        if one.family == family
    }
