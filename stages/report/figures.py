"""The PNG files of plots/: accuracy of every run, and learning curves."""

import math
import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from stages.params import Family
from stages.training.dataset import Dataset
from stages.training.files import whole_file

os.environ.update(MATPLOTLIBRC=os.devnull, MPLBACKEND="agg")  # a user's can make the import fail
with chdir(Path(__file__).parent):  # a matplotlibrc in the working directory would win
    import matplotlib as mpl
    from matplotlib.figure import Figure

VARIES = {
    "width": "filters of the two convolutions",
    "depth": "blocks of convolution, pooling, convolution",
    "custom": "architectures of study.custom",
}
NOTHING = "study.custom is empty"
LEARNED, FAILED, REFERENCE = "tab:blue", "tab:red", "0.4"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


@contextmanager
def own_style() -> Iterator[None]:
    """Reset Matplotlib to its own defaults, then apply STYLE.

    Every figure is built and written in this block: texts get their font when created, some ticks when drawn.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


@own_style()
def accuracy_figure(table: pd.DataFrame, family: Family) -> Figure:
    """Draw a family's test accuracies: one point per run, with marks for failed runs and the notebook's run.

    `table` comes from `runs.accuracy_table`. The upper axes show the runs that learned, the lower axes the runs far
    below. A run that diverged has no accuracy and is drawn there at 0. An empty table gives a picture of NOTHING.
    """
    if table.empty:
        return _empty_figure()
    groups = table.groupby("name", sort=False)["seed"]
    seeds, number = groups.transform("size"), groups.cumcount()
    places = groups.ngroup() + (number - (seeds - 1) / 2) * (0.5 / seeds).clip(upper=0.08)  # seeds side by side
    architectures = table.drop_duplicates("name").reset_index(drop=True)
    percent, reference = 100 * table["test_accuracy"], 100 * architectures["reference"].dropna()
    learned, diverged = table["learned"], percent.isna()
    learnt = percent[learned]
    broken = bool(len(learnt)) and min([learnt.min(), *percent.fillna(0), *reference]) < learnt.min() - 10
    kinds: list[tuple[Any, pd.Series, dict[str, Any], str]] = [
        (reference.index, reference, {"marker": "_", "ms": 34, "mew": 2, "color": REFERENCE},
         "the notebook's single run"),
        (places[learned], learnt, {"marker": "o", "color": LEARNED}, "one seed"),
        (places[~learned & ~diverged], percent[~learned & ~diverged], {"marker": "X", "ms": 9, "color": FAILED},
         "one seed, never learned"),
        (places[diverged], percent[diverged].fillna(0), {"marker": "X", "ms": 9, "mfc": "none", "color": FAILED},
         "one seed, loss NaN or infinite"),
    ]  # fmt: skip

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


@own_style()
def curves_figure(table: pd.DataFrame, family: Family, dataset: Dataset, monitored: str) -> Figure:
    """Draw learning curves: training loss, and accuracy on the part named `monitored`, one line per run.

    `table` comes from `runs.read_epochs`. A network that learned nothing stays at the chance-level loss, which is
    dashed. An empty table gives a picture of NOTHING.
    """
    if table.empty:
        return _empty_figure()
    chance_loss = dataset.chance_loss
    even = chance_loss == math.log(dataset.classes)
    labels = dict(zip(table["name"], table["architecture"], strict=True))
    colours = mpl.colormaps["viridis"].resampled(len(labels) + 1)

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, (name, architecture) in enumerate(labels.items()):
        seeds = table[table["name"] == name].groupby("seed")
        for first, (_, epochs) in enumerate(seeds):
            line = {"color": colours(number), "marker": ".", "label": "_" if first else architecture}
            left.plot(epochs["epoch"], epochs["loss"], **line)
            right.plot(epochs["epoch"], 100 * epochs["val_accuracy"], **line)
    left.axhline(chance_loss, ls="--", color=REFERENCE)
    left.annotate(
        f"{f'ln {dataset.classes}' if even else 'entropy of the labels'}: nothing learnt", (1, chance_loss), (-2, 4),
        xycoords=left.get_yaxis_transform(), textcoords="offset points", ha="right", color=REFERENCE,
    )  # fmt: skip
    left.set_ylabel("training loss, nats")
    right.set_ylabel(f"{monitored} accuracy, %")
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    left.set_ylim(0, max(left.get_ylim()[1], 1.1 * chance_loss))
    handles, names = right.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", title=VARIES[family].split()[0])
    figure.suptitle(f"Learning curves {_against(family)}")
    return figure


def _against(family: Family) -> str:
    return "of custom architectures" if family == "custom" else f"against {family}"


def _empty_figure() -> Figure:
    figure = Figure(figsize=(7, 1))
    figure.text(0.5, 0.5, NOTHING, ha="center", va="center")
    return figure


@own_style()
def write_png(path: Path, figure: Figure) -> None:
    """Write the figure, whole or not at all; equal figures give equal bytes. Raises OSError."""
    with whole_file(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=150, metadata={"Software": None})
