"""The pictures of metrics that Git shows: accuracy of every seed, and learning curves."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from stages.params import Family
from stages.training.dataset import Dataset
from stages.training.files import whole_file

VARIES = {
    "width": "kernels of the two convolutions",
    "depth": "blocks of convolution, pooling, convolution",
    "custom": "architectures of study.custom",
}
NOTHING = "study.custom holds no architecture"
LEARNED, FAILED, REFERENCE = "tab:blue", "tab:red", "0.4"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def accuracy_figure(table: pd.DataFrame, family: Family) -> Figure:
    """Test accuracy against what the family varies: every seed a point, failed runs and the reference marked.

    `table` is what `tables.accuracy_table` gives. The upper axes show the runs that learned, the lower ones what
    lies far below them; a seed that diverged has no accuracy and stands there at 0. Without architectures it says
    so.
    """
    if table.empty:
        return _empty_figure()
    architectures = table.drop_duplicates("name").reset_index(drop=True)
    places = table["name"].map(dict(zip(architectures["name"], architectures.index, strict=True)))
    places += _side_by_side(table)
    percent, reference = 100 * table["test_accuracy"], 100 * architectures["reference"].dropna()
    learned, diverged = table["learned"], percent.isna()
    learnt = percent[learned]
    broken = bool(len(learnt)) and min([learnt.min(), *percent.fillna(0), *reference]) < learnt.min() - 10
    kinds: list[tuple[pd.Series, pd.Series, dict[str, Any], str]] = [
        (reference.index.to_series(), reference, {"marker": "_", "ms": 34, "mew": 2, "color": REFERENCE},
         "the notebook's single run"),
        (places[learned], learnt, {"marker": "o", "color": LEARNED}, "one seed"),
        (places[~learned & ~diverged], percent[~learned & ~diverged], {"marker": "X", "ms": 9, "color": FAILED},
         "one seed, never learned"),
        (places[diverged], percent[diverged].fillna(0), {"marker": "X", "ms": 9, "mfc": "none", "color": FAILED},
         "one seed, loss NaN or infinite"),
    ]  # fmt: skip

    with own_style():
        figure = Figure(figsize=(7, 5), layout="constrained")
        panels = figure.subplots(1 + broken, 1, sharex=True, squeeze=False, height_ratios=[4, 1][: 1 + broken])[:, 0]
        for axes in panels:
            for x, y, style, label in kinds:
                if len(x):
                    axes.plot(x, y, ls="", label=label, **style)
        if broken:
            visible = [*learnt, *reference[reference > learnt.min() - 10]]
            margin = 0.3 + 0.1 * (max(visible) - min(visible))
            panels[0].set_ylim(min(visible) - margin, max(visible) + margin)
            panels[0].tick_params(bottom=False)
            panels[1].set_ylim(-3, max(20, percent[~learned].max() + 5))
        panels[0].set_title(f"Accuracy {_against(family)}")
        panels[0].legend(handlelength=3)
        panels[0].set_ylabel("test accuracy, %")
        ticks = [f"{row.architecture}\n{row.parameters:,}" for row in architectures.itertuples()]
        panels[-1].set_xticks(architectures.index, ticks)
        panels[-1].set_xlim(-0.5, len(architectures) - 0.5)
        panels[-1].set_xlabel(f"{VARIES[family]}; below, the model's parameters")
    return figure


def curves_figure(table: pd.DataFrame, family: Family, dataset: Dataset, monitored: str) -> Figure:
    """Learning curves: training loss, and accuracy on the monitored part (`monitored` names it), every seed a line.

    `table` is what `tables.curves_table` gives. Whoever has learnt nothing stays at the entropy of the labels.
    Without architectures it says so.
    """
    if table.empty:
        return _empty_figure()
    plateau = dataset.chance_loss
    even = plateau == math.log(dataset.classes)
    labels = dict(zip(table["name"], table["architecture"], strict=True))
    colours = mpl.colormaps["viridis"].resampled(len(labels) + 1)

    with own_style():
        figure = Figure(figsize=(10, 4.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        for number, (name, architecture) in enumerate(labels.items()):
            seeds = table[table["name"] == name].groupby("seed")
            for first, (_, epochs) in enumerate(seeds):
                line = {"color": colours(number), "marker": ".", "label": "_" if first else architecture}
                left.plot(epochs["epoch"], epochs["loss"], **line)
                right.plot(epochs["epoch"], 100 * epochs["val_accuracy"], **line)
        left.axhline(plateau, ls="--", color=REFERENCE)
        left.annotate(
            f"{f'ln {dataset.classes}' if even else 'entropy of the labels'}: nothing learnt", (1, plateau), (-2, 4),
            xycoords=left.get_yaxis_transform(), textcoords="offset points", ha="right", color=REFERENCE,
        )  # fmt: skip
        left.set_ylabel("training loss, nats")
        right.set_ylabel(f"{monitored} accuracy, %")
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
        left.set_ylim(0, max(left.get_ylim()[1], 1.1 * plateau))
        handles, names = right.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside right center", title=VARIES[family].split()[0])
        figure.suptitle(f"Learning curves {_against(family)}")
    return figure


def _against(family: Family) -> str:
    return "of what was found" if family == "custom" else f"against {family}"


def _empty_figure() -> Figure:
    figure = Figure(figsize=(7, 1))
    figure.text(0.5, 0.5, NOTHING, ha="center", va="center")
    return figure


def _side_by_side(table: pd.DataFrame) -> pd.Series:
    """An offset a row, so that the seeds of one architecture do not hide one another."""
    groups = table.groupby("name")["seed"]
    count, number = groups.transform("size"), groups.cumcount()
    return (number - (count - 1) / 2) * (0.5 / count).clip(upper=0.08)


def write_png(path: Path, figure: Figure) -> None:
    """The same figure gives the same bytes; whole or not at all. Raises OSError as `whole_file` does."""
    with own_style(), whole_file(path) as unfinished:  # some ticks come into being when they are drawn
        figure.savefig(unfinished, format="png", dpi=150, metadata={"Software": None})


@contextmanager
def own_style() -> Iterator[None]:
    """STYLE over Matplotlib's own defaults: a matplotlibrc of the user has no say."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield
