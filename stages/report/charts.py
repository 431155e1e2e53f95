"""The page's charts: marks in percent of a chart's width and pixels of its height, which the template draws as SVG.

So a chart fits every screen, needs no script, and takes its colours from the page's light, dark and printed styles.
Accuracies are fractions in the tables, percent in the charts. A value outside an axis is drawn at its edge.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.pareto import ranks

VARIES = {"width": "width: filters", "depth": "depth: blocks", "custom": "custom architectures"}
MEANS = ["test_accuracy_learned", "test_accuracy_learned_low", "test_accuracy_learned_high"]
HEIGHT, ROW = 220, 34  # pixels of a chart, and of a row of one
LINE = 14  # pixels between labels
FAR_BELOW = 10  # percentage points below the runs that learned: there the axis breaks
BREAK = 14  # percent of the width, in front of which the broken part of the axis is
EPOCHS_DRAWN = 200  # at most, so that the page stays small
VANISHED = 1e-3  # of the gradient before training
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Ticks = list[tuple[float, str]]  # place and text


class Mark(NamedTuple):
    """A line, a band, a symbol or a text. `shade` is its percent on the ramp of colour from small to large."""

    kind: str
    x: Sequence[float]
    y: Sequence[float]
    text: str = ""  # for a symbol: what pointing at it shows
    shade: float = 100
    role: str = ""

    @property
    def path(self) -> str:
        """Return the points as an SVG path."""
        return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(self.x, self.y, strict=True))


class Chart(NamedTuple):
    """`x` and `y` are the ticks, `title` is above the chart, `description` is for a screen reader."""

    title: str
    description: str
    marks: list[Mark]
    x: Ticks
    y: Ticks
    x_title: str = ""
    height: float = HEIGHT


class Scale(NamedTuple):
    """Values from `low` to `high` are drawn from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, values: Any) -> Any:
        part = (np.asarray(values, dtype=float) - self.low) / ((self.high - self.low) or 1)
        return self.start + (self.end - self.start) * part.clip(0, 1)

    def ticks(self, most: int = 6, whole: bool = False) -> Ticks:
        """Return at most so many round values and their places."""
        steps = (factor * 10.0**power for power in range(-3, 9) for factor in (1, 2, 5))
        step = next(step for step in steps if (self.high - self.low) / step < most and (step >= 1 or not whole))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(float(self(step * k)), f"{step * k:,.{max(0, -math.floor(math.log10(step)))}f}") for k in range(first, last + 1)]


def accuracy_chart(runs: pd.DataFrame, numbers: pd.DataFrame) -> Chart:
    """Draw a row per network: a symbol per run, mean and interval of those that learned, the notebook's number.

    `runs`: architecture, seed, test_accuracy, learned. `numbers`: a row per network by its label, with family, learned,
    seeds, reference and MEANS. The axis is broken if a run is FAR_BELOW those that learned. A run that diverged has no
    accuracy and stands at 0.
    """
    runs = runs.drop_duplicates(["architecture", "seed"]).reset_index(drop=True)
    percent, reference = 100 * runs["test_accuracy"].fillna(0), 100 * numbers["reference"].dropna()
    shown = pd.concat([percent, reference])
    cut = percent[runs["learned"]].min() - FAR_BELOW if runs["learned"].any() else 0
    above, below = shown[shown >= cut], shown[shown < cut]
    margin = 0.3 + 0.05 * (above.max() - above.min())
    axis = Scale(max(above.min() - margin, 0), min(above.max() + margin, 100), BREAK if len(below) else 0, 100)
    lower = Scale(0, max(20, below.max() + 5), 0, BREAK - 4) if len(below) else axis

    def place(accuracy: float) -> float:
        return float((axis if accuracy >= cut else lower)(accuracy))

    marks, rows, top = [], [], 0
    for family, members in numbers.groupby("family", sort=False):
        marks.append(Mark("heading", [0], [top + ROW * 0.55], VARIES[str(family)]))
        for name, row in members.iterrows():
            top += ROW
            middle = top + ROW / 2
            rows.append((middle, shortened(str(name), 24)))
            mean, low, high = 100 * row[MEANS]
            if not pd.isna(low):
                marks.append(Mark("line", axis([low, high]), [middle] * 2, role="interval"))
            if name in reference.index:
                title = f"the notebook: {reference[name]:.2f} %"
                marks.append(Mark("diamond", [place(reference[name])], [middle], title, role="reference"))
            its = runs[runs["architecture"] == name]
            for number, (run, value) in enumerate(percent[its.index].items()):
                apart = (number - (len(its) - 1) / 2) * min(5, 14 / len(its))
                learned, known = its.loc[run, "learned"], not pd.isna(its.loc[run, "test_accuracy"])
                result = f"{value:.2f} %{'' if learned else ', never learned'}" if known else "loss NaN or infinite"
                title = f"{name}, seed {its.loc[run, 'seed']}: {result}"
                marks.append(Mark("dot" if learned else "cross", [place(value)], [middle + apart], title))
            if not pd.isna(mean) and row["seeds"] > 1:
                marks.append(Mark("tick", [float(axis(mean))], [middle], f"{name}, mean: {mean:.2f} %"))
            count = f"{row['learned']} of {row['seeds']}"
            result = f"{mean:.2f}" + (f" ({count})" if row["learned"] < row["seeds"] else "")
            marks.append(Mark("label", [100], [middle], count if pd.isna(mean) else result, role="" if row["learned"] else "failed"))
        top += ROW
    ticks = axis.ticks()
    if len(below):
        ticks = [(float(lower(lower.high / 2)), f"{lower.high / 2:.0f}"), *ticks]
        edges = [BREAK - 3, BREAK - 1]
        marks.insert(0, Mark("band", [*edges, *edges[::-1]], [0, 0, top, top], role="cut"))
        marks.append(Mark("gap", [BREAK - 2], [top]))
    return Chart("", "Test accuracy of every run, a row per network", marks, ticks, rows, "test accuracy, %", top)


