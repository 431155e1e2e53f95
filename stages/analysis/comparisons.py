"""Architectures beside each other: a family's steps, tested, and the front of accuracy against cost."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.analysis.statistics import SIGNIFICANT, difference, equivalence, holm, mcnemar, superiority
from stages.params import Family

MARGIN = 0.005  # of accuracy, either way: half a point, within which a difference is held to make no difference


class Compared(NamedTuple):
    """An architecture and what its runs gave."""

    name: str
    label: str
    family: Family
    parameters: int
    training_flops: int  # a step, one image
    runs: int
    learned: int
    accuracies: list[float]  # test accuracy of the runs that learned
    overall: list[float]  # of all runs; one that diverged has none
    validation: list[float]  # validation accuracy of all runs; none where no images are held out
    correct: np.ndarray | None  # bool [test images]: what the first run that learned gets right
    notebooks_kind: bool  # as `reference.of_the_notebooks_kind` says

    @property
    def learns_sometimes(self) -> bool:
        """Whether some of its runs learned and some did not."""
        return 0 < self.learned < self.runs


P_VALUES = ["p", "mcnemar_p", "equivalence_p"]


NUMBERS = ["difference", "low", "high", "p", "superiority", "mcnemar_p", "equivalence_p"]
STEP_COLUMNS = ["from", "to", "from_label", "to_label", *NUMBERS]


def steps_table(compared: list[Compared]) -> pd.DataFrame:
    """One row a step from an architecture to the next in `compared`, which is one family in order.

    Columns STEP_COLUMNS, then each of P_VALUES with `_holm` (corrected over the steps) and `direction` ("up", "down" or
    "open"). `from` and `to` are names; differences are fractions of accuracy, later minus earlier; `p` is that of no
    difference, `equivalence_p` that of one of MARGIN or more; what cannot be told is NaN.
    """
    table = pd.DataFrame([_step(*pair) for pair in pairwise(compared)], columns=STEP_COLUMNS)
    table = table.astype(dict.fromkeys(NUMBERS, float))
    for column in P_VALUES:
        known = table[column].dropna()
        table[f"{column}_holm"] = pd.Series(holm(list(known)), index=known.index, dtype=float)
    different = table["p_holm"] < SIGNIFICANT
    directions = np.where(table["difference"] > 0, "up", "down")
    return table.assign(direction=np.where(different, directions, "open"))


def _step(before: Compared, after: Compared) -> dict[str, Any]:
    welch = difference(before.accuracies, after.accuracies)
    both = before.correct is not None and after.correct is not None
    return {
        "from": before.name,
        "to": after.name,
        "from_label": before.label,
        "to_label": after.label,
        "difference": mean(after.accuracies) - mean(before.accuracies),
        "low": welch.low if welch else np.nan,
        "high": welch.high if welch else np.nan,
        "p": welch.p if welch else np.nan,
        "superiority": superiority(before.accuracies, after.accuracies),
        "equivalence_p": equivalence(before.accuracies, after.accuracies, MARGIN),
        "mcnemar_p": mcnemar(before.correct, after.correct) if both else np.nan,  # type: ignore[arg-type]
    }


def pareto_front(costs: list[int], accuracies: list[float]) -> list[bool]:
    """Whether each is on the front: no other costs no more and is as accurate, and better in one of the two."""
    points = list(zip(costs, accuracies, strict=True))
    return [
        not any(c <= cost and a >= accuracy and (c, a) != (cost, accuracy) for c, a in points)
        for cost, accuracy in points
    ]


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
