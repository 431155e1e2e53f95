"""What a search found: the numbers of metrics/search.json, and lines for the terminal."""

import textwrap
from collections.abc import Sequence
from math import log
from typing import Any

import pandas as pd

from stages.params import Search
from stages.pareto import hypervolume
from stages.training.architecture import CustomArchitecture
from stages.trials.trial import Trial, best_under, pareto_front

COLUMNS = 80  # of the terminal
MOST_ROWS = 12  # of the table of the front


def best_by_budget(trials: Sequence[Trial], search: Search) -> dict[str, Trial]:
    """Return the best trial under each budget that has one, the smallest budget first."""
    budgets = sorted(search.budgets.items(), key=lambda budget: budget[1])
    best = {name: best_under(trials, parameters) for name, parameters in budgets}
    return {name: trial for name, trial in best.items() if trial}


def search_metrics(trials: Sequence[Trial], search: Search, classes: int) -> dict[str, Any]:
    """Return the content of metrics/search.json; accuracies are fractions.

    The hypervolume is the area under the front: validation accuracy above chance, times the natural logarithm of the
    parameters below the largest budget.
    """
    best, largest = best_by_budget(trials, search), max(search.budgets.values())
    points = [trial.point for trial in trials if trial.learned]
    return {
        "validation_accuracy": {name: best[name].accuracy for name in search.budgets if name in best},
        "hypervolume": hypervolume(points, (log(largest), 1 / classes)),
        "reference_point": {"parameters": largest, "validation_accuracy": 1 / classes},
        "trials": len(trials),
        "epochs": sum(trial.epochs for trial in trials),
    }


def round_line(trials: Sequence[Trial], search: Search, seconds_left: float) -> str:
    """Return the line after a round: trials, epochs, the best under each budget, and the time left if it is known."""
    best = best_by_budget(trials, search)
    accuracies = ", ".join(f"{name} {100 * best[name].accuracy:.2f}" for name in search.budgets if name in best)
    result = f"{accuracies} %" if accuracies else _why_nothing(trials, search)
    minutes = f"; {seconds_left / 60:.0f} min left" if seconds_left >= 1 else ""
    return f"trials {len(trials)}/{search.trials}, epochs {sum(trial.epochs for trial in trials)}: {result}{minutes}"


def _why_nothing(trials: Sequence[Trial], search: Search) -> str:
    """Return the reason for which no trial is under a budget, with the closest number."""
    learned = [trial.parameters for trial in trials if trial.learned]
    if learned:
        return (
            f"none under a budget: the smallest that learned has {min(learned):,} parameters, "
            f"the largest budget is {max(search.budgets.values()):,}"
        )
    if any(trial.rungs for trial in trials):
        return "none learned"
    flops = [trial.training_flops for trial in trials if trial.training_flops]
    if not flops:
        return "none trained: none fits the image"
    return (
        f"none trained: the least needs {min(flops):,} training FLOPs per image, "
        f"search.max_training_flops is {search.max_training_flops:,}"
    )


def summarize(trials: Sequence[Trial], search: Search) -> str:
    """Return the front as a table, the best under each budget, and the next command: at most 80 columns."""
    names: dict[int, list[str]] = {}
    for name, trial in best_by_budget(trials, search).items():
        names.setdefault(trial.number, []).append(name)
    by_number = {trial.number: trial for trial in trials}
    described = [
        f"{', '.join(budgets)}: {describe(by_number[number].architecture)}" for number, budgets in names.items()
    ]
    next_step = "`make adopt` writes them into params.yaml; `make repro` trains and tests them."
    reason = _why_nothing(trials, search)
    lines = described or [f"{reason[0].upper()}{reason[1:]}. `make adopt` has nothing to write."]
    return "\n".join(
        [
            *_front_table(pareto_front(trials), names),
            *(
                ["The space is exhausted: hardly any other architecture is in it."]
                if len(trials) < search.trials
                else []
            ),
            "",
            *(part for line in lines for part in textwrap.wrap(line, COLUMNS, subsequent_indent="  ")),
            *(["", next_step] if described else []),
        ]
    )


def _front_table(front: list[Trial], names: dict[int, list[str]]) -> list[str]:
    """Return a heading and one line per trial, the most accurate of a long front.

    `names` are the budgets under which a trial is best, by its number.
    """
    if not front:
        return ["The Pareto front is empty."]
    shown = sorted(sorted(front, key=lambda trial: -trial.accuracy)[:MOST_ROWS], key=lambda trial: trial.parameters)
    table = pd.DataFrame(
        {
            "trial": [trial.number for trial in shown],
            "parameters": [f"{trial.parameters:,}" for trial in shown],
            "Mflop": [f"{trial.training_flops / 1e6:.1f}" for trial in shown],
            "epochs": [trial.epochs for trial in shown],
            "validation": [f"{100 * trial.accuracy:.2f}" for trial in shown],
            "best under": [", ".join(names.get(trial.number, [])) for trial in shown],
        }
    )
    more = [f"and {len(front) - len(shown)} more on the front"] if len(front) > len(shown) else []
    heading = "The Pareto front of validation accuracy in % against parameters"
    return [heading, *(line.rstrip() for line in table.to_string(index=False).splitlines()), *more]


def describe(architecture: CustomArchitecture) -> str:
    """Return the architecture in one line, without what it has in common with the notebook's."""
    filters = architecture.filters
    pairs = " / ".join(f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True))
    repeated = f"{architecture.blocks} x " if len(filters) == 2 < 2 * architecture.blocks else ""
    parts = [
        f"{repeated}({pairs})",
        f"{architecture.kernel_size}x{architecture.kernel_size}",
        f"{architecture.pooling} pooling at stride {architecture.pool_stride}",
        f"{architecture.dense_units} hidden units" if architecture.dense_units else "global average head",
        architecture.activation,
        "batch normalization" if architecture.normalization == "batch" else "",
        f"dropout {architecture.dropout:g}" if architecture.dropout else "",
        f"EMA momentum {architecture.ema_momentum:g}" if architecture.ema_momentum else "",
        f"learning rate {architecture.learning_rate:g}" if architecture.learning_rate else "",
    ]
    return ", ".join(filter(None, parts))
