"""The pictures of a search: the front among all trials, and the best so far against the epochs trained for it."""

from itertools import accumulate

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from stages.params import Search
from stages.report.figures import FAILED, LEARNED, REFERENCE, own_style
from stages.trials.summary import front
from stages.trials.trial import Trial

RANGE = 15  # per cent of accuracy


def front_figure(trials: list[Trial], search: Search) -> Figure:
    """Validation accuracy against parameters: every trained trial a point, the front a line, budgets marked.

    What is more than RANGE below the best is drawn at the lower edge.
    """
    on_front = front(trials)
    best = max((100 * trial.accuracy for trial in trials if trial.rungs), default=100.0)
    bottom = max(min((100 * trial.accuracy for trial in trials if trial.learned), default=0.0), best - RANGE)
    groups = [
        ([trial for trial in trials if trial.rungs and not trial.learned], "X", FAILED, "never learned"),
        *(
            (
                [trial for trial in trials if trial.learned and len(trial.rungs) == rung],
                ".",
                shade,
                f"{epochs} epoch{'' if epochs == 1 else 's'}",
            )
            for rung, (epochs, shade) in enumerate(zip(search.rungs, _shades(len(search.rungs)), strict=True), 1)
        ),
    ]
    with own_style():
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots()
        for members, marker, colour, label in groups:
            if members:
                sizes = [one.parameters for one in members]
                accuracies = [max(100 * one.accuracy, bottom) for one in members]
                axes.plot(sizes, accuracies, ls="", marker=marker, ms=9, color=colour, label=label)
        axes.step(
            [trial.parameters for trial in on_front],
            [max(100 * trial.accuracy, bottom) for trial in on_front],
            where="post",
            color=LEARNED,
            label="the front",
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        for name, parameters in search.budgets.items():
            axes.axvline(parameters, ls="--", color=REFERENCE, lw=0.8)
            axes.annotate(
                f"{name}, {parameters:,}",
                (parameters, 0),
                xytext=(-3, 4),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                ha="right",
                rotation="vertical",
                color=REFERENCE,
            )
        margin = 0.3 + 0.05 * (best - bottom)
        axes.set_ylim(bottom - margin, best + margin)
        axes.set_xlabel("parameters")
        axes.set_ylabel("validation accuracy, %")
        axes.set_title("What the search tried")
        figure.legend(loc="outside lower center", ncols=len(groups) + 1)
    return figure


def progress_figure(trials: list[Trial], search: Search) -> Figure:
    """The best validation accuracy so far under each budget against the epochs trained, a generation a step."""
    generations = sorted({trial.generation for trial in trials})
    trained = list(accumulate(sum(one.epochs for one in trials if one.generation == number) for number in generations))
    with own_style():
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for place, (name, parameters) in enumerate(search.budgets.items()):
            best = accumulate((_best_of(trials, number, parameters) for number in generations), max)
            percent = [100 * accuracy or np.nan for accuracy in best]
            width = 1 + 2 * (len(search.budgets) - place)  # one below another can be seen
            label = f"{name}: none" if np.isnan(percent).all() else name
            axes.step(trained, percent, where="post", marker=".", ms=3 * width, lw=width, label=label)
        axes.set_xlabel("epochs trained")
        axes.set_ylabel("best validation accuracy so far, %")
        axes.set_title("The best under each budget")
        axes.legend()
    return figure


def _best_of(trials: list[Trial], generation: int, parameters: int) -> float:
    """The highest accuracy that a generation reached within a budget; 0 where none did."""
    return max(
        (
            trial.accuracy
            for trial in trials
            if trial.generation == generation and trial.learned and trial.parameters <= parameters
        ),
        default=0.0,
    )


def _shades(number: int) -> list[str]:
    """Greys, the darker the further."""
    return [f"{0.75 - 0.75 * k / max(number - 1, 1):.2f}" for k in range(number)]