def curves_chart(curves: pd.DataFrame, measure: str, title: str, axis: Scale, chance: float | None = None) -> Chart:
    """Draw one family's learning curves: per network the mean over seeds, and a band from the lowest to the highest.

    `curves`: architecture in order of size, seed, epoch and the measure, on `axis`. Every seed is a line that the page
    hides at first. `chance` is the loss of a network that learned nothing.
    """
    last = curves["epoch"].max()
    x = Scale(1, last, 0, 100)
    drawn = curves[(curves["epoch"] % math.ceil(last / EPOCHS_DRAWN) == 0) | (curves["epoch"] == last) | (curves["epoch"] == 1)]
    shades = dict(zip(drawn["architecture"].unique(), _shades(drawn["architecture"].nunique()), strict=True))
    marks, ends = [], {}
    for name, rows in drawn.groupby("architecture", sort=False):
        shade = shades[name]
        seeds = rows.groupby("epoch")[measure].agg(["mean", "min", "max"])
        epochs, mean = x(seeds.index), axis(seeds["mean"])
        if rows["seed"].nunique() > 1:
            edge = np.concatenate([axis(seeds["max"]), axis(seeds["min"])[::-1]])
            marks.append(Mark("band", np.concatenate([epochs, epochs[::-1]]), edge, shade=shade))
            for seed, its in rows.groupby("seed"):
                places = x(its["epoch"]), axis(its[measure])
                marks.append(Mark("line", *places, f"{name}, seed {seed}", shade, "seed"))
        marks.append(Mark("line", epochs, mean, str(name), shade, "mean"))
        marks.append(Mark("end", [epochs[-1]], [mean[-1]], f"{name}: {seeds['mean'].iloc[-1]:.3f}", shade))
        ends[name] = mean[-1]
    marks += _end_labels(ends, shades, HEIGHT)
    if chance is not None:
        marks.append(Mark("line", [0, 100], [float(axis(chance))] * 2, role="chance"))
        marks.append(Mark("note", [100], [float(axis(chance)) - 5], "nothing learned"))
    return Chart(title, f"{title} against epoch, a line per network", marks, x.ticks(whole=True), axis.ticks(), "epoch")


def layers_chart(layers: pd.DataFrame, measure: str, title: str, axis: Scale) -> Chart:
    """Draw one run's layers over its epochs. `layers`: epoch, layer from first to last, and the measure.

    The gradient norm is drawn by its logarithm; the lowest one is annotated if it vanished.
    """
    logarithmic = measure == "gradient_norm"
    table = layers[["epoch", "layer", measure]].dropna()
    x = Scale(0, table["epoch"].max(), 0, 100)
    values = np.log10(table[measure].clip(lower=10.0**axis.low)) if logarithmic else table[measure]
    table = table.assign(place=axis(values))
    shades = dict(zip(layers["layer"].unique(), _shades(layers["layer"].nunique()), strict=True))
    marks, ends = [], {}
    for name, rows in table.groupby("layer", sort=False):
        marks.append(Mark("line", x(rows["epoch"]), rows["place"], str(name), shades[name], "mean"))
        ends[name] = rows["place"].iloc[-1]
    marks += _end_labels(ends, shades, HEIGHT)
    first, last = (table[table["epoch"] == epoch].set_index("layer") for epoch in (0, table["epoch"].max()))
    vanished = last[last[measure] < VANISHED * first[measure]]
    if logarithmic and len(vanished):
        text = f"gradient vanished: {power(vanished[measure].min())}"
        marks.append(Mark("note", [100], [vanished["place"].min() - 12], text, role="failed"))
    y = log_ticks(axis, [1], power) if logarithmic else axis.ticks()
    return Chart(title, f"{title} of every layer against epoch", marks, x.ticks(whole=True), y, "epoch")


