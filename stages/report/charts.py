"""The page's charts, in Vega-Lite. Accuracies are fractions in the tables, percent in the charts.

The page gives axes and text their colours, so that a chart follows its light, dark and printed styles. A tooltip shows
its row of the table. What lies outside an axis is drawn at its edge.
"""

import math
from typing import Any

import altair as alt
import pandas as pd

from stages.params import FAMILIES
from stages.pareto import ranks

HEIGHT = 260  # pixels
LEARNT = 25  # percent; accuracies above it share an axis that need not begin at 0
alt.data_transformers.disable_max_rows()  # Altair refuses more than 5,000

MEANS = ["test_accuracy_learned", "test_accuracy_learned_low", "test_accuracy_learned_high"]
OUTCOMES = ["learned", "never learned"]
FAILED, MARK, QUIET = "#e0484b", "#2f86c6", "#888"
EPOCH = alt.X("epoch:Q").axis(tickMinStep=1, format="d")
COLOURS = (
    "#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#b79a20", "#b279a2", "#ff9da6", "#9d755d", "#79706e",
    "#9ecae9", "#ffbf79", "#ff9d98", "#b2dfdb", "#88d27a", "#f2cf5b", "#d6a5c9", "#fcbfd2", "#d8b5a5", "#bab0ac",
)  # fmt: skip


