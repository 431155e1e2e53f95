"""What trainings left in data/models/NAME, read and held against params.yaml."""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.common import MODELS, InputError
from stages.params import Params, StudyArchitecture
from stages.training.files import read_npz
from stages.training.results import (
    HISTORY,
    HISTORY_COLUMNS,
    LAYER_COLUMNS,
    LAYERS,
    PREDICTIONS,
    RESULTS,
    Results,
)


class Trained(NamedTuple):
    """An architecture of params.yaml and what its training gave."""

    described: StudyArchitecture
    results: Results


def trained(described: StudyArchitecture, params: Params) -> Trained:
    """Raises InputError where the results in data/models are missing, of another architecture or of other seeds."""
    results = read_results(described.name)
    if results.architecture != described.architecture:
        raise InputError(
            f"{MODELS / described.name}: holds {results.architecture}, params.yaml describes "
            f"{described.architecture}; `dvc repro` trains it"
        )
    if list(results.seeds) != [str(seed) for seed in params.train.seeds]:
        raise InputError(
            f"{MODELS / described.name}: holds seeds {', '.join(results.seeds)}, params.yaml asks for "
            f"{', '.join(map(str, params.train.seeds))}; `dvc repro` trains it"
        )
    return Trained(described, results)


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


def _repair(name: str) -> str:
    folder = MODELS / name
    return f"`dvc checkout --force {folder}`, or `rm -r {folder}` and `dvc repro`, brings it back"
