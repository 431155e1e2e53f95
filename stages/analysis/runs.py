"""Read what trainings left in data/models/NAME, and check it against params.yaml."""

import json
from typing import NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.common import MODELS, InputError
from stages.params import Params, StudyArchitecture
from stages.training.files import read_npz
from stages.training.results import HISTORY, LAYERS, PREDICTIONS, RESULTS, Results


class Training(NamedTuple):
    """An architecture of params.yaml and the results of its training."""

    described: StudyArchitecture
    results: Results


def load_results(described: StudyArchitecture, params: Params) -> Training:
    """Read the results. Raises InputError if they are missing, damaged, of another architecture or of other seeds."""
    folder, results = MODELS / described.name, read_results(described.name)
    expected, seeds = described.architecture, [str(seed) for seed in params.train.seeds]
    if results.architecture != expected:
        raise InputError(f"{folder}: expected results of {expected}, got {results.architecture}. Run `dvc repro`.")
    if list(results.seeds) != seeds:
        got = ", ".join(results.seeds)
        raise InputError(f"{folder}: expected results of seeds {', '.join(seeds)}, got {got}. Run `dvc repro`.")
    return Training(described, results)


def read_results(name: str) -> Results:
    """Read a training's results.json. Raises InputError, with the command that helps, if it is missing or damaged."""
    path = MODELS / name / RESULTS
    try:
        return Results.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path}: missing. {_repair(name)}") from None
    except ValidationError as error:
        key = ".".join(map(str, error.errors()[0]["loc"])) or "the file"
        raise InputError(f"{path}: {key}: {error.errors()[0]['msg']}. {_repair(name)}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}). {_repair(name)}") from None


def read_epochs(trainings: list[Training], columns: list[str]) -> pd.DataFrame:
    """Read the epochs of all trainings, columns `name`, `architecture` (the label) and `columns`.

    `columns` are HISTORY_COLUMNS, or LAYER_COLUMNS for what happened inside the layers. Raises InputError as
    `read_results` does.
    """
    tables = [pd.DataFrame(columns=["name", "architecture", *columns])]
    if trainings:
        tables = [_read_table(described, columns) for described, _ in trainings]
    return pd.concat(tables, ignore_index=True)


def _read_table(described: StudyArchitecture, columns: list[str]) -> pd.DataFrame:
    path = MODELS / described.name / (LAYERS if "layer" in columns else HISTORY)
    try:
        table = pd.read_csv(path)[columns].astype({"seed": int, "epoch": int})
    except FileNotFoundError:
        raise InputError(f"{path}: missing. {_repair(described.name)}") from None
    except (ValueError, KeyError) as error:
        expected = f"expected a table of {', '.join(columns)}"
        raise InputError(f"{path}: {expected}: {error}. {_repair(described.name)}") from None
    table.insert(0, "name", described.name)
    table.insert(1, "architecture", described.label)
    return table


def read_predictions(name: str, seed: int) -> np.ndarray:
    """Read class probabilities of the test images, float32 `[N, classes]`. Raises InputError as `read_results` does."""
    path = MODELS / name / PREDICTIONS
    arrays = read_npz(path, _repair(name))
    if f"seed-{seed}" not in arrays:
        raise InputError(f"{path}: expected seed-{seed}, got {', '.join(arrays) or 'nothing'}. {_repair(name)}")
    return arrays[f"seed-{seed}"]


def _repair(name: str) -> str:
    folder = MODELS / name
    return f"Run `dvc checkout --force {folder}`, or `rm -r {folder}` and `dvc repro`."
