"""What a search found: a handful of numbers, and lines for a terminal."""

import textwrap
from collections.abc import Sequence
from math import log
from typing import Any

from stages.params import Search
from stages.training.architecture import CustomArchitecture
from stages.trials.front import hypervolume, ranks
from stages.trials.generations import best
from stages.trials.trial import Trial

COLUMNS = 80  # of the terminal
MOST_ROWS = 12  # of the table of the front


def learned(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.learned]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials than which no other one has both fewer parameters and a higher accuracy, by their parameters."""
    standing = learned(trials)
    ranked = zip(ranks([trial.point for trial in standing]), standing, strict=True)
    return sorted((trial for rank, trial in ranked if rank == 0), key=lambda trial: (trial.parameters, trial.number))


def dominated_area(trials: Sequence[Trial], search: Search, classes: int) -> float:
    """The hypervolume under the front: validation accuracy above chance, times the logarithm of the parameters.

    Its reference point is the largest budget, at the accuracy of a guess.
    """
    points = [trial.point for trial in learned(trials)]
    return hypervolume(points, (log(max(search.budgets.values())), 1 / classes))


def numbers(trials: Sequence[Trial], search: Search, classes: int) -> dict[str, Any]:
    """What metrics/search.json holds."""
    found = {name: best(trials, parameters) for name, parameters in search.budgets.items()}
    return {
        "validation_accuracy": {name: trial.accuracy for name, trial in found.items() if trial},
        "hypervolume": dominated_area(trials, search, classes),
        "reference_point": {"parameters": max(search.budgets.values()), "validation_accuracy": 1 / classes},
        "trials": len(trials),
        "epochs": sum(trial.epochs for trial in trials),
    }


def generation_line(trials: Sequence[Trial], search: Search, left: float) -> str:
    """After a generation: trials, epochs, the best under each budget, and the time that is `left`, in seconds."""
    found = {name: best(trials, parameters) for name, parameters in search.budgets.items()}
    shown = ", ".join(f"{name} {100 * trial.accuracy:.2f}" for name, trial in found.items() if trial)
    told = f"trials {len(trials)}/{search.trials}, epochs {sum(trial.epochs for trial in trials)}"
    minutes = f"; {left / 60:.0f} min left" if left else ""
    return f"{told}: {f'{shown} %' if shown else 'none learned'}{minutes}"


def outcome(trials: Sequence[Trial], search: Search, exhausted: bool) -> str:
    """The front in a table, what is best under each budget, and what to do next: at most 80 columns."""
    found = _by_budgets(trials, search)
    ended = ["The space is exhausted: hardly any other architecture is in it."] if exhausted else []
    described = [
        line
        for names, trial in found.items()
        for line in textwrap.wrap(f"{names}: {briefly(trial.architecture)}", COLUMNS, subsequent_indent="  ")
    ]
    return "\n".join(
        [
            f"The front of {len(learned(trials))} trained architectures that learned, validation accuracy in %",
            *_table(front(trials), {trial.number: names for names, trial in found.items()}),
            *ended,
            "",
            *(described or ["No architecture that learned is within a budget."]),
            "",
            "`make adopt` writes them into params.yaml; `make repro` trains and tests them.",
        ]
    )


def _by_budgets(trials: Sequence[Trial], search: Search) -> dict[str, Trial]:
    """Who is best under a budget, by the names of all budgets under which it is, the smallest first."""
    names: dict[int, list[str]] = {}
    known = {trial.number: trial for trial in trials}
    for name, parameters in sorted(search.budgets.items(), key=lambda budget: budget[1]):
        if trial := best(trials, parameters):
            names.setdefault(trial.number, []).append(name)
    return {", ".join(members): known[number] for number, members in names.items()}


def _table(on_front: list[Trial], marks: dict[int, str]) -> list[str]:
    """A line a trial, those of highest accuracy where there are many, with what it is best under."""
    shown = sorted(sorted(on_front, key=lambda trial: -trial.accuracy)[:MOST_ROWS], key=lambda trial: trial.parameters)
    cells = [["trial", "parameters", "Mflop", "epochs", "validation"]] + [
        [
            str(trial.number),
            f"{trial.parameters:,}",
            f"{trial.training_flops / 1e6:.1f}",
            str(trial.epochs),
            f"{100 * trial.accuracy:.2f}",
        ]
        for trial in shown
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.rjust, row, widths)) for row in cells]
    named = [f"{line}  {marks.get(trial.number, '')}".rstrip() for line, trial in zip(lines[1:], shown, strict=True)]
    more = [f"and {len(on_front) - len(shown)} more on the front"] if len(on_front) > len(shown) else []
    return [lines[0], *named, *more]


def briefly(architecture: CustomArchitecture) -> str:
    """All of it in one line; what is as in the notebook's architecture is left out."""
    filters = architecture.filters
    pairs = " / ".join(f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True))
    repeated = f"{architecture.blocks} x " if len(filters) == 2 < 2 * architecture.blocks else ""
    parts = [
        f"{repeated}({pairs})",
        f"{architecture.kernel_size}x{architecture.kernel_size}",
        f"{architecture.pooling} pooling at stride {architecture.pool_stride}",
        f"{architecture.dense_units} hidden units" if architecture.dense_units else "average head",
        architecture.activation,
        *(["batch normalization"] if architecture.normalization == "batch" else []),
        *([f"dropout {architecture.dropout:g}"] if architecture.dropout else []),
        *([f"average {architecture.ema_momentum:g}"] if architecture.ema_momentum else []),
        *([f"learning rate {architecture.learning_rate:g}"] if architecture.learning_rate else []),
    ]
    return ", ".join(parts)
