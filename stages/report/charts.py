"""The page's charts, in Vega-Lite. Accuracies are fractions in the tables, percent in the charts.

The page gives axes and text their colours, so that a chart follows its light, dark and printed styles.
"""

import math
from typing import Any

import altair as alt
import pandas as pd

from stages.params import FAMILIES

HEIGHT = 260  # pixels
LEARNT = 25  # percent; accuracies above it share an axis that need not begin at 0
MOST_ROWS = 5000  # of a chart against epochs, so that the page stays small however long the trainings were
alt.data_transformers.disable_max_rows()  # Altair refuses more than 5,000

FAILED, MARK, QUIET = "#e0484b", "#2f86c6", "#888"
COLOURS = (
    "#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#b79a20", "#b279a2", "#ff9da6", "#9d755d", "#79706e",
    "#9ecae9", "#ffbf79", "#ff9d98", "#b2dfdb", "#88d27a", "#f2cf5b", "#d6a5c9", "#fcbfd2", "#d8b5a5", "#bab0ac",
)  # fmt: skip


def accuracy_chart(seeds: pd.DataFrame, means: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw a point per run, mean and interval of the runs that learned, and the notebook's number.

    `seeds`: architecture, seed, test_accuracy, learned, reference. `means`: architecture, mean, low, high (NaN if they
    do not exist). A run that failed stands at the lower edge.
    """
    seeds, means = seeds[["architecture", "seed", "test_accuracy", "learned", "reference"]].copy(), means.copy()
    for column in ("test_accuracy", "reference"):
        seeds[column] = 100 * seeds[column]
    means[["mean", "low", "high"]] = 100 * means[["mean", "low", "high"]]
    learnt = pd.concat([seeds[seeds["learned"]]["test_accuracy"], seeds["reference"], means["low"], means["high"]])
    bottom, top = axis_range(learnt)
    seeds["shown"] = seeds["test_accuracy"].where(seeds["learned"], bottom).clip(lower=bottom)
    seeds["outcome"] = seeds["learned"].map({True: "learned", False: "never learned"})
    x = alt.X(
        "architecture:N", sort=list(dict.fromkeys(seeds["architecture"])), title=title, axis=alt.Axis(labelAngle=0)
    )
    scale = alt.Scale(domain=[bottom, top], nice=False)
    outcomes = ["learned", "never learned"]
    points = (
        alt.Chart(seeds)
        .mark_point(filled=True, size=55, opacity=0.8)
        .encode(
            x=x,
            y=alt.Y("shown:Q", title="test accuracy, %", scale=scale),
            xOffset=alt.XOffset("seed:O", scale=alt.Scale(paddingOuter=1)),
            color=alt.Color(
                "outcome:N",
                title=None,
                scale=alt.Scale(domain=outcomes, range=[MARK, FAILED]),
                legend=alt.Legend(orient="top"),
            ),
            shape=alt.Shape("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=["circle", "cross"])),
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
    known = means.dropna(subset="low")
    whole = alt.Chart(known.assign(low=known["low"].clip(lower=bottom), high=known["high"].clip(upper=top)))
    interval = whole.mark_rule(strokeWidth=2, color=MARK).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
    mean = whole.mark_tick(thickness=2, size=22, color=MARK).encode(x=x, y=alt.Y("mean:Q", scale=scale))
    description = f"Test accuracy against {title}: a point per run, 95 % intervals of the means, the notebook's in grey"
    return _sized(alt.layer(notebook, interval, mean, points), description)


def cost_chart(costs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Draw validation accuracy against cost. `costs`: architecture, validation_accuracy, the cost, front.

    An architecture that learned nothing stands at the lower edge.
    """
    table = costs.assign(validation_accuracy=100 * costs["validation_accuracy"])
    bottom, top = axis_range(table["validation_accuracy"])
    table["shown"] = table["validation_accuracy"].clip(lower=bottom)
    table["place"] = (table["validation_accuracy"] < bottom).map({True: "below", False: "here"})
    x = alt.X(
        f"{cost}:Q",
        title=title,
        scale=alt.Scale(type="log", nice=False, padding=20),
        axis=alt.Axis(format="~s", tickCount=5),
    )
    y = alt.Y("shown:Q", title="validation accuracy, %", scale=alt.Scale(domain=[bottom, top], nice=False))
    shapes = alt.Scale(domain=["here", "below"], range=["circle", "cross"])
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            x=x,
            y=y,
            color=_colour_of(list(table["architecture"]), alt.Legend(orient="bottom", columns=3)),
            shape=alt.Shape("place:N", legend=None, scale=shapes),
            tooltip=[
                "architecture",
                alt.Tooltip(cost, format=",", title=title),
                alt.Tooltip("validation_accuracy", format=".2f", title="validation accuracy, %"),
            ],
        )
    )
    front = alt.Chart(table[table["front"]]).mark_line(interpolate="step-after", color=QUIET, strokeDash=[4, 3])
    description = f"Validation accuracy against {title}; the Pareto front is dashed"
    return _sized(alt.layer(front.encode(x=x, y=y), points), description)


