"""The page's charts of whole runs, in Vega-Lite. Accuracies are fractions in the tables, per cent in the charts."""

import altair as alt
import pandas as pd

from stages.report.style import FAILED, MARK, QUIET, axis_range, colour_of, sized


def accuracy_chart(seeds: pd.DataFrame, means: pd.DataFrame, title: str) -> alt.LayerChart:
    """Every seed a point, with mean and interval of those that learned, and the notebook's number.

    `seeds`: name, architecture, seed, test_accuracy, learned, reference. `means`: architecture, mean, low, high (NaN
    where there are none). A run that failed to learn stands at the lower edge, whatever lies below it.
    """
    seeds, means = seeds.drop(columns="name"), means.copy()
    for column in ("test_accuracy", "reference"):
        seeds[column] = 100 * seeds[column]
    means[["mean", "low", "high"]] = 100 * means[["mean", "low", "high"]]
    learnt = pd.concat([seeds[seeds["learned"]]["test_accuracy"], seeds["reference"], means["low"], means["high"]])
    bottom, top = axis_range(learnt)
    seeds["shown"] = seeds["test_accuracy"].where(seeds["learned"], bottom).clip(lower=bottom)
    seeds["outcome"] = seeds["learned"].map({True: "learned", False: "never learned"})
    order = list(dict.fromkeys(seeds["architecture"]))
    x = alt.X("architecture:N", sort=order, title=title, axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(domain=[bottom, top], nice=False)
    y = alt.Y("shown:Q", title="test accuracy, %", scale=scale)
    colour = alt.Color(
        "outcome:N",
        title=None,
        scale=alt.Scale(domain=["learned", "never learned"], range=[MARK, FAILED]),
        legend=alt.Legend(orient="top"),
    )
    shape = alt.Shape(
        "outcome:N", title=None, scale=alt.Scale(domain=["learned", "never learned"], range=["circle", "cross"])
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
    known = means.dropna(subset="low")
    whole = alt.Chart(known.assign(low=known["low"].clip(lower=bottom), high=known["high"].clip(upper=top)))
    interval = whole.mark_rule(strokeWidth=2, color=MARK).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q")
    mean = whole.mark_tick(thickness=2, size=22, color=MARK).encode(x=x, y=alt.Y("mean:Q", scale=scale))
    description = (
        f"Test accuracy against {title}: every seed a point, 95 % intervals of the means, the notebook's number grey"
    )
    return sized(alt.layer(notebook, interval, mean, points), description)


def start_chart(rates: pd.DataFrame) -> alt.LayerChart:
    """How often training starts. `rates`: architecture, learned, runs, rate, low, high."""
    rates = rates.assign(count=[f"{row.learned} of {row.runs}" for row in rates.itertuples()])
    rates[["rate", "low", "high"]] = 100 * rates[["rate", "low", "high"]]
    y = alt.Y("architecture:N", sort=None, title=None)
    x = alt.X(
        "rate:Q",
        title="runs that learned, %, with 95 % interval",
        scale=alt.Scale(domain=[0, 118]),
        axis=alt.Axis(values=[0, 25, 50, 75, 100]),
    )
    chart = alt.Chart(rates)
    tooltip = ["architecture", "count", alt.Tooltip("low", format=".0f"), alt.Tooltip("high", format=".0f")]
    return sized(
        alt.layer(
            chart.mark_rule(strokeWidth=2, color=MARK).encode(y=y, x=alt.X("low:Q"), x2="high:Q"),
            chart.mark_point(filled=True, size=70, color=MARK).encode(y=y, x=x, tooltip=tooltip),
            chart.mark_text(align="left", dx=4).encode(y=y, x=alt.datum(101), text="count:N"),
        ),
        "Share of runs that learned, with 95 % intervals",
        height=24 * len(rates),
    )


def cost_chart(costs: pd.DataFrame, cost: str, title: str) -> alt.LayerChart:
    """Validation accuracy against cost. `costs`: architecture, validation_accuracy, the cost, front.

    What failed to learn stands at the lower edge, whatever lies below it.
    """
    table = costs.assign(validation_accuracy=100 * costs["validation_accuracy"])
    bottom, top = axis_range(table["validation_accuracy"])
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
            color=colour_of(names, alt.Legend(orient="bottom", columns=3)),
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
    return sized(
        alt.layer(front.encode(x=x, y=y), points),
        f"Validation accuracy against {title}; the Pareto front is dashed",
    )


def errors_chart(classes: pd.DataFrame) -> alt.LayerChart:
    """Share of each class's test images that the model gets wrong. `classes`: name, wrong, mistaken_for."""
    table = classes.assign(wrong=100 * classes["wrong"])
    chart = alt.Chart(table).encode(y=alt.Y("name:N", sort=None, title=None))
    x = alt.X("wrong:Q", title="test images of the class that are wrong, %")
    return sized(
        alt.layer(
            chart.mark_bar(color=MARK).encode(
                x=x, tooltip=["name", alt.Tooltip("wrong", format=".1f"), "mistaken_for"]
            ),
            chart.mark_text(align="left", dx=4).encode(x=x, text=alt.Text("wrong:Q", format=".1f")),
        ),
        "Share of wrong test images, class by class",
        height=22 * len(table),
    )
