"""Read the verdicts of the recorded study, which has more seeds, on the same architectures."""

import json
from pathlib import Path
from typing import NamedTuple

from stages.analysis.verdicts import OPEN, Verdict
from stages.common import InputError
from stages.params import FAMILIES, Family, Params, read_params

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
    ours = params.train.model_dump(include={"seeds", "threads"})  # threads change only rounding
    theirs = theirs.model_copy(update={"train": theirs.train.with_overrides(ours)})
    if seeds <= len(params.train.seeds) or (theirs.data, theirs.train) != (params.data, params.train):
        return ReferenceVerdicts(seeds, {})
    networks = ({(one.family, study.network(one)) for one in study.architectures()} for study in (params, theirs))
    changed = {family for family, _ in set.symmetric_difference(*networks)}
    decided = {
        claim: verdict
        for claim, verdict in _read_verdicts().items()
        if claim in here and changed.isdisjoint(ABOUT[claim]) and verdict.verdict not in (*OPEN, here[claim].verdict)
    }
    return ReferenceVerdicts(seeds, decided)


def _read_verdicts() -> dict[str, Verdict]:
    try:
        return {claim: Verdict(**entry) for claim, entry in json.loads(VERDICTS.read_bytes()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{VERDICTS}: not a file of verdicts: {' '.join(str(error).split())}") from None