def curves_chart(
    curves: pd.DataFrame, measure: str, title: str, axis_format: str, chance_loss: float | None = None
) -> alt.LayerChart:
    """Draw a learning curve per run; the page sets the parameter `shown`, the architectures that are drawn.

    `curves`: architecture, family, seed, epoch and the measure.
    """
    names = list(dict.fromkeys(curves["architecture"]))
    shown = alt.param("shown", value=names)
    hover = alt.selection_point(name="hover", on="pointerover", nearest=False, fields=["architecture"], empty=False)
    lines = (
        alt.Chart(_thinned(curves)[["architecture", "family", "seed", "epoch", measure]])
        .transform_filter("indexof(shown, datum.architecture) >= 0")
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(f"{measure}:Q", title=title, scale=alt.Scale(zero=False), axis=alt.Axis(format=axis_format)),
            color=_colour_of(names, None),
            strokeDash=alt.StrokeDash("family:N", legend=None, scale=alt.Scale(domain=list(FAMILIES))),
            strokeWidth=alt.condition(hover, alt.value(4), alt.value(1.8)),
            detail="seed:N",
            tooltip=["architecture", "seed", "epoch", alt.Tooltip(measure, format=".4f", title=title)],
        )
        .properties(name="lines")  # instead of a hash of how pandas prints the table, which follows the terminal
        .add_params(hover)
    )
    layers = [lines]
    if chance_loss is not None and len(curves):  # no curve if every run diverged in its first epoch
        rule = alt.Chart(pd.DataFrame({"chance_loss": [chance_loss], "label": ["nothing learnt"]}))
        layers.append(rule.mark_rule(strokeDash=[6, 4], color=QUIET).encode(y="chance_loss:Q"))
        text = rule.mark_text(align="right", baseline="bottom", dy=-3).encode(y="chance_loss:Q", text="label:N")
        layers.append(text.encode(x=alt.datum(int(curves["epoch"].max()))))
    return _sized(alt.layer(*layers), f"{title} against epoch, a line per run").add_params(shown)


def layers_chart(layers: pd.DataFrame, measure: str, title: str, logarithmic: bool) -> alt.LayerChart:
    """Draw one run's layers over its epochs. `layers`: epoch, layer and the measure."""
    table = _thinned(layers[["epoch", "layer", measure]].dropna())
    if logarithmic:
        table = table[table[measure] > 0]
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(domain=[0, 1])
    axis = alt.Axis(format=".0e" if logarithmic else ".1f", tickCount=6)
    names = list(dict.fromkeys(table["layer"]))
    chart = (
        alt.Chart(table)
        .mark_line(point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("epoch:Q", axis=alt.Axis(tickMinStep=1, format="d")),
            y=alt.Y(f"{measure}:Q", title=title, scale=scale, axis=axis),
            color=alt.Color("layer:N", sort=names, title=None, legend=alt.Legend(orient="top", columns=3)),
            tooltip=["layer", "epoch", alt.Tooltip(measure, format=".3g")],
        )
    )
    return _sized(alt.layer(chart), f"{title} of every layer against epoch")


def axis_range(percent: pd.Series) -> tuple[int, int]:
    """Return the axis that shows whatever learned something; what lies below is drawn at its lower edge."""
    learnt = percent[percent > LEARNT]
    return (math.floor(learnt.min() - 1), math.ceil(learnt.max() + 0.5)) if len(learnt) else (0, 100)


def colours(names: list[str]) -> list[str]:
    """Return a colour per name, the same wherever the architecture is drawn."""
    return [COLOURS[k % len(COLOURS)] for k in range(len(names))]


def _colour_of(names: list[str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=names, range=colours(names))
    return alt.Color("architecture:N", sort=names, title=None, scale=scale, legend=legend)


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the first epoch and every so many-th, so that about MOST_ROWS rows remain at most."""
    every = max(1, math.ceil(len(table) / MOST_ROWS))
    return table[(table["epoch"] % every == 0) | (table["epoch"] <= 1)]


def _sized(layers: Any, description: str) -> alt.LayerChart:
    chart: alt.LayerChart = layers.properties(width="container", height=HEIGHT, description=description)
    styled: alt.LayerChart = chart.configure(background="transparent").configure_view(stroke=None)
    return styled
