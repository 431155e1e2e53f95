"""The files that a training leaves in data/models/NAME, each defined once for who writes and who reads it."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationError

from stages.architecture import Architecture, Section
from stages.errors import InputError
from stages.files import DECIMALS, MODELS, read_npz

if TYPE_CHECKING:
    import pandas as pd

RESULTS = "results.json"
HISTORY = "history.csv"
LAYERS = "layers.csv"
PREDICTIONS = "predictions.npz"
EPOCH_COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")  # as Keras names them
HISTORY_COLUMNS = ["seed", "epoch", *EPOCH_COLUMNS]
LAYER_COLUMNS = ["seed", "epoch", "layer", "mean_activation", "saturated", "gradient_norm"]

FRACTIONS = f"%.{DECIMALS}f"

STARTED_BELOW = 2.2  # nats, training loss with ten classes; a model that has learnt nothing stays at ln 10 = 2.3026

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
    started: bool
    started_epoch: Epoch | None  # the first epoch whose training loss was off the plateau
    diverged_epoch: Epoch | None  # the epoch at which the loss was NaN or infinite; no model or prediction is kept then


class Results(Section):
    architecture: Architecture
    parameters: Annotated[int, Field(ge=1)]  # trainable numbers of the model
    classes: Annotated[int, Field(ge=2, le=256)]
    seeds: dict[str, SeedResult]


def started_below(classes: int) -> float:
    """The loss below which a training has left the plateau: STARTED_BELOW at ten classes, as far below ln(classes)."""
    return STARTED_BELOW / math.log(10) * math.log(classes)


def started_epoch(losses: list[float], classes: int) -> int | None:
    """The first epoch, from 1, whose training loss is off the plateau; None if there is none."""
    return next((epoch for epoch, loss in enumerate(losses, start=1) if loss < started_below(classes)), None)


def read_results(name: str) -> Results:
    """A training's results. Raises InputError, which names what to do, where they are missing or of another shape."""
    path = MODELS / name / RESULTS
    try:
        return Results.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {_repair(name)}") from None
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"])) or "the file"
        raise InputError(f"{path}: {key}: {error.errors()[0]['msg']}; {_repair(name)}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); {_repair(name)}") from None


def read_history(name: str) -> pd.DataFrame:
    """A training's epochs, columns HISTORY_COLUMNS. Raises InputError as `read_results` does."""
    return _read_table(name, HISTORY, HISTORY_COLUMNS)


def read_layers(name: str) -> pd.DataFrame:
    """What a training's layers did, columns LAYER_COLUMNS. Raises InputError as `read_results` does."""
    return _read_table(name, LAYERS, LAYER_COLUMNS)


def _read_table(name: str, file: str, columns: list[str]) -> pd.DataFrame:
    import pandas as pd  # here, so that a training does not wait for it

    path = MODELS / name / file
    try:
        return pd.read_csv(path)[columns].astype({"seed": int, "epoch": int})
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {_repair(name)}") from None
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: no table of {', '.join(columns)} ({error}); {_repair(name)}") from None


def read_predictions(name: str, seed: int) -> np.ndarray:
    """Class probabilities of the test images, float32 `[N, classes]`. Raises InputError as `read_results` does."""
    path = MODELS / name / PREDICTIONS
    arrays = read_npz(path, _repair(name))
    if f"seed-{seed}" not in arrays:
        raise InputError(f"{path}: holds {', '.join(arrays) or 'nothing'}, no seed-{seed}; {_repair(name)}")
    return arrays[f"seed-{seed}"]


def rows_text(rows: list[tuple[Any, ...]], columns: list[str], float_format: str = FRACTIONS) -> str:
    """CSV of rows as `table_text` writes it, without pandas, whose import would take longer than all of these files."""

    def cell(value: Any) -> Any:
        if not isinstance(value, float):
            return value
        return "" if math.isnan(value) else float_format % value

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *([cell(value) for value in row] for row in rows)])
    return text.getvalue()


def table_text(table: pd.DataFrame, float_format: str = FRACTIONS) -> str:
    """CSV with rounded fractions."""
    return table.to_csv(index=False, float_format=float_format, lineterminator="\n")


def _repair(name: str) -> str:
    folder = MODELS / name
    return f"`dvc checkout --force {folder}`, or `rm -r {folder}` and `dvc repro`, brings it back"
