"""Every seed of one architecture: trained, tested, and written to data/models/NAME as one whole."""

import json
import shutil
import zipfile
from contextlib import closing
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from stages.architecture import Architecture
from stages.backend import keras, start
from stages.checkpoint import checkpoint_folder, identity, load_checkpoint, save_checkpoint
from stages.dataset import Dataset
from stages.diagnostics import layer_names
from stages.files import MODELS, whole_file, write_json, write_npz, write_text
from stages.params import Train
from stages.progress import Progress
from stages.results import (
    EPOCH_COLUMNS,
    HISTORY,
    HISTORY_COLUMNS,
    LAYER_COLUMNS,
    LAYERS,
    PREDICTIONS,
    RESULTS,
    Results,
    SeedResult,
    model_file,
    rows_text,
    started_epoch,
)
from stages.training import State, class_probabilities, loss_and_accuracy, new_model, restore, train


def train_seeds(name: str, architecture: Architecture, settings: Train, dataset: Dataset) -> None:
    """Write data/models/NAME. The folder appears whole; until then every finished epoch is kept as a checkpoint."""
    start(inter_op=settings.threads)
    steps = ceil(len(dataset.train.labels) / settings.batch_size)
    display = Progress(name, len(settings.seeds), settings.epochs, steps)
    with checkpoint_folder(name) as checkpoints, closing(display) as progress:
        output = checkpoints / "output"
        if output.exists():
            shutil.rmtree(output)
        epochs: list[tuple[Any, ...]] = []
        layers: list[tuple[Any, ...]] = []
        results, predictions = {}, {}
        for seed in settings.seeds:
            checkpoint, made_by = checkpoints / f"seed-{seed}.npz", identity(architecture, settings, seed)
            state, note = load_checkpoint(checkpoint, made_by)
            progress.start_seed(seed, len(state.history), note)
            train(
                architecture, dataset, settings, seed, state, partial(save_checkpoint, checkpoint, made_by), [progress]
            )

            model = new_model(architecture, dataset, settings, seed)
            epochs += [(seed, epoch, *row) for epoch, row in enumerate(state.history, start=1)]
            layers += [
                (seed, epoch, layer, *measures)
                for epoch, rows in enumerate(state.layers)
                for layer, measures in zip(layer_names(architecture), rows, strict=True)
            ]
            if not state.diverged_epoch:
                restore(model, state)
                predictions[f"seed-{seed}"] = class_probabilities(model, dataset.test, dataset.classes)
                _save_model(output / model_file(seed), model)
            results[str(seed)] = _result(state, dataset, predictions.get(f"seed-{seed}"))

        summary = Results(
            architecture=architecture, parameters=model.count_params(), classes=dataset.classes, seeds=results
        )
        write_json(output / RESULTS, summary.model_dump())
        write_text(output / HISTORY, rows_text(epochs, HISTORY_COLUMNS))
        write_text(output / LAYERS, rows_text(layers, LAYER_COLUMNS, "%.5g"))
        write_npz(output / PREDICTIONS, predictions)
        _replace_folder(output, MODELS / name)


def _result(state: State, dataset: Dataset, probabilities: np.ndarray | None) -> SeedResult:
    losses = [row[EPOCH_COLUMNS.index("loss")] for row in state.history]
    start_epoch = None if state.diverged_epoch else started_epoch(losses, dataset.classes)
    test_loss = test_accuracy = validation_loss = validation_accuracy = None
    if probabilities is not None:
        test_loss, test_accuracy = loss_and_accuracy(probabilities, dataset.test.labels)
        if len(dataset.validation.labels):
            *_, validation_loss, validation_accuracy = state.history[-1]
    return SeedResult(
        test_loss=test_loss,
        test_accuracy=test_accuracy,
        validation_loss=validation_loss,
        validation_accuracy=validation_accuracy,
        started=start_epoch is not None,
        started_epoch=start_epoch,
        diverged_epoch=state.diverged_epoch,
    )


def _save_model(path: Path, model: keras.Model) -> None:
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


def _replace_folder(new: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    new.replace(place)
