"""Collect an architecture's runs for the statistics, and compare neighbours of a family."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.analysis.reference import is_of_the_notebooks_kind
from stages.analysis.runs import Training, read_predictions
from stages.analysis.statistics import (
    SIGNIFICANT,
    Difference,
    difference,
    equivalence,
    holm,
    mcnemar,
    superiority,
)
from stages.flops import training_flops
from stages.params import Family, Params
from stages.training.dataset import Dataset

MARGIN = 0.005  # of accuracy: a difference below half a point counts as none


class Compared(NamedTuple):
    """An architecture and the numbers of its runs; accuracies are fractions."""

    label: str  # of its network, see `runs.network_labels`
    family: Family
    parameters: int
    training_flops: int  # per image and step
    runs: int
    learned: int
    accuracies: list[float]  # test accuracy of the runs that learned
    overall: list[float]  # test accuracy of all runs except diverged ones
    validation: list[float]  # validation accuracy of all runs; empty if no images are held out
    correct: np.ndarray | None  # bool [test images]: correct predictions of the first run that learned
    notebooks_kind: bool  # see `reference.is_of_the_notebooks_kind`


def summarize_runs(training: Training, dataset: Dataset, params: Params) -> Compared:
    """Collect one architecture's numbers for the statistics. Raises InputError if its predictions cannot be read."""
    described, results, label = training
    runs = pd.DataFrame([run.model_dump() for run in results.seeds.values()], index=list(results.seeds))
    learned = runs[runs["learned"]]
    correct = None
    if len(learned):
        predicted = read_predictions(described.name, int(learned.index[0])).argmax(axis=1)
        correct = predicted == dataset.index_labels(dataset.test).labels
    return Compared(
        label=label,
        family=described.family,
        parameters=results.parameters,
        training_flops=training_flops(described.architecture, dataset.image_shape, dataset.classes),
        runs=len(runs),
        learned=len(learned),
        accuracies=learned["test_accuracy"].dropna().tolist(),
        overall=runs["test_accuracy"].dropna().tolist(),
        validation=runs["validation_accuracy"].dropna().tolist(),
        correct=correct,
        notebooks_kind=is_of_the_notebooks_kind(described.architecture, params.settings(described), params.train),
    )


P_VALUES = ["p", "mcnemar_p", "equivalence_p"]
STEP_COLUMNS = ["difference", "low", "high", "p", "superiority", "mcnemar_p", "equivalence_p"]


def steps_table(compared: list[Compared]) -> pd.DataFrame:
    """Return one row per step between neighbours in `compared`, by the label "FROM to TO".

    `compared` is one family in order. Columns are STEP_COLUMNS, then each of P_VALUES with `_holm` (corrected over the
    steps) and `direction` ("up", "down" or "open"). Differences are fractions of accuracy, later minus earlier. `p`
    tests for no difference, `equivalence_p` for a difference of MARGIN or more. A missing number is NaN.
    """
    pairs = {f"{before.label} to {after.label}": _compare(before, after) for before, after in pairwise(compared)}
    table = pd.DataFrame(pairs, STEP_COLUMNS, dtype=float).T
    for column in P_VALUES:
        known = table[column].dropna()
        table[f"{column}_holm"] = pd.Series(holm(list(known)), index=known.index, dtype=float)
    directions = np.where(table["difference"] > 0, "up", "down")
    return table.assign(direction=np.where(table["p_holm"] < SIGNIFICANT, directions, "open"))


def _compare(before: Compared, after: Compared) -> dict[str, float | None]:
    welch = difference(before.accuracies, after.accuracies)
    correct = [one.correct for one in (before, after) if one.correct is not None]
    return {
        **(welch._asdict() if welch else {}),
        "difference": mean(after.accuracies) - mean(before.accuracies),
        "superiority": superiority(before.accuracies, after.accuracies),
        "mcnemar_p": mcnemar(*correct) if len(correct) == 2 else None,
        "equivalence_p": equivalence(before.accuracies, after.accuracies, MARGIN),
    }


def steps_by_label(steps: pd.DataFrame) -> dict[str, Any]:
    """Return each step's numbers by its label, without missing ones."""
    return {str(label): numbers.dropna().to_dict() for label, numbers in steps.iterrows()}


def contrast(one: Compared, others: list[Compared]) -> list[tuple[str, Difference]]:
    """Compare the test accuracies of all runs with each of `others`, by label; p-values are corrected over them.

    The list is empty if a test is impossible.
    """
    differences = [difference(other.overall, one.overall) for other in others]
    known = [between for between in differences if between]
    if len(known) < len(others):
        return []
    corrected = holm([between.p for between in known])
    return [(other.label, between._replace(p=p)) for other, between, p in zip(others, known, corrected, strict=True)]


def mean(values: list[float]) -> float:
    """Return the mean; NaN without values."""
    return float(np.mean(values)) if values else math.nan
