"""The files of a training in data/models/NAME: their columns and keys, and how they are written."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from stages.training.architecture import Architecture, Section
from stages.training.files import csv_text, whole_file, write_json, write_npz, write_text

if TYPE_CHECKING:
    import keras

RESULTS = "results.json"
HISTORY = "history.csv"
LAYERS = "layers.csv"
PREDICTIONS = "predictions.npz"
EPOCH_COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")  # Keras's names
HISTORY_COLUMNS = ["seed", "epoch", *EPOCH_COLUMNS]
LAYER_COLUMNS = ["seed", "epoch", "layer", "mean_activation", "saturated", "gradient_norm"]

LEARNED_BELOW = 2.2 / math.log(10)  # of the chance-level loss: a training loss of 2.2 for ten equally frequent labels

Fraction = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Epoch = Annotated[int, Field(ge=1)]


def model_file(seed: int) -> str:
    return f"seed-{seed}.keras"


@dataclass
class State:
    """All that a training needs to resume after an epoch. Image order and dropout follow from seed and step."""

    history: list[list[float]] = field(default_factory=list)  # EPOCH_COLUMNS of every finished epoch; losses in nats
    weights: list[np.ndarray] = field(default_factory=list)  # float32, in the order of Keras's `get_weights`
    optimizer: list[np.ndarray] = field(default_factory=list)  # Keras's `optimizer.variables`, with the moving averages
    layers: list[np.ndarray] = field(default_factory=list)  # a Diagnosis of epoch 0 and of every finished epoch
    diverged_epoch: int | None = None  # the epoch, from 1, whose loss was NaN or infinite; training ends there

    @property
    def epochs(self) -> int:
        """The number of epochs that were begun and ended, with the one that diverged."""
        return self.diverged_epoch or len(self.history)


class SeedResult(Section):
    """The numbers of one seed. Missing ones are null: without validation images, or if the run diverged."""

    test_loss: Loss | None  # nats
    test_accuracy: Fraction | None
    validation_loss: Loss | None
    validation_accuracy: Fraction | None
    learned: bool
    epochs_to_learn: Epoch | None  # the first epoch whose training loss was clearly below the chance level
    diverged_epoch: Epoch | None  # the epoch whose loss was NaN or infinite; then there is no model and no prediction


class Results(Section):
    """The content of results.json."""

    architecture: Architecture
    parameters: Annotated[int, Field(ge=1)]  # of the model, with moving statistics
    classes: Annotated[int, Field(ge=2, le=256)]  # labels that occur in training
    seeds: dict[str, SeedResult]


class SeedOutput(NamedTuple):
    """The part of one seed in the files of its architecture."""

    result: SeedResult
    parameters: int
    classes: int
    history: np.ndarray  # float64 `[epochs, len(EPOCH_COLUMNS)]`
    layers: np.ndarray  # float64 `[epochs + 1, layers, 3]`, see Diagnosis; `[0, 0, 3]` without a finished epoch
    model: bytes  # the .keras file; empty if the training diverged
    probabilities: np.ndarray  # of the classes for the test images, float32 `[N, classes]`; `[0, classes]` if diverged

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays that `from_arrays` turns back."""
        numbers = {"result": self.result.model_dump(), "parameters": self.parameters, "classes": self.classes}
        return {
            "numbers": np.array(json.dumps(numbers)),
            "history": self.history,
            "layers": self.layers,
            "model": np.frombuffer(self.model, dtype=np.uint8),
            "probabilities": self.probabilities,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> SeedOutput:
        """Return the output that `to_arrays` turned into these arrays. Raises KeyError or ValueError for others."""
        numbers = json.loads(str(arrays["numbers"]))
        return cls(
            SeedResult.model_validate(numbers["result"]),
            numbers["parameters"],
            numbers["classes"],
            arrays["history"],
            arrays["layers"],
            arrays["model"].tobytes(),
            arrays["probabilities"],
        )


def epochs_to_learn(losses: list[float], chance_loss: float) -> int | None:
    """Return the first epoch, from 1, whose training loss is below LEARNED_BELOW of `chance_loss` (nats), or None."""
    return next((epoch for epoch, loss in enumerate(losses, start=1) if loss < LEARNED_BELOW * chance_loss), None)


def write_outputs(folder: Path, architecture: Architecture, outputs: Mapping[int, SeedOutput]) -> None:
    """Write the models of all seeds and their tables into `folder`. Raises OSError."""
    epochs: list[tuple[Any, ...]] = []
    layers: list[tuple[Any, ...]] = []
    predictions: dict[str, np.ndarray] = {}
    for seed, output in outputs.items():
        epochs += [(seed, epoch, *row) for epoch, row in enumerate(output.history.tolist(), start=1)]
        layers += [
            (seed, epoch, layer, *measures)
            for epoch, rows in enumerate(output.layers.tolist())
            for layer, measures in zip(architecture.layer_names, rows, strict=True)
        ]
        if output.model:
            predictions[f"seed-{seed}"] = output.probabilities
            with whole_file(folder / model_file(seed)) as unfinished:
                unfinished.write_bytes(output.model)
    first = next(iter(outputs.values()))
    results = Results(
        architecture=architecture,
        parameters=first.parameters,
        classes=first.classes,
        seeds={str(seed): output.result for seed, output in outputs.items()},
    )
    write_json(folder / RESULTS, results.model_dump(exclude_defaults=True))
    write_text(folder / HISTORY, csv_text(epochs, HISTORY_COLUMNS))
    write_text(folder / LAYERS, csv_text(layers, LAYER_COLUMNS, "%.5g"))
    write_npz(folder / PREDICTIONS, predictions)


def save_model(path: Path, model: keras.Model) -> None:
    """Save the model without dates and memory addresses, so that equal models are equal files."""
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
    """Number the objects that several layers share; Keras marks them by their addresses."""
    numbers: dict[int, int] = {}

    def renumber(node: dict[str, Any]) -> dict[str, Any]:
        if "shared_object_id" in node:
            node["shared_object_id"] = numbers.setdefault(node["shared_object_id"], len(numbers))
        return node

    return json.dumps(json.loads(config, object_hook=renumber)).encode()
