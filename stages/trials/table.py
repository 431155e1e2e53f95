"""The trials of a search as a table: one row per trial and rung, in the order in which they were trained."""

import csv
import io
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.training.architecture import CustomArchitecture
from stages.training.files import InputError, csv_text
from stages.trials.trial import Rung, Trial

ARCHITECTURE = [key for key in CustomArchitecture.model_fields if key != "filters"]
COLUMNS = [
    "trial", "round", "rung", "epochs", "filters", *ARCHITECTURE, "parameters", "training_flops",
    "validation_accuracy", "validation_loss", "learned", "promoted",
]  # fmt: skip
REPAIR = "Run `make search`."


def trials_text(trials: Sequence[Trial]) -> str:
    """Return the trials as CSV. A trial that was not trained has one row, of rung 0."""
    rows = [(trial, rung) for trial in trials for rung in range(bool(trial.rungs), len(trial.rungs) + 1)]
    rows.sort(key=lambda row: (row[0].round, row[1], row[0].number))
    return csv_text([_row(trial, rung) for trial, rung in rows], COLUMNS)


def _row(trial: Trial, rung: int) -> list[Any]:
    architecture = trial.architecture.model_dump()
    result = trial.rungs[rung - 1] if rung else Rung(0, None, None, learned=False)
    return [
        trial.number,
        trial.round,
        rung,
        result.epochs,
        " ".join(map(str, architecture["filters"])),
        *(_cell(architecture[key]) for key in ARCHITECTURE),
        trial.parameters,
        trial.training_flops,
        result.accuracy,
        result.loss,
        result.learned,
        0 < rung < len(trial.rungs),
    ]


def _cell(value: Any) -> Any:
    """Write all digits of a float, so that the architecture that is adopted is the one that was trained."""
    return str(value).removesuffix(".0") if isinstance(value, float) else value


def read_trials(path: Path) -> list[Trial]:
    """Read what `trials_text` wrote, by number. Raises InputError if the file is missing or of another form."""
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"its columns are {', '.join(reader.fieldnames or ['none'])[:80]}")
        rows = sorted(reader, key=lambda row: (int(row["trial"]), int(row["rung"])))
        return [_trial(list(rungs)) for _, rungs in groupby(rows, key=lambda row: row["trial"])]
    except FileNotFoundError:
        raise InputError(f"{path}: missing. {REPAIR}") from None
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not a table of trials: {' '.join(str(error).split())}. {REPAIR}") from None


def _trial(rows: list[dict[str, str]]) -> Trial:
    first = rows[0]
    keys = {key: first[key] for key in ARCHITECTURE if first[key]} | {"filters": first["filters"].split()}
    return Trial(
        number=int(first["trial"]),
        round=int(first["round"]),
        architecture=CustomArchitecture.model_validate(keys, strict=False),
        parameters=int(first["parameters"]),
        training_flops=int(first["training_flops"]),
        unfit=float(first["rung"] == "0"),
        rungs=[
            Rung(
                int(row["epochs"]),
                float(row["validation_accuracy"]) if row["validation_accuracy"] else None,
                float(row["validation_loss"]) if row["validation_loss"] else None,
                row["learned"] == "True",
            )
            for row in rows
            if row["rung"] != "0"
        ],
    )
