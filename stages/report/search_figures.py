"""Draw the figures of a search: the Pareto front of all trials, and the best so far against the epochs trained."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from stages.params import Search
from stages.report.figures import FAILED, LEARNED, REFERENCE, own_style
from stages.trials.trial import Trial, best_under, pareto_front

RANGE = 15  # percentage points of accuracy


def front_figure(trials: list[Trial], search: Search) -> Figure:
    """Draw validation accuracy against parameters: points for trained trials, a line for the front, budgets marked.

    A trial that is more than RANGE below the best is drawn at the lower edge.
    """
    best = max((100 * trial.accuracy for trial in trials if trial.rungs), default=100.0)
    bottom = max(min((100 * trial.accuracy for trial in trials if trial.learned), default=0.0), best - RANGE)
    failed = [trial for trial in trials if trial.rungs and not trial.learned]
    groups = [(failed, "X", FAILED, "never learned")]
    for rung, epochs in enumerate(search.rungs, start=1):
        grey = f"{0.75 - 0.75 * (rung - 1) / max(len(search.rungs) - 1, 1):.2f}"  # darker for later rungs
        reached = [trial for trial in trials if trial.learned and len(trial.rungs) == rung]
        groups.append((reached, ".", grey, f"{epochs} epoch{'' if epochs == 1 else 's'}"))

    def points(members: list[Trial]) -> tuple[list[int], list[float]]:
        return [one.parameters for one in members], [max(100 * one.accuracy, bottom) for one in members]

    with own_style():
        figure = Figure(figsize=(7, 5), layout="constrained")
        axes = figure.subplots()
        for members, marker, colour, label in groups:
            if members:
                axes.plot(*points(members), ls="", marker=marker, ms=9, color=colour, label=label)
        axes.step(*points(pareto_front(trials)), where="post", color=LEARNED, label="the front")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        _mark_budgets(axes, search)
        margin = 0.3 + 0.05 * (best - bottom)
        axes.set_ylim(bottom - margin, best + margin)
        axes.set_xlabel("parameters")
        axes.set_ylabel("validation accuracy, %")
        axes.set_title("What the search tried")
        figure.legend(loc="outside lower center", ncols=len(groups) + 1)
    return figure


def _mark_budgets(axes: Axes, search: Search) -> None:
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


def progress_figure(trials: list[Trial], search: Search) -> Figure:
    """Draw the best validation accuracy so far under each budget against the epochs trained, one step per round."""
    so_far = [
        [trial for trial in trials if trial.round <= number] for number in sorted({trial.round for trial in trials})
    ]
    trained = [sum(trial.last.epochs for trial in before) for before in so_far]
    with own_style():
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for place, (name, parameters) in enumerate(search.budgets.items()):
            best = [best_under(before, parameters) for before in so_far]
            percent = [100 * trial.accuracy if trial else np.nan for trial in best]
            width = 1 + 2 * (len(search.budgets) - place)  # a line below another stays visible
            label = name if any(best) else f"{name}: none"
            axes.step(trained, percent, where="post", marker=".", ms=3 * width, lw=width, label=label)
        axes.set_xlabel("epochs trained")
        axes.set_ylabel("best validation accuracy so far, %")
        axes.set_title("The best under each budget")
        axes.legend()
    return figure
