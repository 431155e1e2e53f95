"""The trials of a search: their results at every rung, the best of them, their table, and lines for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import TypeAdapter

from stages.params import Search
from stages.pareto import Point, hypervolume, ranks
from stages.training.architecture import CustomArchitecture
from stages.training.files import InputError, csv_text


class Rung(NamedTuple):
    """The results of a trial after `epochs` epochs."""

    epochs: int
    validation_accuracy: float | None  # None if the training diverged
    validation_loss: float | None  # nats
    learned: bool  # the training loss is below chance level


NOT_TRAINED = Rung(0, None, None, learned=False)


@dataclass
class Trial:
    """An architecture and its result at every rung that it reached."""

    number: int  # from 0
    round: int  # from 0
    architecture: CustomArchitecture
    parameters: int
    training_flops: int  # per image and training step
    unfit: float = 0.0  # above 0: not trained, because it does not fit the image or takes too many FLOPs
    proposal: Any = field(default=None, compare=False)  # Optuna's trial, with parameters and their distributions
    rungs: list[Rung] = field(default_factory=list)

    @property
    def last(self) -> Rung:
        return self.rungs[-1] if self.rungs else NOT_TRAINED

    @property
    def learned(self) -> bool:
        """Return whether it was trained, learned, and did not diverge."""
        return self.last.learned

    @property
    def accuracy(self) -> float:
        """Return the validation accuracy of its last rung; 0 without one."""
        return self.last.validation_accuracy or 0.0

    @property
    def point(self) -> Point:
        """Return cost and gain: the natural logarithm of the parameters, and the validation accuracy."""
        return log(max(self.parameters, 1)), self.accuracy

    @property
    def violation(self) -> float:
        """Return the value of Optuna's constraint: above 0 if it is unfit or did not learn."""
        return self.unfit or float(not self.learned)


def best_under(trials: Sequence[Trial], parameters: int) -> Trial | None:
    """Return the trial of highest validation accuracy within a budget of parameters; among equals, the smallest."""
    within = [trial for trial in trials if trial.learned and trial.parameters <= parameters]
    return max(within, key=lambda trial: (trial.accuracy, -trial.parameters, -trial.number), default=None)


def best_by_budget(trials: Sequence[Trial], search: Search) -> dict[str, Trial]:
    """Return the best trial under each budget that has one, the smallest budget first."""
    budgets = sorted(search.budgets.items(), key=lambda budget: budget[1])
    return {name: best for name, parameters in budgets if (best := best_under(trials, parameters))}


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that no other one beats in parameters and validation accuracy, by their parameters."""
    learned = [trial for trial in trials if trial.learned]
    ranked = zip(ranks([trial.point for trial in learned]), learned, strict=True)
    return sorted((trial for rank, trial in ranked if rank == 0), key=lambda trial: (trial.parameters, trial.number))


def count_epochs(trials: Sequence[Trial]) -> int:
    return sum(trial.last.epochs for trial in trials)


def compute_metrics(trials: Sequence[Trial], search: Search, classes: int) -> dict[str, Any]:
    """Return the content of metrics/search.json; accuracies are fractions.

    The hypervolume is the area under the front. Its height is validation accuracy above chance, its width the natural
    logarithm of the largest budget over the parameters.
    """
    largest, chance = max(search.budgets.values()), 1 / classes
    return {
        "validation_accuracy": {name: best.accuracy for name, best in best_by_budget(trials, search).items()},
        "hypervolume": hypervolume([trial.point for trial in trials if trial.learned], (log(largest), chance)),
        "reference_point": {"parameters": largest, "validation_accuracy": chance},
        "trials": len(trials),
        "epochs": count_epochs(trials),
    }


ARCHITECTURE = [key for key in CustomArchitecture.model_fields if key != "filters"]
COLUMNS = [
    "trial", "round", "rung", "epochs", "filters", *ARCHITECTURE, "parameters", "training_flops",
    "validation_accuracy", "validation_loss", "learned", "promoted",
]  # fmt: skip


def format_trials(trials: Sequence[Trial]) -> str:
    """Return the trials as CSV: one row per trial and rung, in the order of training.

    An untrained trial has one row, with rung 0.
    """
    rows = [(trial, rung) for trial in trials for rung in range(bool(trial.rungs), len(trial.rungs) + 1)]
    rows.sort(key=lambda row: (row[0].round, row[1], row[0].number))
    return csv_text([_row(trial, rung) for trial, rung in rows], COLUMNS)


def _row(trial: Trial, rung: int) -> list[Any]:
    result = trial.rungs[rung - 1] if rung else NOT_TRAINED
    place = {"trial": trial.number, "rung": rung, "promoted": 0 < rung < len(trial.rungs)}
    architecture = {key: _cell(value) for key, value in trial.architecture.model_dump().items()}
    cells = vars(trial) | architecture | result._asdict() | place
    return [cells[column] for column in COLUMNS]


def _cell(value: Any) -> Any:
    """Write all digits of a float, so that `make adopt` adopts exactly the architecture that was trained."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else value


