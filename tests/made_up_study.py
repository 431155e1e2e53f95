"""A study whose every number is made up, on disk, so that a wrong formula anywhere gives another number.

Four seeds and three epochs each: failed runs among learned ones, one that diverged; the first seed is not the first
that learned, no epoch has the numbers of the last, validation and test disagree on what is best, more blocks have
fewer parameters and take more operations, and a network is called nan. Labels are 2, 5 and 9, the first of half the
training images.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.params import read_params
from stages.training.dataset import Dataset, Split, write_dataset
from stages.training.files import csv_text, write_json, write_npz, write_text
from stages.training.results import HISTORY_COLUMNS, LAYER_COLUMNS

ROOT = Path(__file__).parents[1]
PARAMS = """\
data:
  source: fashion-mnist
  validation: 4
  seed: 0
train:
  epochs: 3
  batch_size: 2
  learning_rate: 0.001
  threads: 1
  seeds: SEEDS
width: {filters: [8, 16], blocks: 1, pooling: max, dense_units: 80, activation: sigmoid}
depth: {filters: [6, 6], blocks: 1, pooling: average, dense_units: 84, activation: sigmoid}
study:
  width:
    w10-20: [10, 20]
    w2-4: [2, 4]
  depth: [2, 1]
"""
CUSTOM = """\
  custom:
    plain: {filters: [3, 3], blocks: 1, pooling: average, dense_units: 9, activation: sigmoid}
    deep: {filters: [4, 8, 16, 16], blocks: 2, kernel_size: 3, pooling: max, pool_stride: 2, head: global_average,
      activation: relu, normalization: batch, dropout: 0.25, ema_momentum: 0.9, learning_rate: 0.002}
    nan: {filters: [9, 9], blocks: 1, pooling: max, dense_units: 90, activation: sigmoid}
