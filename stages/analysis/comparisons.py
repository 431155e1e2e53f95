"""What the statistics need of an architecture's runs, and the steps from one architecture of a family to the next."""

import math
from collections.abc import Iterable
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

MARGIN = 0.005  # of accuracy, either way: a difference below half a point counts as none


class Compared(NamedTuple):
    """An architecture and the numbers of its runs; accuracies are fractions."""

    name: str
    label: str
    family: Family
    parameters: int
    training_flops: int  # per image and step
    runs: int
    learned: int
    accuracies: list[float]  # test accuracy of the runs that learned
    overall: list[float]  # test accuracy of all runs; one that diverged has none
    validation: list[float]  # validation accuracy of all runs; empty if no images are held out
    correct: np.ndarray | None  # bool [test images]: which ones the first run that learned classifies correctly
    notebooks_kind: bool  # see `reference.is_of_the_notebooks_kind`

    @property
    def learns_sometimes(self) -> bool:
        """Whether some of its runs learned and some did not."""
        return 0 < self.learned < self.runs


def summarize_runs(training: Training, dataset: Dataset, params: Params) -> Compared:
    """Collect what the statistics need of one architecture. Raises InputError if its predictions cannot be read."""
    described, results = training
    runs = list(results.seeds.values())
    learned = [run for run in runs if run.learned]
    first = next((int(seed) for seed, run in results.seeds.items() if run.learned), None)
    correct = None
    if first is not None:
        correct = read_predictions(described.name, first).argmax(axis=1) == dataset.index_labels(dataset.test).labels
    return Compared(
        name=described.name,
        label=described.label,
        family=described.family,
        parameters=results.parameters,
        training_flops=training_flops(described.architecture, dataset.image_shape, dataset.classes),
        runs=len(runs),
        learned=len(learned),
        accuracies=_known(run.test_accuracy for run in learned),
        overall=_known(run.test_accuracy for run in runs),
        validation=_known(run.validation_accuracy for run in runs),
        correct=correct,
        notebooks_kind=is_of_the_notebooks_kind(described.architecture, params.settings(described), params.train),
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


P_VALUES = ["p", "mcnemar_p", "equivalence_p"]
NUMBERS = ["difference", "low", "high", "p", "superiority", "mcnemar_p", "equivalence_p"]
STEP_COLUMNS = ["from", "to", "from_label", "to_label", *NUMBERS]


def steps_table(compared: list[Compared]) -> pd.DataFrame:
    """Return one row per step from an architecture to the next in `compared`, which is one family in order.

    Columns STEP_COLUMNS, then each of P_VALUES with `_holm` (corrected over the steps) and `direction` ("up", "down" or
    "open"). `from` and `to` are names. Differences are fractions of accuracy, later minus earlier. `p` is that of no
    difference, `equivalence_p` that of a difference of MARGIN or more. A number that does not exist is NaN.
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
    numbers = {
        **(welch._asdict() if welch else {}),
        "from": before.name,
        "to": after.name,
        "from_label": before.label,
        "to_label": after.label,
        "difference": mean(after.accuracies) - mean(before.accuracies),
        "superiority": superiority(before.accuracies, after.accuracies),
        "equivalence_p": equivalence(before.accuracies, after.accuracies, MARGIN),
    }
    if before.correct is not None and after.correct is not None:
        numbers["mcnemar_p"] = mcnemar(before.correct, after.correct)
    return numbers


def steps_by_label(steps: pd.DataFrame) -> dict[str, Any]:
    """Return each step's numbers under "FROM to TO", the labels of its sides, without numbers that do not exist."""
    numbers = steps.drop(columns=["from", "to", "from_label", "to_label"])
    numbers.index = pd.Index(steps["from_label"] + " to " + steps["to_label"])
    return {str(key): row.dropna().to_dict() for key, row in numbers.iterrows()}


class Contrast(NamedTuple):
    """How far an architecture is from another, over all runs: `p` is corrected over the contrasts with others."""

    other: Compared
    between: Difference
    p: float


def contrast(one: Compared, others: list[Compared]) -> list[Contrast] | None:
    """Compare the test accuracies of all runs with those of each of `others`; None if a difference does not exist."""
    differences = [difference(other.overall, one.overall) for other in others]
    known = [between for between in differences if between]
    if len(known) < len(others):
        return None
    return [Contrast(*row) for row in zip(others, known, holm([between.p for between in known]), strict=True)]


def mean(values: list[float]) -> float:
    """Return the mean, NaN of no values."""
    return float(np.mean(values)) if values else math.nan
