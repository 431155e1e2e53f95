"""Read the results of trainings in data/models/NAME, check them against params.yaml, and summarize them.

`name`, the folder below data/models, identifies a training, and a label (`network_labels`) a network.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.analysis.reference import reference_accuracy
from stages.analysis.statistics import deviation, mean_interval, proportion_interval
from stages.common import MODELS, InputError, problems
from stages.params import FAMILIES, Params, StudyArchitecture
from stages.training.files import FRACTIONS, read_npz
from stages.training.results import HISTORY, LAYERS, PREDICTIONS, RESULTS, Results


class Training(NamedTuple):
    """An architecture of params.yaml, the results of its training, and its label, see `network_labels`."""

    described: StudyArchitecture
    results: Results
    label: str


def load_results(params: Params) -> list[Training]:
    """Read the results of all architectures.

    Raises InputError if results are missing, damaged, or from another architecture or other seeds.
    """
    labels = network_labels(params)
    return [Training(one, _read_results(one, params), labels[one.name]) for one in params.architectures()]


def _read_results(described: StudyArchitecture, params: Params) -> Results:
    path = MODELS / described.name / RESULTS
    try:
        results = Results.model_validate(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(path, problems(error)[:-1] if isinstance(error, ValidationError) else error) from None
    seeds = [str(seed) for seed in params.train.seeds]
    for expected, got in ((described.architecture, results.architecture), (seeds, list(results.seeds))):
        if got != expected:
            raise InputError(f"{path}: expected results of {expected}, got {got}. Run `dvc repro`.")
    return results


def read_epochs(trainings: list[Training], columns: list[str]) -> pd.DataFrame:
    """Read the epochs of trainings: columns `name`, `family`, `architecture` (the label) and `columns`.

    `columns` are HISTORY_COLUMNS, or LAYER_COLUMNS for statistics of the layers. Raises InputError if a table is
    missing or damaged.
    """
    tables = []
    for described, _, label in trainings:
        path = MODELS / described.name / (LAYERS if "layer" in columns else HISTORY)
        try:
            table = pd.read_csv(path)[columns].astype({"seed": int, "epoch": int})
        except (OSError, ValueError, KeyError) as error:
            raise _refusal(path, error) from None
        tables.append(table.assign(name=described.name, family=described.family, architecture=label))
    return pd.concat(tables, ignore_index=True)[["name", "family", "architecture", *columns]]


def read_predictions(name: str, seed: int) -> np.ndarray:
    """Read class probabilities of the test images, float32 `[N, classes]`. Raises InputError if it fails."""
    path = MODELS / name / PREDICTIONS
    arrays = read_npz(path, _repair(path))
    if f"seed-{seed}" not in arrays:
        raise _refusal(path, f"expected seed-{seed}, got {', '.join(arrays) or 'nothing'}")
    return arrays[f"seed-{seed}"]


def _refusal(path: Path, reason: object) -> InputError:
    missing = isinstance(reason, FileNotFoundError)
    return InputError(f"{path}: {'missing' if missing else ' '.join(str(reason).split())}. {_repair(path)}")


def _repair(path: Path) -> str:
    return f"Run `dvc checkout --force {path.parent}`, or `rm -r {path.parent}` and `dvc repro`."


MEANS = [
    "test_accuracy",
    "test_accuracy_learned",
    "test_loss",
    "test_loss_learned",
    "validation_accuracy",
    "validation_loss",
    "epochs_to_learn",
]


def summarize(results: Results, flops: int) -> dict[str, float]:
    """Return the numbers of one architecture: accuracies as fractions, losses in nats, `flops` per image and step.

    `test_accuracy` is the mean over all runs, `test_accuracy_learned` over those that learned. A run that diverged has
    no accuracy and is counted in `diverged`. A mean over no run is left out. So are the standard deviation and the
    95 % interval (`_low`, `_high`) of one run.
    """
    seeds = pd.DataFrame([result.model_dump() for result in results.seeds.values()]).astype(float)
    learned = seeds[seeds["learned"] == 1].add_suffix("_learned")
    fraction = proportion_interval(len(learned), len(seeds))
    numbers = {
        "parameters": results.parameters,
        "training_flops": flops,
        "seeds": len(seeds),
        "learned": len(learned),
        "learned_fraction_low": fraction.low,
        "learned_fraction_high": fraction.high,
        "diverged": int(seeds["diverged_epoch"].count()),
        **seeds.join(learned)[MEANS].mean().dropna(),
    }
    for name in ("test_accuracy_learned", "test_loss_learned"):
        values = list(learned[name].dropna())
        if interval := mean_interval(values):
            numbers[f"{name}_deviation"] = deviation(values)
            numbers |= {f"{name}_{end}": value for end, value in interval._asdict().items()}
    return numbers


UNWRITTEN = ["name", "family", "validation_accuracy"]  # columns that the CSV files leave out
ACCURACY_COLUMNS = [*UNWRITTEN, "architecture", "parameters", "seed", "test_accuracy", "learned", "reference"]


def accuracy_table(trainings: list[Training], fashion_mnist: bool) -> pd.DataFrame:
    """Return one row per run, columns ACCURACY_COLUMNS; accuracies are fractions.

    `reference` is the notebook's accuracy; NaN for other architectures, or if the data are not Fashion-MNIST.
    """
    rows = [
        {
            "name": described.name,
            "family": described.family,
            "architecture": label,
            "seed": int(seed),
            "parameters": results.parameters,
            "reference": reference_accuracy(described.architecture) if fashion_mnist else None,
            **run.model_dump(),
        }
        for described, results, label in trainings
        for seed, run in results.seeds.items()
    ]
    fractions = dict.fromkeys(["validation_accuracy", "test_accuracy", "reference"], float)
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS).astype(fractions)


def table_text(table: pd.DataFrame) -> str:
    """Return the table as CSV with rounded fractions, without UNWRITTEN columns."""
    shown = table.drop(columns=UNWRITTEN, errors="ignore")
    return shown.to_csv(index=False, float_format=FRACTIONS, lineterminator="\n")


class BestRun(NamedTuple):
    """The run whose errors the page shows."""

    label: str
    seed: int
    probabilities: np.ndarray  # of the test images, float32 `[N, classes]`


def best_run(accuracy: pd.DataFrame) -> BestRun | None:
    """Return the run of highest validation accuracy, or test accuracy if no images are held out; None if none learned.

    The first wins a tie. `accuracy` is from `accuracy_table`. Raises InputError if its predictions cannot be read.
    """
    known = accuracy[accuracy["learned"] & accuracy["test_accuracy"].notna()]
    if known.empty:
        return None
    best = known.iloc[int(known["validation_accuracy"].fillna(known["test_accuracy"]).argmax())]
    return BestRun(best["architecture"], best["seed"], read_predictions(best["name"], best["seed"]))


def network_labels(params: Params) -> dict[str, str]:
    """Return each architecture's label by `name`: all labels of its network, joined by " = ".

    A network is an architecture with its training settings; several families may name it.
    """
    labels: dict[str, str] = {}
    for network in _networks(params):
        labels |= dict.fromkeys([one.name for one in network], " = ".join(one.label for one in _shown(network)))
    return labels


def in_order(params: Params, parameters: Mapping[str, int]) -> list[StudyArchitecture]:
    """Return the shown architectures by family, then by blocks and filters; custom ones by parameters.

    `parameters` are parameter counts by `name`.
    """

    def place(one: StudyArchitecture) -> tuple[int, ...]:
        size = parameters[one.name] if one.family == "custom" else 0
        return FAMILIES.index(one.family), size, one.architecture.blocks, sum(one.architecture.filters)

    return sorted((one for network in _networks(params) for one in _shown(network)), key=place)


def _networks(params: Params) -> list[list[StudyArchitecture]]:
    networks: dict[str, list[StudyArchitecture]] = {}
    for one in sorted(params.architectures(), key=lambda one: FAMILIES.index(one.family)):
        networks.setdefault(params.network(one), []).append(one)
    return list(networks.values())


def _shown(network: list[StudyArchitecture]) -> list[StudyArchitecture]:
    """Return the network without a baseline that its family of the study also names."""
    studied = {one.family for one in network if not one.is_baseline}
    return [one for one in network if not (one.is_baseline and one.family in studied)]
