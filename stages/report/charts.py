"""Compute the page's charts as marks, which the template draws as SVG: x in percent of the width, y in pixels.

So a chart fits every screen, needs no script, and takes its colours from the page's light, dark and printed styles. An
axis is a list of values and a list of their places; values outside it are drawn at its edge.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.ticker import EngFormatter, MaxNLocator

from stages.pareto import ranks

FAMILIES = {"width": "width: filters", "depth": "depth: blocks", "custom": "custom architectures"}
HEIGHT, ROW, LINE = 220, 34, 14  # pixels: a chart, a row, the distance of labels
NAME = 14  # characters
NARROW = 30  # percent of the width that a name may take on a phone
FAR_BELOW = 10  # percentage points below the runs that learned, for an axis to break
BREAK = (10, 14)  # percent of the width between which the axis breaks
EPOCHS_DRAWN = 200  # at most, so that the page stays small
TINY = 1e-45  # the least number above 0 in single precision
VANISHED = 3  # powers of ten below the gradient before training
MEANS = [f"test_accuracy_learned{number}" for number in ("", "_low", "_high")]

Axis = tuple[list[float], list[float]]
Ticks = list[tuple[float, str]]


class Mark(NamedTuple):
    """A symbol or a text at one place, or a line or a band through several."""

    kind: str
    x: Any
    y: Any
    text: str = ""  # of a symbol: its tooltip
    shade: float = 100  # percent of the colour ramp from small to large
    role: str = ""

    @property
    def path(self) -> str:
        """Return the places as an SVG path."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(self.x, self.y, strict=True))


class Chart(NamedTuple):
    """The marks and axes, and a description for screen readers."""

    title: str
    description: str
    marks: list[Mark]
    x: Ticks
    y: Ticks
    x_title: str
    height: float = HEIGHT


def ticks(axis: Axis, text: Callable[[float], str] = "{:g}".format, whole: bool = False) -> Ticks:
    """Return places and texts of some round values."""
    low, high = axis[0]
    values = MaxNLocator(5, steps=[1, 2, 5, 10], integer=whole).tick_values(low, high)
    return [(np.interp(value, *axis), text(value)) for value in values if low <= value <= high]


def accuracy_chart(runs: pd.DataFrame, numbers: pd.DataFrame) -> Chart:
    """Draw a row per network: a symbol per run, mean and interval of those that learned, the notebook's number.

    `runs`: architecture, seed, test_accuracy, learned. `numbers` is from `summary.read_numbers`. The axis is broken if
    a run is FAR_BELOW those that learned. A run that diverged has no accuracy and is drawn at 0.
    """
    runs = runs.drop_duplicates(["architecture", "seed"])
    runs = runs.assign(percent=100 * runs["test_accuracy"].fillna(0))
    shown = np.array([*runs["percent"], *100 * numbers["reference"].dropna()])
    cut = np.nan_to_num(runs.loc[runs["learned"], "percent"].min()) - FAR_BELOW
    above, below = shown[shown >= cut], shown[shown < cut]
    margin = 0.3 + 0.05 * np.ptp(above)
    axis: Axis = [above.min() - margin, above.max() + margin], [0, 100]
    rows = [row for family, its in numbers.groupby("family", sort=False) for row in (FAMILIES[str(family)], *its.index)]
    middle, height = {row: (k + 0.5) * ROW for k, row in enumerate(rows)}, len(rows) * ROW
    marks, x = [Mark("heading", 0, middle[row], row) for row in rows if row not in numbers.index], ticks(axis)
    if len(below):
        x = ticks((axis[0], [BREAK[1], 100]))
        axis = [0, (below.max() + above.min()) / 2, *axis[0]], [0, *BREAK, 100]
        x.append((np.interp(np.median(below), *axis), f"{np.median(below):.0f}"))
        marks += [Mark("band", [11, 13, 13, 11], [0, 0, height, height], role="cut"), Mark("gap", 12, height)]
    for name, row in numbers.iterrows():
        y, its = middle[str(name)], runs[runs["architecture"] == name]
        mean, low, high, reference = 100 * row[[*MEANS, "reference"]]
        marks.append(Mark("line", np.interp([low, high], *axis), [y, y], role="interval"))
        marks.append(Mark("diamond", np.interp(reference, *axis), y, f"the notebook: {reference:.2f} %"))
        for k, (_, run) in enumerate(its.iterrows()):
            result = "loss NaN or infinite" if pd.isna(run["test_accuracy"]) else f"{run['percent']:.2f} %"
            place = y + (k - (len(its) - 1) / 2) * min(5, 20 / len(its))
            kind, text = "dot" if run["learned"] else "cross", f"{name}, seed {run['seed']}: {result}"
            marks.append(Mark(kind, np.interp(run["percent"], *axis), place, text))
        if row["seeds"] > 1:
            marks.append(Mark("tick", np.interp(mean, *axis), y, f"{name}, mean: {mean:.2f} %"))
        learned = f"{row['learned']} of {row['seeds']}"
        label = {0: learned, row["seeds"]: f"{mean:.2f}"}.get(row["learned"], f"{mean:.2f} ({learned})")
        marks.append(Mark("label", 100, y, label, role="" if row["learned"] else "failed"))
    marks = [mark for mark in marks if not np.isnan(mark.x).any()]
    names = [(middle[name], shortened(name, 24)) for name in numbers.index]
    return Chart("", "Test accuracy of every run, a row per network", marks, x, names, "test accuracy, %", height)