def read_trials(path: Path) -> list[Trial]:
    """Read the table of `format_trials`, by number. Raises InputError if the file is missing or invalid."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)[COLUMNS]
        return [_trial(rungs.to_dict("records")) for _, rungs in table.groupby(table["trial"].astype(int))]
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a table of trials: {reason}. Run `make search`.") from None


def _trial(rows: list[dict[Any, str]]) -> Trial:
    first = rows[0]
    fields = {
        **first,
        "number": first["trial"],
        "architecture": {key: first[key] for key in ARCHITECTURE if first[key]} | {"filters": first["filters"].split()},
        "unfit": first["rung"] == "0",
        "rungs": [{key: row[key] or None for key in Rung._fields} for row in rows if row["rung"] != "0"],
    }
    return TypeAdapter(Trial).validate_python(fields, strict=False)


def describe_round(trials: Sequence[Trial], search: Search, seconds_left: float) -> str:
    """Return the line after a round: trials, epochs, the best under each budget, and the time left if it is known."""
    best = best_by_budget(trials, search)
    accuracies = ", ".join(f"{name} {100 * trial.accuracy:.2f}" for name, trial in best.items())
    result = f"{accuracies} %" if best else _why_nothing(trials, search)
    minutes = f"; {seconds_left / 60:.0f} min left" if seconds_left >= 1 else ""
    return f"trials {len(trials)}/{search.trials}, epochs {count_epochs(trials)}: {result}{minutes}"


def _why_nothing(trials: Sequence[Trial], search: Search) -> str:
    """Return the reason why no trial is under a budget."""
    if front := pareto_front(trials):
        least, largest = front[0].parameters, max(search.budgets.values())
        return f"none under a budget: the smallest that learned has {least:,} parameters, the largest is {largest:,}"
    return "none learned"


def summarize(trials: Sequence[Trial], search: Search) -> str:
    """Return the front as a table, the best under each budget, and the next command."""
    best = best_by_budget(trials, search)
    budgets = {one.number: ", ".join(name for name in best if best[name] is one) for one in best.values()}
    table = pd.DataFrame(
        {
            "trial": trial.number,
            "parameters": f"{trial.parameters:,}",
            "Mflop": f"{trial.training_flops / 1e6:.1f}",
            "epochs": trial.last.epochs,
            "validation": f"{100 * trial.accuracy:.2f}",
            "best under": budgets.get(trial.number, ""),
        }
        for trial in pareto_front(trials)
    )
    lines = ["The Pareto front of validation accuracy in % against parameters:"]
    lines.append(table.to_markdown(index=False, disable_numparse=True))
    if len(trials) < search.trials:
        lines.append("The space is exhausted: hardly any other architecture is in it.")
    next_step = f"`make adopt` has nothing to write: {_why_nothing(trials, search)}."
    if best:
        next_step = "`make adopt` writes them into params.yaml; `make repro` trains and tests them."
    described = {one.number: f"{budgets[one.number]}: {describe(one.architecture)}" for one in best.values()}
    return "\n".join([*lines, "", *described.values(), "", next_step])


def describe(architecture: CustomArchitecture) -> str:
    """Return the architecture's keys of params.yaml and their values on one line."""
    values = architecture.model_dump(exclude_defaults=True)
    return ", ".join(f"{key} {_cell(value)}" for key, value in values.items())
