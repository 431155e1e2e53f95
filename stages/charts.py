"""The charts of plots/report.html, in Vega-Lite. Accuracies are fractions in the tables and per cent in the charts.

Colours of axes and text come from the page, so that a chart follows its light, dark and printed styles.
"""

import math
from typing import Any

import altair as alt
import pandas as pd

HEIGHT = 260  # pixels
MOST_ROWS = 6000  # of learning curves; the page stays small however long the trainings were
LEARNT = 25  # per cent; accuracies above it share an axis that need not begin at 0
FAILED, MARK, QUIET = "#e0484b", "#2f86c6", "#888"


COLOURS = (
    "#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#b79a20", "#b279a2", "#ff9da6", "#9d755d", "#79706e",
    "#9ecae9", "#ffbf79", "#ff9d98", "#b2dfdb", "#88d27a", "#f2cf5b", "#d6a5c9", "#fcbfd2", "#d8b5a5", "#bab0ac",
)  # fmt: skip


def accuracy_chart(seeds: pd.DataFrame, means: pd.DataFrame, title: str) -> alt.LayerChart:
    """Every seed a point, with mean and interval of those that started, and the notebook's number.

    `seeds`: architecture, seed, test_accuracy, started, reference. `means`: architecture, mean, low, high (NaN where
    there are none). A run that failed to start stands at the lower edge, whatever lies below it.
    """
    seeds, means = seeds.copy(), means.copy()
    for column in ("test_accuracy", "reference"):
        seeds[column] = 100 * seeds[column]
    means[["mean", "low", "high"]] = 100 * means[["mean", "low", "high"]]
    learnt = pd.concat([seeds[seeds["started"]]["test_accuracy"], seeds["reference"], means["low"], means["high"]])
    bottom, top = _range(learnt)
    seeds["shown"] = seeds["test_accuracy"].where(seeds["started"], bottom).clip(lower=bottom)
    seeds["outcome"] = seeds["started"].map({True: "started", False: "never started"})
    order = list(dict.fromkeys(seeds["architecture"]))
    x = alt.X("architecture:N", sort=order, title=title, axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(domain=[bottom, top], nice=False)
    y = alt.Y("shown:Q", title="test accuracy, %", scale=scale)
    colour = alt.Color(
        "outcome:N",
        title=None,
        scale=alt.Scale(domain=["started", "never started"], range=[MARK, FAILED]),
        legend=alt.Legend(orient="top"),
    )
    shape = alt.Shape(
        "outcome:N", title=None, scale=alt.Scale(domain=["started", "never started"], range=["circle", "cross"])
    )
    points = (
        alt.Chart(seeds)
        .mark_point(filled=True, size=55, opacity=0.8)
        .encode(
            x=x,
            y=y,
            xOffset=alt.XOffset("seed:O", scale=alt.Scale(paddingOuter=1)),
            color=colour,
            shape=shape,
            tooltip=[
                "architecture",
                "seed",
                alt.Tooltip("test_accuracy", format=".2f", title="test accuracy, %"),
                "outcome",
            ],
        )
    )
    notebook = (
        alt.Chart(seeds.drop_duplicates("architecture").dropna(subset="reference").query("reference > @bottom"))
        .mark_tick(thickness=3, size=34, color=QUIET)
        .encode(
            x=x,
            y=alt.Y("reference:Q", scale=scale),
            tooltip=["architecture", alt.Tooltip("reference", format=".2f", title="notebook, %")],
        )
    )
    told = means.dropna(subset="low")
    whole = alt.Chart(told.assign(low=told["low"].clip(lower=bottom), high=told["high"].clip(upper=top)))
    interval = whole.mark_rule(strokeWidth=2, color=MARK).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
    mean = whole.mark_tick(thickness=2, size=22, color=MARK).encode(x=x, y=alt.Y("mean:Q", scale=scale))
    description = (
        f"Test accuracy against {title}: every seed a point, 95 % intervals of the means, the notebook's number grey"
    )
    return _sized(alt.layer(notebook, interval, mean, points), description)


def start_chart(rates: pd.DataFrame) -> alt.LayerChart:
    """How often training starts. `rates`: architecture, started, runs, rate, low, high."""
    rates = rates.assign(told=[f"{row.started} of {row.runs}" for row in rates.itertuples()])
    rates[["rate", "low", "high"]] = 100 * rates[["rate", "low", "high"]]
    y = alt.Y("architecture:N", sort=None, title=None)
    x = alt.X(
        "rate:Q",
        title="runs that started, %, with 95 % interval",
        scale=alt.Scale(domain=[0, 118]),
        axis=alt.Axis(values=[0, 25, 50, 75, 100]),
    )
    chart = alt.Chart(rates)
    tooltip = ["architecture", "told", alt.Tooltip("low", format=".0f"), alt.Tooltip("high", format=".0f")]
    return _sized(
        alt.layer(
            chart.mark_rule(strokeWidth=2, color=MARK).encode(y=y, x=alt.X("low:Q"), x2="high:Q"),
            chart.mark_point(filled=True, size=70, color=MARK).encode(y=y, x=x, tooltip=tooltip),
            chart.mark_text(align="left", dx=4).encode(y=y, x=alt.datum(101), text="told:N"),
        ),
        "Share of runs that started, with 95 % intervals",
        height=24 * len(rates),
    )


def curves_chart(
    curves: pd.DataFrame, measure: str, title: str, axis_format: str, plateau: float | None = None
) -> alt.LayerChart:
    """Learning curves of all architectures, every seed a line; the page sets `shown`, the architectures to be drawn.

    `curves`: architecture, family, seed, epoch and the measure.
    """
    names = list(dict.fromkeys(curves["architecture"]))
    every = max(1, math.ceil(len(curves) / MOST_ROWS))
    thinned = curves[(curves["epoch"] % every == 0) | (curves["epoch"] == 1)]
    shown = alt.param("shown", value=names)
    hover = alt.selection_point(name="hover", on="pointerover", nearest=False, fields=["architecture"], empty=False)
    wide = alt.condition(hover, alt.value(4), alt.value(1.8))
    lines = (
        alt.Chart(thinned[["architecture", "family", "seed", "epoch", measure]])
        .transform_filter("indexof(shown, datum.architecture) >= 0")
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(f"{measure}:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(format=axis_format)),
            color=_colour(names, None),
            strokeDash=alt.StrokeDash("family:N", legend=None, scale=alt.Scale(domain=["width", "depth"])),
            strokeWidth=wide,
            detail="seed:N",
            tooltip=["architecture", "seed", "epoch", alt.Tooltip(measure, format=".4f", title=title)],
        )
        .add_params(hover)
    )
    layers = [lines]
    if plateau is not None and len(curves):  # which are empty where every run diverged in its first epoch
        rule = alt.Chart(pd.DataFrame({"plateau": [plateau], "told": ["nothing learnt"]}))
        layers.append(rule.mark_rule(strokeDash=[6, 4], color=QUIET).encode(y="plateau:Q"))
        text = rule.mark_text(align="right", baseline="bottom", dy=-3).encode(y="plateau:Q", text="told:N")
        layers.append(text.encode(x=alt.datum(int(curves["epoch"].max()))))
    return _sized(alt.layer(*layers), f"{title} against epoch, a line for every architecture and seed").add_params(
        shown
    )


def cost_chart(costs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Validation accuracy against cost. `costs`: architecture, validation_accuracy, the cost, front.

    What failed to learn stands at the lower edge, whatever lies below it.
    """
    table = costs.assign(validation_accuracy=100 * costs["validation_accuracy"])
    bottom, top = _range(table["validation_accuracy"])
    table["shown"] = table["validation_accuracy"].clip(lower=bottom)
    table["place"] = (table["validation_accuracy"] < bottom).map({True: "below", False: "here"})
    names = list(table["architecture"])
    x = alt.X(
        f"{cost}:Q",
        title=title,
        scale=alt.Scale(type="log", nice=False, padding=20),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    y = alt.Y("shown:Q", title="validation accuracy, %", scale=alt.Scale(domain=[bottom, top], nice=False))
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=_colour(names, alt.Legend(orient="bottom", columns=3)),
            shape=alt.Shape(
                "place:N", legend=None, scale=alt.Scale(domain=["here", "below"], range=["circle", "cross"])
            ),
            tooltip=[
                "architecture",
                alt.Tooltip(cost, format=",", title=title),
                alt.Tooltip("validation_accuracy", format=".2f", title="validation accuracy, %"),
            ],
        )
    )
    front = alt.Chart(table[table["front"]]).mark_line(interpolate="step-after", color=QUIET, strokeDash=[4, 3])
    return _sized(
        alt.layer(front.encode(x=x, y=y), points),
        f"Validation accuracy against {title}; the Pareto front is dashed",
    )


def layers_chart(layers: pd.DataFrame, measure: str, title: str, logarithmic: bool) -> alt.LayerChart:
    """One run's layers over its epochs. `layers`: epoch, layer and the measure."""
    table = layers[["epoch", "layer", measure]].dropna()
    if logarithmic:
        table = table[table[measure] > 0]
    names = list(dict.fromkeys(table["layer"]))
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(domain=[0, 1])
    chart = (
        alt.Chart(table)
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(
                f"{measure}:Q",
                title=title,
                scale=scale,
                axis=alt.Axis(format=".0e" if logarithmic else ".1f", tickCount=6),
            ),
            color=alt.Color("layer:N", sort=names, title=None, legend=alt.Legend(orient="top", columns=3)),
            tooltip=["layer", "epoch", alt.Tooltip(measure, format=".3g")],
        )
    )
    return _sized(alt.layer(chart), f"{title} of every layer against epoch")


def errors_chart(classes: pd.DataFrame) -> alt.LayerChart:
    """Share of each class's test images that the model gets wrong. `classes`: name, wrong, mistaken_for."""
    table = classes.assign(wrong=100 * classes["wrong"])
    chart = alt.Chart(table).encode(y=alt.Y("name:N", sort=None, title=None))
    x = alt.X("wrong:Q", title="test images of the class that are wrong, %")
    return _sized(
        alt.layer(
            chart.mark_bar(color=MARK).encode(
                x=x, tooltip=["name", alt.Tooltip("wrong", format=".1f"), "mistaken_for"]
            ),
            chart.mark_text(align="left", dx=4).encode(x=x, text=alt.Text("wrong:Q", format=".1f")),
        ),
        "Share of wrong test images, class by class",
        height=22 * len(table),
    )


def _range(percent: pd.Series) -> tuple[int, int]:
    """The axis that shows whatever has learnt something; what lies below is drawn at its lower edge."""
    learnt = percent[percent > LEARNT]
    return (math.floor(learnt.min() - 1), math.ceil(learnt.max() + 0.5)) if len(learnt) else (0, 100)


def _colour(names: list[str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=names, range=colours(names))
    return alt.Color("architecture:N", sort=names, title=None, scale=scale, legend=legend)


def colours(names: list[str]) -> list[str]:
    """A colour a name, the same wherever the architecture is drawn."""
    return [COLOURS[k % len(COLOURS)] for k in range(len(names))]


def _sized(layers: Any, description: str, height: int = HEIGHT) -> alt.LayerChart:
    sized = layers.properties(width="container", height=height, description=description)
    chart: alt.LayerChart = sized.configure(background="transparent").configure_view(stroke=None)
    return chart