"""
SEEDS = (7, 0, 1, 2)
ON_RECORD = {
    "width_has_an_optimum": {"claim": "Width", "verdict": "contradicted in part", "sentence": "made up, of five seeds"},
}
TEST_LABELS = [9, 2, 5, 5, 5, 9]


class Run(NamedTuple):
    """One seed: its training losses and validation accuracies, epoch by epoch, and what came of it."""

    losses: list[float]
    validation: list[float]
    test: float | None  # accuracy; the test loss is 1.5 less that, the validation loss 1.2 less that accuracy
    learned: int | None = None  # the epoch
    diverged: int | None = None
    right: int = 0  # of the six test images, the first so many are right

    @property
    def last(self) -> float | None:
        return None if self.test is None else self.validation[-1]


FAILED = Run([1.05, 1.04, 1.03], [0.30, 0.28, 0.31], 0.32)
WIDTH = [
    Run([0.80, 0.50, 0.30], [0.80, 0.85, 0.90], 0.88, 1, right=5),
    Run([0.70, 0.40, 0.20], [0.82, 0.86, 0.92], 0.86, 1, right=3),
    Run([0.90, 0.60, 0.35], [0.70, 0.75, 0.86], 0.90, 1, right=6),
    Run([0.95, 0.55, 0.33], [0.72, 0.80, 0.84], 0.94, 1, right=6),
]
DEPTH_1 = [Run([0.85, 0.65, 0.45], [0.76, 0.79, 0.80 + k / 100], 0.82 - k / 100, 1, right=4) for k in range(4)]
RUNS = {
    "width": WIDTH,
    "w2-4": [
        FAILED._replace(right=6),
        Run([1.04, 0.90, 0.60], [0.40, 0.70, 0.74], 0.80, 2, right=2),
        Run([1.03, 1.00, 0.70], [0.41, 0.50, 0.72], 0.84, 3, right=3),
        Run([1.02], [0.42], None, diverged=2),
    ],
    "w10-20": [FAILED, FAILED, Run([1.06, 0.92, 0.52], [0.36, 0.66, 0.88], 0.78, 2, right=4), FAILED],
    "depth": DEPTH_1,
    "depth-1": DEPTH_1,
    "depth-2": [Run([0.88, 0.77, 0.66], [0.55, 0.65, 0.70 + k / 50], 0.71 - k / 50, 1, right=1) for k in range(4)],
    "plain": [Run([0.60, 0.40, 0.20], [0.83, 0.86, 0.89], 0.96 + k / 100, 1, right=5) for k in range(4)],
    "deep": [Run([0.50, 0.30, 0.10], [0.84, 0.88, 0.90], 0.95 + k / 200, 1, right=5) for k in range(4)],
    "nan": [Run([0.40, 0.20, 0.05], [0.85, 0.90, 0.99], 0.98 + k / 200, 1, right=6) for k in range(4)],
}
PARAMETERS = {"width": 5000, "w2-4": 900, "w10-20": 7000, "depth": 4000, "depth-1": 4000, "depth-2": 800}
PARAMETERS |= {"plain": 4500, "deep": 950, "nan": 6000}  # the study's best has 5000


def dataset() -> Dataset:
    """Return images of 14x14 pixels, no two alike."""

    def part(labels: list[int], first: int) -> Split:
        images = np.zeros((len(labels), 14, 14), dtype=np.uint8)
        images[:, 0, 0] = np.arange(first, first + len(labels))
        return Split(images, np.array(labels, dtype=np.uint8))

    return Dataset(part([2, 5, 9, 2] * 3, 0), part([2, 2, 5, 9], 100), part(TEST_LABELS, 200))


def probabilities(right: int) -> np.ndarray:
    """Return probabilities of six test images: the first `right` are right, the others one class off, ever surer."""
    true = np.searchsorted([2, 5, 9], TEST_LABELS)
    said = np.where(np.arange(6) < right, true, (true + 1) % 3)
    surest = 0.5 + 0.05 * np.arange(6, dtype=np.float32)
    table = np.repeat((1 - surest)[:, None] / 2, 3, axis=1)
    table[np.arange(6), said] = surest
    return table.astype(np.float32)


def layers_of(seed: int, epochs: int) -> list[tuple[Any, ...]]:
    names = ("block1_conv1", "block1_conv2", "hidden", "probabilities")
    return [
        (seed, epoch, name, 0.5, float("nan") if name == "probabilities" else epoch / 10, 0.001 * (seed + 1) * (k + 1))
        for epoch in range(epochs + 1 if epochs else 0)
        for k, name in enumerate(names)
    ]


def write_training(folder: Path, name: str, architecture: dict[str, Any], chosen: Sequence[int]) -> None:
    """Write data/models/NAME as a training leaves it, except the models."""
    runs = {seed: run for seed, run in zip(SEEDS, RUNS[name], strict=True) if seed in chosen}
    seeds = {
        str(seed): {
            "test_loss": None if run.test is None else 1.5 - run.test,
            "test_accuracy": run.test,
            "validation_loss": None if run.last is None else 1.2 - run.last,
            "validation_accuracy": run.last,
            "learned": run.learned is not None,
            "epochs_to_learn": run.learned,
            "diverged_epoch": run.diverged,
        }
        for seed, run in runs.items()
    }
    numbers = {"architecture": architecture, "parameters": PARAMETERS[name], "classes": 3, "seeds": seeds}
    write_json(folder / "results.json", numbers)
    history = [
        (seed, epoch, loss, accuracy + 0.01, 1.2 - accuracy, accuracy)
        for seed, run in runs.items()
        for epoch, (loss, accuracy) in enumerate(zip(run.losses, run.validation, strict=True), start=1)
    ]
    write_text(folder / "history.csv", csv_text(history, HISTORY_COLUMNS))
    layers = [row for seed, run in runs.items() for row in layers_of(seed, len(run.losses))]
    write_text(folder / "layers.csv", csv_text(layers, LAYER_COLUMNS, "%.5g"))
    predictions = {f"seed-{seed}": probabilities(run.right) for seed, run in runs.items() if run.test is not None}
    write_npz(folder / "predictions.npz", predictions)


def write_study(project: Path, chosen: Sequence[int] = SEEDS, custom: str = "") -> None:
    """Write params.yaml, data/fashion_mnist.npz, names of classes, data/models/ and a record of five seeds.

    `custom` is nothing or CUSTOM, the architectures of study.custom.
    """
    params = PARAMS.replace("SEEDS", str(list(chosen))) + custom
    write_text(project / "params.yaml", params)
    write_text(project / "data/raw/classes.txt", "<b>two\nfive\nnine\n")
    write_text(project / "records/study/params.yaml", PARAMS.replace("SEEDS", "[7, 0, 1, 2, 3]"))
    write_json(project / "records/study/metrics/verdicts.json", ON_RECORD)
    write_dataset(project / "data/fashion_mnist.npz", dataset())
    for described in read_params(params).architectures():
        write_training(
            project / "data/models" / described.name, described.name, described.architecture.model_dump(), chosen
        )


def compare_study(project: Path, chosen: Sequence[int] = SEEDS, **variables: str) -> str:
    """Write the study with CUSTOM, and return what `aggregate` prints with these variables of the environment."""
    (project / "stages").symlink_to(ROOT / "stages")
    write_study(project, chosen, CUSTOM)
    return aggregate(project, **variables)


def aggregate(project: Path, **variables: str) -> str:
    """Run the stage with these variables of the environment, and return what it prints."""
    from tests.conftest import run  # here, as conftest.py imports this module

    return run(sys.executable, "-m", "stages.aggregate", cwd=project, status=0, **variables)


def outputs(project: Path) -> dict[str, bytes]:
    """Return the files of metrics/ and plots/ by name."""
    return {path.name: path.read_bytes() for folder in ("metrics", "plots") for path in (project / folder).iterdir()}