def curves_charts(curves: pd.DataFrame, chance_loss: float, monitored: str) -> dict[str, list[Chart]]:
    """Draw training loss and accuracy by family, on axes that all families share.

    `curves`: architecture in order of size, family, seed, epoch, loss, val_accuracy.
    """
    curves = curves.assign(percent=100 * curves["val_accuracy"])
    loss: Axis = [0, 1.2 * chance_loss], [HEIGHT, 0]
    accuracy: Axis = [curves["percent"].min(), min(curves["percent"].max() + 2, 100)], [HEIGHT, 0]
    y = np.interp(chance_loss, *loss)
    charts = {}
    for family, its in curves.groupby("family", sort=False):
        left = lines_chart(its, "architecture", "loss", "training loss", loss)
        left.marks.append(Mark("line", [0, 100], [y, y], role="chance"))
        left.marks.append(Mark("note", 100, y - 5, "nothing learned"))
        right = lines_chart(its, "architecture", "percent", f"{monitored} accuracy, %", accuracy)
        charts[FAMILIES[str(family)]] = [left, right]
    return charts


def layers_charts(layers: pd.DataFrame, accuracy: pd.DataFrame) -> dict[str, list[Chart]]:
    """Draw gradients and saturation of the most accurate run that learned, and of the first that did not, by title.

    Both share one logarithmic axis. `layers`: name, architecture, seed, epoch, layer from first to last, gradient_norm,
    saturated. `accuracy`: name, seed, test_accuracy, learned. A run that diverged has few rows or none, so it is
    shown only if no other failed.
    """
    learned, failed = (accuracy[accuracy["learned"] == outcome] for outcome in (True, False))
    failed = failed.sort_values("test_accuracy", key=pd.isna, kind="stable")
    chosen = pd.concat([learned.nlargest(1, "test_accuracy"), failed[:1]])[["name", "seed", "learned"]]
    powers = np.log10(layers["gradient_norm"].replace(np.inf, np.nan).clip(lower=TINY))
    layers = layers.assign(power=powers).merge(chosen, on=["name", "seed"])
    axis: Axis = [np.floor(layers["power"].min()), np.ceil(layers["power"].max())], [HEIGHT, 0]
    charts = {}
    for outcome, its in sorted(layers.groupby("learned"), reverse=True):
        gradient = lines_chart(its, "layer", "power", "gradient norm", axis, powers=True)
        before, after = its.pivot(index="epoch", columns="layer", values="power").to_numpy()[[0, -1]]
        if not outcome and len(vanished := after[after < before - VANISHED]):
            text = f"gradient vanished: 1e{vanished.min():.0f}"
            gradient.marks.append(Mark("note", 100, np.interp(vanished.max(), *axis) - 12, text, role="failed"))
        saturated = lines_chart(its, "layer", "saturated", "fraction of saturated units", ([0, 1], [HEIGHT, 0]))
        title = f"A run that {'' if outcome else 'never '}learned: {its['architecture'].iloc[0]}"
        charts[f"{title}, seed {its['seed'].iloc[0]}"] = [gradient, saturated]
    return charts


