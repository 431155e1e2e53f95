"""What the study on record, of more seeds, has decided of the very architectures that are compared here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import ValidationError

from stages.analysis.tables import in_order
from stages.analysis.verdicts import Verdict
from stages.common.errors import InputError
from stages.network.architecture import Architecture
from stages.params import FAMILIES, NOT_YAML, Family, Params

RECORD = Path("records/study")
PARAMS, VERDICTS = RECORD / "params.yaml", RECORD / "metrics/verdicts.json"
ABOUT: dict[str, tuple[Family, ...]] = {  # the families whose architectures a claim is about
    "more_kernels_raise_accuracy": ("width",),
    "wide_networks_fail_to_start": ("width",),
    "more_blocks_lower_accuracy": ("depth",),
    "width_has_an_optimum": ("width",),
    "depth_has_an_optimum": ("depth",),
    "best_for_its_cost": FAMILIES,
}
Content = TypeVar("Content")

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
        theirs = Params.model_validate(_read(PARAMS, yaml.safe_load))
    except ValidationError:
        return Recorded(0, {})
    seeds = len(theirs.train.seeds)
    if seeds <= len(params.train.seeds) or _protocol(theirs) != _protocol(params):
        return Recorded(seeds, {})
    same = {family for family in FAMILIES if _architectures(family, theirs) == _architectures(family, params)}
    verdicts = _read(VERDICTS, _verdicts)
    return Recorded(
        seeds,
        {
            claim: verdict
            for claim, verdict in verdicts.items()
            if claim in here and same.issuperset(ABOUT[claim]) and verdict.verdict not in (*OPEN, here[claim].verdict)
        },
    )


def _read(path: Path, parse: Callable[[str], Content]) -> Content:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except NOT_YAML as error:
        raise InputError(f"{path}: not readable: {' '.join(str(error).split())}") from None


def _verdicts(text: str) -> dict[str, Verdict]:
    return {claim: Verdict(**entry) for claim, entry in json.loads(text).items()}


def _protocol(params: Params) -> tuple[Any, ...]:
    """What a run follows from besides its architecture and its seed; threads decide rounding alone."""
    return params.data, params.train.model_copy(update={"seeds": [], "threads": 0})


def _architectures(family: Family, params: Params) -> list[Architecture]:
    return [described.architecture for described in in_order(family, params.architectures())]