def cost_chart(numbers: pd.DataFrame, cost: str, title: str) -> Chart:
    """Draw validation accuracy against the logarithm of a cost, with the Pareto front, whose networks are named if there is room.

    `numbers`: a row per network by its label, with family, learned, validation_accuracy and the cost.
    """
    accuracy, places = 100 * numbers["validation_accuracy"], np.log10(numbers[cost])
    learned = accuracy[numbers["learned"] > 0] if numbers["learned"].any() else accuracy
    apart = places.max() - places.min() or 1
    x = Scale(places.min() - apart / 4, places.max() + apart / 10, 0, 100)
    axis = Scale(max(learned.min() - 1, 0), min(learned.max() + 1, 100), HEIGHT, 0)
    front = np.array(ranks(list(zip(numbers[cost], accuracy, strict=True)))) == 0
    edge = numbers[front].sort_values(cost).index
    across, up = x(places[edge]).repeat(2), axis(accuracy[edge]).repeat(2)
    marks = [Mark("line", [*across[1:], 100], up, role="front")]
    for name, row in numbers.iterrows():
        text = f"{name}: {accuracy[name]:.2f} %, {row[cost]:,} {title}"
        marks.append(Mark("dot", [float(x(places[name]))], [float(axis(accuracy[name]))], text, role=str(row["family"])))
    named: list[tuple[float, float]] = []
    for right, top, name in reversed(list(zip(x(places[edge]), axis(accuracy[edge]), edge, strict=True))):
        if all(abs(right - x) > 30 or abs(top - y) > LINE for x, y in named):
            named.append((right, top))
            marks.append(Mark("note", [right - 1], [top - 6], shortened(str(name), 14), role="named"))
    description = f"Validation accuracy against {title}; the Pareto front is a line"
    return Chart("validation accuracy, %", description, marks, log_ticks(x, [1, 1.5, 2, 3, 5, 7], short), axis.ticks(), title)


def shortened(label: str, length: int) -> str:
    """Return a network's label; if it is too long, its first name, cut off."""
    if len(label) > length:
        label = label.split(" = ")[0]
    return label if len(label) <= length else f"{label[: length - 1]}…"


def log_ticks(axis: Scale, factors: list[float], text: Any) -> Ticks:
    """Return powers of ten times each factor; `axis` is that of the logarithm."""
    powers = range(math.floor(axis.low), math.ceil(axis.high) + 1)
    places = [(factor, power, math.log10(factor) + power) for power in powers for factor in factors]
    inside = [(float(axis(place)), text(factor * 10.0**power)) for factor, power, place in places if axis.low <= place <= axis.high]
    return inside[:: math.ceil(len(inside) / 5)]


def power(value: float) -> str:
    """Return the nearest power of ten."""
    return f"10{f'{math.log10(value):.0f}'.translate(SUPERSCRIPTS)}" if value else "0"


def short(value: float) -> str:
    """Return a round number with its unit."""
    unit, name = next(pair for pair in ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1, "")) if value >= pair[0] or pair[0] == 1)
    return f"{value / unit:g}{name}"


def _shades(number: int) -> list[float]:
    return [round(100 * k / max(number - 1, 1)) if number > 1 else 100 for k in range(number)]


def _end_labels(ends: dict[str, float], shades: dict[str, float], height: float) -> list[Mark]:
    """Put names at the right of their lines' ends, LINE apart where there is room, inside the height."""
    names = sorted(ends, key=lambda name: ends[name])
    apart = min(LINE, height / len(names))
    places = [ends[name] for name in names]
    for k in range(1, len(names)):
        places[k] = max(places[k], places[k - 1] + apart)
    places[-1] = min(places[-1], height)
    for k in reversed(range(len(names) - 1)):
        places[k] = min(places[k], places[k + 1] - apart)
    return [Mark("label", [100], [place], shortened(name, 14), shades[name]) for name, place in zip(names, places, strict=True)]
