"""What the page's charts have in common.

Colours of axes and text come from the page, so that a chart follows its light, dark and printed styles.
"""

import math
from typing import Any

import altair as alt
import pandas as pd

HEIGHT = 260  # pixels
LEARNT = 25  # per cent; accuracies above it share an axis that need not begin at 0
FAILED, MARK, QUIET = "#e0484b", "#2f86c6", "#888"


COLOURS = (
    "#4c78a8", "#f58518", "#e45756", "#72b7b2", "#54a24b", "#b79a20", "#b279a2", "#ff9da6", "#9d755d", "#79706e",
    "#9ecae9", "#ffbf79", "#ff9d98", "#b2dfdb", "#88d27a", "#f2cf5b", "#d6a5c9", "#fcbfd2", "#d8b5a5", "#bab0ac",
)  # fmt: skip


def axis_range(percent: pd.Series) -> tuple[int, int]:
    """The axis that shows whatever has learnt something; what lies below is drawn at its lower edge."""
    learnt = percent[percent > LEARNT]
    return (math.floor(learnt.min() - 1), math.ceil(learnt.max() + 0.5)) if len(learnt) else (0, 100)


def colour_of(names: list[str], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=names, range=colours(names))
    return alt.Color("architecture:N", sort=names, title=None, scale=scale, legend=legend)


def colours(names: list[str]) -> list[str]:
    """A colour a name, the same wherever the architecture is drawn."""
    return [COLOURS[k % len(COLOURS)] for k in range(len(names))]


def sized(layers: Any, description: str, height: int = HEIGHT) -> alt.LayerChart:
    chart: alt.LayerChart = layers.properties(width="container", height=height, description=description)
    styled: alt.LayerChart = chart.configure(background="transparent").configure_view(stroke=None)
    return styled
