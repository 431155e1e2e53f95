"""The numbers that metrics/ and the CSV files of plots/ have.

In memory an architecture is identified by its `name`, the folder below data/models; files have its label alone.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.analysis.reference import reference_accuracy
from stages.analysis.runs import Training, read_predictions
from stages.analysis.statistics import deviation, mean_interval, proportion_interval
from stages.params import Family, StudyArchitecture
from stages.training.files import FRACTIONS
from stages.training.results import Results


def summarize(results: Results, flops: int) -> dict[str, float | None]:
    """Return the numbers of one architecture: accuracies as fractions, losses in nats, `flops` per image and step.

    `test_accuracy` is the mean over all runs, `test_accuracy_learned` over those that learned. A run that diverged has
    no accuracy and is counted in `diverged`. A number that does not exist is left out: a mean over no run, a standard
    deviation or 95 % interval (`_low`, `_high`) of one run.
    """
    seeds = pd.DataFrame([result.model_dump() for result in results.seeds.values()])
    learned = seeds[seeds["learned"]]
    means = {
        "test_accuracy": seeds["test_accuracy"],
        "test_accuracy_learned": learned["test_accuracy"],
        "test_loss": seeds["test_loss"],
        "test_loss_learned": learned["test_loss"],
        "validation_accuracy": seeds["validation_accuracy"],
        "validation_loss": seeds["validation_loss"],
        "epochs_to_learn": learned["epochs_to_learn"],
    }
    spread: dict[str, float | None] = {}
    for name in ("test_accuracy_learned", "test_loss_learned"):
        values = list(means[name].astype(float))
        if interval := mean_interval(values):
            spread |= {
                f"{name}_deviation": deviation(values),
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
    fraction = proportion_interval(len(learned), len(seeds))
    return (
        {
            "parameters": results.parameters,
            "training_flops": flops,
            "seeds": len(seeds),
            "learned": len(learned),
            "learned_fraction_low": fraction.low,
            "learned_fraction_high": fraction.high,
            "diverged": int(seeds["diverged_epoch"].notna().sum()),
        }
        | {name: float(values.astype(float).mean()) for name, values in means.items() if values.notna().any()}
        | spread
    )


class BestRun(NamedTuple):
    """The run whose errors the page shows."""

    label: str
    seed: int
    probabilities: np.ndarray  # of the test images, float32 `[N, classes]`


def best_run(trainings: list[Training]) -> BestRun | None:
    """Return the run of highest validation accuracy, or test accuracy if no images are held out; None if none learned.

    The first of equals. Raises InputError if its predictions cannot be read.
    """
    runs = [
        (run.test_accuracy if run.validation_accuracy is None else run.validation_accuracy, described, int(seed))
        for described, results in trainings
        for seed, run in results.seeds.items()
        if run.learned and run.test_accuracy is not None
    ]
    if not runs:
        return None
    _, described, seed = max(runs, key=lambda run: run[0] or 0)
    return BestRun(described.label, seed, read_predictions(described.name, seed))


ACCURACY_COLUMNS = ["name", "architecture", "parameters", "seed", "test_accuracy", "learned", "reference"]


def accuracy_table(trainings: list[Training], fashion_mnist: bool) -> pd.DataFrame:
    """Return one row per run, columns ACCURACY_COLUMNS; accuracies are fractions.

    `reference` is the notebook's accuracy; NaN if it had no such architecture, or the data are not Fashion-MNIST.
    """
    rows = [
        {
            "name": described.name,
            "architecture": described.label,
            "parameters": results.parameters,
            "seed": int(seed),
            "test_accuracy": result.test_accuracy,
            "learned": result.learned,
            "reference": reference_accuracy(described.architecture) if fashion_mnist else None,
        }
        for described, results in trainings
        for seed, result in results.seeds.items()
    ]
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS).astype({"test_accuracy": float, "reference": float})


def family_members(family: Family, trainings: list[Training]) -> list[Training]:
    """Return a family's trainings in the order of `in_order`; the custom ones by their parameters."""
    by_name = {training.described.name: training for training in trainings}
    ordered = [by_name[described.name] for described in in_order(family, [one.described for one in trainings])]
    return sorted(ordered, key=lambda one: one.results.parameters) if family == "custom" else ordered


def in_order(family: Family, described: list[StudyArchitecture]) -> list[StudyArchitecture]:
    """Return a family's architectures by blocks and filters, with its baseline only if the study lacks it."""
    members = [one for one in described if one.family == family]
    studied = [one for one in members if not one.is_baseline]
    known = [one.architecture for one in studied]
    shown = studied + [one for one in members if one.architecture not in known]
    return sorted(shown, key=lambda one: (one.architecture.blocks, sum(one.architecture.filters)))


def table_text(table: pd.DataFrame) -> str:
    """Return the table as CSV with rounded fractions and without `name`."""
    return table.drop(columns="name").to_csv(index=False, float_format=FRACTIONS, lineterminator="\n")
