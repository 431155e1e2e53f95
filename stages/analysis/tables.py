"""The tables that metrics/, plots/ and the page show.

In memory an architecture is told by its `name`, the folder below data/models; files have its label alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.analysis.comparisons import Compared
from stages.analysis.reference import of_the_notebooks_kind, reference_accuracy
from stages.analysis.runs import Trained, read_history, read_layers, read_predictions
from stages.analysis.statistics import deviation, mean_interval, proportion_interval
from stages.flops import training_flops
from stages.params import Family, Params, StudyArchitecture
from stages.training.dataset import Dataset
from stages.training.files import FRACTIONS
from stages.training.results import HISTORY_COLUMNS, LAYER_COLUMNS, Results


def summarize(results: Results, flops: int) -> dict[str, float | None]:
    """The numbers of one architecture: accuracies as fractions, losses in nats, `flops` of a training step an image.

    A failed start counts in `test_accuracy`, not in `test_accuracy_learned`. Means are over the seeds that have the
    number: one that diverged has none, and is told by `diverged`. What does not exist is left out: a mean over no seed,
    a deviation or an interval (`_low`, `_high`, 95 %) of a mean over one.
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
    share = proportion_interval(len(learned), len(seeds))
    return (
        {
            "parameters": results.parameters,
            "training_flops": flops,
            "seeds": len(seeds),
            "learned": len(learned),
            "learned_fraction_low": share.low,
            "learned_fraction_high": share.high,
            "diverged": int(seeds["diverged_epoch"].notna().sum()),
        }
        | {name: float(values.astype(float).mean()) for name, values in means.items() if values.notna().any()}
        | spread
    )


class BestRun(NamedTuple):
    """The run whose errors are shown."""

    label: str
    seed: int
    probabilities: np.ndarray  # of the test images, float32 `[N, classes]`


def best_run(every: list[Trained]) -> BestRun | None:
    """The run of highest accuracy on the held-out images, or on the test images where none are held out.

    None where every run diverged.
    """
    runs = [
        (run.test_accuracy if run.validation_accuracy is None else run.validation_accuracy, described, int(seed))
        for described, results in every
        for seed, run in results.seeds.items()
        if run.test_accuracy is not None
    ]
    if not runs:
        return None
    _, described, seed = max(runs, key=lambda run: run[0] or 0)
    return BestRun(described.label, seed, read_predictions(described.name, seed))


def compared_runs(trained: Trained, dataset: Dataset, params: Params) -> Compared:
    """What the statistics need of one architecture of `params`.

    Raises InputError where its predictions are not to be had.
    """
    described, results = trained
    runs = list(results.seeds.values())
    first = next((seed for seed, run in results.seeds.items() if run.learned), None)
    correct = None
    if first is not None:
        correct = read_predictions(described.name, int(first)).argmax(axis=1) == dataset.indexed(dataset.test).labels
    return Compared(
        name=described.name,
        label=described.label,
        family=described.family,
        parameters=results.parameters,
        training_flops=training_flops(described.architecture, dataset.image_shape, dataset.classes),
        runs=len(runs),
        learned=sum(run.learned for run in runs),
        accuracies=[run.test_accuracy for run in runs if run.learned and run.test_accuracy is not None],
        overall=[run.test_accuracy for run in runs if run.test_accuracy is not None],
        validation=[run.validation_accuracy for run in runs if run.validation_accuracy is not None],
        correct=correct,
        notebooks_kind=of_the_notebooks_kind(described.architecture, params.settings(described), params.train),
    )


ACCURACY_COLUMNS = ["name", "architecture", "parameters", "seed", "test_accuracy", "learned", "reference"]


def accuracy_table(every: list[Trained], fashion_mnist: bool) -> pd.DataFrame:
    """One row an architecture and seed: test accuracy as a fraction, whether it learned, the reference's accuracy.

    The reference's is missing where the data are not `fashion_mnist`.
    """
    return pd.DataFrame(
        [
            {
                "name": described.name,
                "architecture": described.label,
                "parameters": results.parameters,
                "seed": int(seed),
                "test_accuracy": result.test_accuracy,
                "learned": result.learned,
                "reference": reference_accuracy(described.architecture) if fashion_mnist else None,
            }
            for described, results in every
            for seed, result in results.seeds.items()
        ],
        columns=ACCURACY_COLUMNS,
    ).astype({"test_accuracy": float, "reference": float})


def curves_table(every: list[Trained]) -> pd.DataFrame:
    """One row an architecture, seed and epoch, with the training's and the monitored part's loss and accuracy."""
    return _together(every, read_history, HISTORY_COLUMNS)


def layers_table(every: list[Trained]) -> pd.DataFrame:
    """One row an architecture, seed, epoch and layer, with what stages/training/diagnosis.py measured."""
    return _together(every, read_layers, LAYER_COLUMNS)


def _together(every: list[Trained], read: Callable[[str], pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not every:
        return pd.DataFrame(columns=["name", "architecture", *columns])
    tables = []
    for described, _ in every:
        table = read(described.name)
        table.insert(0, "name", described.name)
        table.insert(1, "architecture", described.label)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def members(family: Family, every: list[Trained]) -> list[Trained]:
    """A family's architectures as `in_order` has them; what was found by its parameters."""
    by_name = {trained.described.name: trained for trained in every}
    ordered = [by_name[described.name] for described in in_order(family, [one.described for one in every])]
    return sorted(ordered, key=lambda one: one.results.parameters) if family == "custom" else ordered


def in_order(family: Family, every: list[StudyArchitecture]) -> list[StudyArchitecture]:
    """A family's architectures by kernels or blocks; its pick among them where the study does not hold it."""
    all_of_it = [described for described in every if described.family == family]
    studied = [described for described in all_of_it if not described.is_baseline]
    known = [described.architecture for described in studied]
    shown = studied + [described for described in all_of_it if described.architecture not in known]
    return sorted(shown, key=_by_size)


def _by_size(described: StudyArchitecture) -> tuple[int, int]:
    return described.architecture.blocks, sum(described.architecture.filters)


def by_step(steps: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A step's numbers under the labels of its two sides; those that do not exist are left out."""
    numbers = steps.drop(columns=["from", "to", "from_label", "to_label"])
    keys = steps["from_label"] + " to " + steps["to_label"]
    return {
        key: {str(column): value for column, value in row.items() if pd.notna(value)}
        for key, row in zip(keys, numbers.to_dict("records"), strict=True)
    }


def table_text(table: pd.DataFrame) -> str:
    """CSV with rounded fractions, as a file has it."""
    return table.drop(columns="name").to_csv(index=False, float_format=FRACTIONS, lineterminator="\n")
