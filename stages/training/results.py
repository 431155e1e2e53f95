"""What a training leaves in data/models/NAME: the files, their columns and keys, and how they are written."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from stages.training.architecture import Architecture, Section
from stages.training.files import csv_text, whole_file, write_json, write_npz, write_text

if TYPE_CHECKING:
    import keras
    import numpy as np

    from stages.training.dataset import Dataset
    from stages.training.loop import State, Tested

RESULTS = "results.json"
HISTORY = "history.csv"
LAYERS = "layers.csv"
PREDICTIONS = "predictions.npz"
EPOCH_COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")  # as Keras names them
HISTORY_COLUMNS = ["seed", "epoch", *EPOCH_COLUMNS]
LAYER_COLUMNS = ["seed", "epoch", "layer", "mean_activation", "saturated", "gradient_norm"]

LEARNED_BELOW = 2.2 / math.log(10)  # of the plateau: a training loss of 2.2 where ten labels are equally frequent

Fraction = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Epoch = Annotated[int, Field(ge=1)]


def model_file(seed: int) -> str:
    return f"seed-{seed}.keras"


class SeedResult(Section):
    """One seed's outcome. Numbers that do not exist are null: of validation without one, of a run that diverged."""

    test_loss: Loss | None  # nats
    test_accuracy: Fraction | None
    validation_loss: Loss | None
    validation_accuracy: Fraction | None
    learned: bool
    epochs_to_learn: Epoch | None  # the first epoch whose training loss was off the plateau
    diverged_epoch: Epoch | None  # the epoch at which the loss was NaN or infinite; no model or prediction is kept then


class Results(Section):
    """The content of results.json."""

    architecture: Architecture
    parameters: Annotated[int, Field(ge=1)]  # trainable numbers of the model
    classes: Annotated[int, Field(ge=2, le=256)]  # labels that occur in training
    seeds: dict[str, SeedResult]


def epochs_to_learn(losses: list[float], plateau: float) -> int | None:
    """The first epoch, from 1, whose training loss is below LEARNED_BELOW of the plateau; None if there is none.

    `plateau` is the entropy of the training labels, in nats as the losses.
    """
    return next((epoch for epoch, loss in enumerate(losses, start=1) if loss < LEARNED_BELOW * plateau), None)


class Output:
    """The files of one architecture in the making: a model at every seed that is added, and at the end the tables."""

    def __init__(self, folder: Path, architecture: Architecture, dataset: Dataset, parameters: int) -> None:
        self.folder = folder
        self.architecture = architecture
        self.dataset = dataset
        self.parameters = parameters
        self.epochs: list[tuple[Any, ...]] = []
        self.layers: list[tuple[Any, ...]] = []
        self.predictions: dict[str, np.ndarray] = {}
        self.seeds: dict[str, SeedResult] = {}

    def add(self, seed: int, state: State, tested: Tested | None) -> None:
        """A training that has ended, and its test if it did not diverge."""
        self.epochs += [(seed, epoch, *row) for epoch, row in enumerate(state.history, start=1)]
        self.layers += [
            (seed, epoch, layer, *measures)
            for epoch, rows in enumerate(state.layers)
            for layer, measures in zip(self.architecture.layer_names, rows, strict=True)
        ]
        if tested:
            self.predictions[f"seed-{seed}"] = tested.probabilities
            save_model(self.folder / model_file(seed), tested.model)
        self.seeds[str(seed)] = seed_result(state, tested, self.dataset)

    def write_tables(self) -> None:
        """All that tells of several seeds. Raises OSError, as for models."""
        results = Results(
            architecture=self.architecture,
            parameters=self.parameters,
            classes=self.dataset.classes,
            seeds=self.seeds,
        )
        numbers = results.model_dump(exclude_defaults=True)  # without the keys whose value changes nothing
        write_json(self.folder / RESULTS, numbers)
        write_text(self.folder / HISTORY, csv_text(self.epochs, HISTORY_COLUMNS))
        write_text(self.folder / LAYERS, csv_text(self.layers, LAYER_COLUMNS, "%.5g"))
        write_npz(self.folder / PREDICTIONS, self.predictions)


def seed_result(state: State, tested: Tested | None, dataset: Dataset) -> SeedResult:
    """One seed's entry of results.json."""
    losses = [row[EPOCH_COLUMNS.index("loss")] for row in state.history]
    start = None if state.diverged_epoch else epochs_to_learn(losses, dataset.chance_loss)
    validation_loss = validation_accuracy = None
    if tested and len(dataset.validation.labels):
        *_, validation_loss, validation_accuracy = state.history[-1]
    return SeedResult(
        test_loss=tested and tested.loss,
        test_accuracy=tested and tested.accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        learned=start is not None,
        epochs_to_learn=start,
        diverged_epoch=state.diverged_epoch,
    )


def save_model(path: Path, model: keras.Model) -> None:
    """The model as Keras saves it but for dates and addresses in memory, so that equal models are equal files."""
    with whole_file(path) as unfinished:
        model.save(unfinished)
        with zipfile.ZipFile(unfinished) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        metadata = json.loads(members["metadata.json"])
        del metadata["date_saved"]
        members["metadata.json"] = json.dumps(metadata).encode()
        members["config.json"] = _with_small_ids(members["config.json"])
        with zipfile.ZipFile(unfinished, "w") as archive:
            for member, content in members.items():
                archive.writestr(zipfile.ZipInfo(member), content)  # dated 1980


def _with_small_ids(config: bytes) -> bytes:
    """Keras marks an object that several layers share by its address; number such objects instead."""
    numbers: dict[int, int] = {}

    def renumber(node: dict[str, Any]) -> dict[str, Any]:
        if "shared_object_id" in node:
            node["shared_object_id"] = numbers.setdefault(node["shared_object_id"], len(numbers))
        return node

    return json.dumps(json.loads(config, object_hook=renumber)).encode()
