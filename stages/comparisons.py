"""Architectures beside each other: a family's steps, tested, and the front of accuracy against cost."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.params import Family
from stages.statistics import LEVEL, difference, holm, mcnemar, superiority

SIGNIFICANT = 1 - LEVEL


class Compared(NamedTuple):
    """An architecture and what its runs gave."""

    label: str
    family: Family
    parameters: int
    training_flops: int  # a step, one image
    runs: int
    started: int
    accuracies: list[float]  # test accuracy of the runs that started
    overall: list[float]  # of all runs; one that diverged has none
    validation: list[float]  # validation accuracy of all runs; none where no images are held out
    correct: np.ndarray | None  # bool [test images]: what the first run that started gets right


def steps_table(compared: list[Compared]) -> pd.DataFrame:
    """One row a step of a family in order; what cannot be told is NaN. Fractions, not per cent."""
    rows = []
    for before, after in pairwise(compared):
        told = difference(before.accuracies, after.accuracies)
        both = before.correct is not None and after.correct is not None
        rows.append(
            {
                "from": before.label,
                "to": after.label,
                "difference": mean(after.accuracies) - mean(before.accuracies),
                "low": told.low if told else np.nan,
                "high": told.high if told else np.nan,
                "p": told.p if told else np.nan,
                "superiority": superiority(before.accuracies, after.accuracies),
                "mcnemar_p": mcnemar(before.correct, after.correct) if both else np.nan,  # type: ignore[arg-type]
            }
        )
    columns = ["from", "to", "difference", "low", "high", "p", "superiority", "mcnemar_p"]
    table = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:], float))
    for column in ("p", "mcnemar_p"):
        known = table[column].dropna()
        table[f"{column}_holm"] = pd.Series(holm(list(known)), index=known.index, dtype=float)
    told_apart = table["p_holm"] < SIGNIFICANT
    directions = np.where(table["difference"] > 0, "up", "down")
    return table.assign(direction=np.where(told_apart, directions, "open"))


def pareto_front(costs: list[int], accuracies: list[float]) -> list[bool]:
    """Whether each is on the front: no other costs no more and is as accurate, and better in one of the two."""
    points = list(zip(costs, accuracies, strict=True))
    return [
        not any(c <= cost and a >= accuracy and (c, a) != (cost, accuracy) for c, a in points)
        for cost, accuracy in points
    ]


def mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan
