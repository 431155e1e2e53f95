"""The page's charts against epochs, in Vega-Lite: learning curves, and what happens inside the layers."""

import math

import altair as alt
import pandas as pd

from stages.params import FAMILIES
from stages.report.style import QUIET, colour_of, sized

MOST_ROWS = 6000  # of learning curves; the page stays small however long the trainings were


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
            color=colour_of(names, None),
            strokeDash=alt.StrokeDash("family:N", legend=None, scale=alt.Scale(domain=list(FAMILIES))),
            strokeWidth=wide,
            detail="seed:N",
            tooltip=["architecture", "seed", "epoch", alt.Tooltip(measure, format=".4f", title=title)],
        )
        .add_params(hover)
    )
    layers = [lines]
    if plateau is not None and len(curves):  # which are empty where every run diverged in its first epoch
        rule = alt.Chart(pd.DataFrame({"plateau": [plateau], "label": ["nothing learnt"]}))
        layers.append(rule.mark_rule(strokeDash=[6, 4], color=QUIET).encode(y="plateau:Q"))
        text = rule.mark_text(align="right", baseline="bottom", dy=-3).encode(y="plateau:Q", text="label:N")
        layers.append(text.encode(x=alt.datum(int(curves["epoch"].max()))))
    return sized(alt.layer(*layers), f"{title} against epoch, a line for every architecture and seed").add_params(shown)


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
    return sized(alt.layer(chart), f"{title} of every layer against epoch")