def lines_chart(table: pd.DataFrame, by: str, measure: str, title: str, axis: Axis, *, powers: bool = False) -> Chart:
    """Draw a measure against the epoch: the mean over seeds per name, and a band from the lowest to the highest.

    `table`: `by` (names in the order of the ramp), seed, epoch, measure (its power of ten if `powers`). The page hides
    the lines of single seeds at first. Labels at the ends are left out if they would overlap.
    """
    epochs, text = table["epoch"], ("1e{:g}" if powers else "{:g}").format
    first, last = epochs.min(), epochs.max()
    x: Axis = [min(first, last - 1), last], [0, 100]
    names = table[by].unique()
    shades = dict(zip(names, np.linspace(100, 0, len(names)).round()[::-1], strict=True))
    drawn = table[epochs.isin([first, last]) | (epochs % math.ceil(last / EPOCHS_DRAWN) == 0)]
    marks, ends = [], {}
    for name, rows in drawn.dropna(subset=measure).groupby(by, sort=False):
        spread = rows.groupby("epoch")[measure].agg(["mean", "min", "max"])
        across, (mean, low, high) = np.interp(spread.index, *x), np.interp(spread, *axis).T
        shade = shades[name]
        if rows["seed"].nunique() > 1:
            marks.append(Mark("band", [*across, *across[::-1]], [*low, *high[::-1]], shade=shade))
            for seed, its in rows.groupby("seed"):
                line = np.interp(its["epoch"], *x), np.interp(its[measure], *axis)
                marks.append(Mark("line", *line, f"{name}, seed {seed}", shade, "seed"))
        marks.append(Mark("line", across, mean, name, shade, "mean"))
        marks.append(Mark("dot", across[-1], mean[-1], f"{name}: {text(spread['mean'].iloc[-1])}", shade, "end"))
        ends[name] = mean[-1]
    ordered = pd.Series(ends if len(ends) <= HEIGHT // LINE else {}, dtype=float).sort_values(kind="stable")
    steps = np.arange(len(ordered)) * LINE
    free = ordered - steps
    middle = (free.cummax() + free[::-1].cummin()[::-1]) / 2  # keeps order and distance
    for name, place in (middle.clip(0, HEIGHT - steps.max(initial=0)) + steps).items():
        marks.append(Mark("label", 100, place, shortened(str(name), NAME), shades[name]))
    return Chart(title, f"{title} against epoch", marks, ticks(x, whole=True), ticks(axis, text, powers), "epoch")


def cost_chart(numbers: pd.DataFrame, cost: str, title: str) -> Chart:
    """Draw validation accuracy against a cost, with the Pareto front, whose networks are named if there is room.

    `numbers` is from `summary.read_numbers`. A network that learned nothing may be at the lower edge.
    """
    accuracy, power = 100 * numbers["validation_accuracy"], np.log10(numbers[cost])
    learned = accuracy[numbers["learned"] > 0] if numbers["learned"].any() else accuracy
    apart = np.ptp(power) or 1
    x: Axis = [power.min() - apart / 4, power.max() + apart / 10], [0, 100]
    y: Axis = [learned.min() - 1, min(learned.max() + 1, 100)], [HEIGHT, 0]
    places = numbers.assign(x=np.interp(power, *x), y=np.interp(accuracy, *y), percent=accuracy)
    front = places[[rank == 0 for rank in ranks(list(zip(power, accuracy, strict=True)))]].sort_values("x")
    marks = [Mark("line", [*front["x"].repeat(2)[1:], 100], front["y"].repeat(2), role="front")]
    for name, row in places.iterrows():
        text = f"{name}: {row['percent']:.2f} %, {row[cost]:,} {title}"
        marks.append(Mark("dot", row["x"], row["y"], text, role=row["family"]))
    notes: list[Mark] = []
    for name, place in front[::-1].iterrows():
        note = Mark("note", place["x"] - 1, place["y"] - 6, shortened(str(name), NAME), role="named")
        if all(other.x - note.x > NARROW or note.y - other.y > LINE for other in notes):
            notes.append(note)
    costs = ticks(x, lambda power: EngFormatter()(float(f"{10**power:.2g}")))
    description = f"Validation accuracy against {title}; the Pareto front is a line"
    return Chart("validation accuracy, %", description, marks + notes, costs, ticks(y), title)


def shortened(label: str, length: int) -> str:
    """Return a network's label; if it is too long, its first name, cut off."""
    label = label if len(label) <= length else label.split(" = ")[0]
    return label if len(label) <= length else f"{label[: length - 1]}…"