def accuracy_chart(runs: pd.DataFrame, numbers: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw a point per run, mean and interval of the runs that learned, and the notebook's number.

    `runs`: architecture, seed, test_accuracy, learned, reference. `numbers`: a row per architecture, with MEANS. A run
    that failed stands at the lower edge.
    """
    columns = ["test_accuracy", "reference"]
    seeds = runs[["architecture", "seed", "learned"]].join(100 * runs[columns])
    means = numbers[["architecture"]].join(100 * numbers[MEANS]).dropna()
    seeds["shown"] = seeds["test_accuracy"].where(seeds["learned"], 0)
    seeds["outcome"] = seeds["learned"].map(dict(zip([True, False], OUTCOMES, strict=True)))
    scale = _scale(pd.concat([seeds["shown"], seeds["reference"], *(means[end] for end in MEANS)]))
    names = list(seeds["architecture"].unique())
    x = alt.X("architecture:N").sort(names).title(title).axis(labelAngle=0)
    points = alt.Chart(seeds).mark_point(filled=True, size=55, opacity=0.8)
    points = points.encode(
        x,
        alt.Y("shown:Q").title("test accuracy, %").scale(scale),
        alt.XOffset("seed:O").scale(paddingOuter=1),
        alt.Color("outcome:N").title(None).scale(domain=OUTCOMES, range=[MARK, FAILED]).legend(orient="top"),
        alt.Shape("outcome:N").title(None).scale(domain=OUTCOMES, range=["circle", "cross"]),
    )
    known = seeds.drop_duplicates("architecture").dropna(subset="reference")
    notebook = alt.Chart(known).mark_tick(thickness=3, size=34, color=QUIET)
    interval = alt.Chart(means).mark_rule(strokeWidth=2, color=MARK)
    middle = alt.Chart(means).mark_tick(thickness=2, size=22, color=MARK)
    mean, low, high = MEANS
    layers = [
        notebook.encode(x, alt.Y("reference:Q").scale(scale)),
        interval.encode(x, alt.Y(f"{low}:Q").scale(scale), alt.Y2(high)),
        middle.encode(x, alt.Y(f"{mean}:Q").scale(scale)),
        points,
    ]
    description = f"Test accuracy against {title}: a point per run, 95 % intervals of the means, the notebook's in grey"
    return _sized(layers, description)


def cost_chart(costs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Draw validation accuracy against cost, with the Pareto front. `costs`: architecture, validation_accuracy, cost.

    An architecture that learned nothing stands at the lower edge.
    """
    table = costs[["architecture", cost]].join(100 * costs["validation_accuracy"])
    front = [rank == 0 for rank in ranks(list(zip(table[cost], table["validation_accuracy"], strict=True)))]
    x = alt.X(f"{cost}:Q").title(title).scale(type="log", nice=False, padding=20).axis(format="~s", tickCount=3)
    scale = _scale(table["validation_accuracy"])
    y = alt.Y("validation_accuracy:Q").title("validation accuracy, %").scale(scale)
    points = alt.Chart(table).mark_point(filled=True, size=90, opacity=1)
    colour = _colour_of(list(table["architecture"])).legend(orient="bottom", columns=3)
    line = alt.Chart(table[front]).mark_line(interpolate="step-after", color=QUIET, strokeDash=[4, 3])
    description = f"Validation accuracy against {title}; the Pareto front is dashed"
    return _sized([line.encode(x, y), points.encode(x, y, colour)], description)


def curves_chart(
    curves: pd.DataFrame, measure: str, title: str, axis_format: str, chance_loss: float | None = None
) -> alt.LayerChart:
    """Draw a learning curve per run; the page sets the parameter `shown`, the architectures that are drawn.

    `curves`: architecture, family, seed, epoch and the measure.
    """
    names = list(curves["architecture"].unique())
    lines = (
        alt.Chart(curves[["architecture", "family", "seed", "epoch", measure]])
        .transform_filter("indexof(shown, datum.architecture) >= 0")
        .mark_line(point={"size": 22}, strokeWidth=1.8)
        .encode(
            EPOCH,
            alt.Y(f"{measure}:Q").title(title).scale(zero=False).axis(format=axis_format),
            _colour_of(names).legend(None),
            alt.StrokeDash("family:N").legend(None).scale(domain=list(FAMILIES)),
            alt.Detail("seed:N"),
        )
    )
    layers = [lines]
    if chance_loss is not None and len(curves):  # no curve if every run diverged in its first epoch
        rule = alt.Chart(pd.DataFrame({"chance_loss": [chance_loss]})).encode(y="chance_loss:Q")
        text = rule.mark_text(align="right", baseline="bottom", dy=-3, text="nothing learnt")
        layers += [rule.mark_rule(strokeDash=[6, 4], color=QUIET), text.encode(x=alt.datum(curves["epoch"].max()))]
    return _sized(layers, f"{title} against epoch, a line per run").add_params(alt.param("shown", value=names))


def layers_chart(layers: pd.DataFrame, measure: str, title: str, logarithmic: bool) -> alt.LayerChart:
    """Draw one run's layers over its epochs. `layers`: epoch, layer and the measure."""
    table = layers[["epoch", "layer", measure]].dropna()
    if logarithmic:
        table = table[table[measure] > 0]
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(domain=[0, 1])
    axis = alt.Axis(format=".0e" if logarithmic else ".1f", tickCount=6)
    names = list(table["layer"].unique())
    lines = alt.Chart(table).mark_line(point={"size": 22})
    layer = alt.Color("layer:N").sort(names).title(None).legend(orient="top", columns=3)
    y = alt.Y(f"{measure}:Q").title(title).scale(scale).axis(axis)
    return _sized([lines.encode(EPOCH, y, layer)], f"{title} of every layer against epoch")


def colours(names: list[str]) -> list[str]:
    """Return a colour per name, the same wherever the architecture is drawn."""
    return [COLOURS[k % len(COLOURS)] for k in range(len(names))]


def _colour_of(names: list[str]) -> alt.Color:
    return alt.Color("architecture:N").sort(names).title(None).scale(domain=names, range=colours(names))


def _scale(percent: pd.Series) -> alt.Scale:
    """Return an axis of whatever learned something."""
    learnt = percent[percent > LEARNT]
    domain = [math.floor(learnt.min() - 1), math.ceil(learnt.max() + 0.5)] if len(learnt) else [0, 100]
    return alt.Scale(domain=domain, nice=False, clamp=True)


def _sized(layers: list[Any], description: str) -> alt.LayerChart:
    chart = alt.layer(*layers).properties(width="container", height=HEIGHT, description=description)
    styled: alt.LayerChart = chart.configure(
        background="transparent", view={"stroke": None}, mark={"tooltip": {"content": "data"}}
    )
    return styled
