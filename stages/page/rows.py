"""The rows of the page's tables and charts, and which runs are shown beside each other."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from stages.analysis.comparisons import Compared, mean, pareto_front
from stages.analysis.statistics import Interval, deviation, mean_interval, proportion_interval


def mean_row(one: Compared) -> dict[str, Any]:
    low, high = mean_interval(one.accuracies) or (math.nan, math.nan)
    return {"architecture": one.label, "mean": mean(one.accuracies), "low": low, "high": high}


def start_row(one: Compared) -> dict[str, Any]:
    low, high = proportion_interval(one.started, one.runs)
    rate = one.started / one.runs
    return {"architecture": one.label, "started": one.started, "runs": one.runs, "rate": rate, "low": low, "high": high}


class Cell(NamedTuple):
    value: float | str  # to sort by; empty where there is none
    text: str


NONE = Cell("", "-")


class Column(NamedTuple):
    title: str
    cells: list[Cell]  # one an architecture


def architecture_columns(compared: list[Compared], accuracy: pd.DataFrame, one_seed: bool) -> list[Column]:
    """The table of all architectures, without their labels: of one seed its accuracy first, and no spread."""
    references = accuracy.drop_duplicates("name").set_index("name")["reference"]
    family = Column("family", [Cell(one.family, one.family) for one in compared])
    parameters = Column("parameters", [Cell(one.parameters, f"{one.parameters:,}") for one in compared])
    operations = Column(
        "operations an image", [Cell(one.training_flops, f"{one.training_flops / 1e6:.1f} M") for one in compared]
    )
    started = Column("started", [Cell(one.started / one.runs, f"{one.started} of {one.runs}") for one in compared])
    overall = _percents("test accuracy" if one_seed else "over all runs", [mean(one.overall) for one in compared])
    validation = _percents("validation", [mean(one.validation) for one in compared])
    notebook = [_percents("notebook", [float(references[one.name]) for one in compared])]
    if references.isna().all():
        notebook = []
    if one_seed:
        return [overall, *notebook, validation, started, parameters, operations, family]
    spread = [
        _intervals([proportion_interval(one.started, one.runs) for one in compared], decimals=0),
        _percents("test accuracy, started", [mean(one.accuracies) for one in compared]),
        _percents("deviation", [deviation(one.accuracies) for one in compared]),
        _intervals([mean_interval(one.accuracies) for one in compared], decimals=2),
    ]
    return [family, parameters, operations, started, *spread, overall, validation, *notebook]


def _percents(title: str, fractions: Sequence[float | None]) -> Column:
    known = [None if fraction is None or math.isnan(fraction) else fraction for fraction in fractions]
    return Column(title, [NONE if fraction is None else Cell(fraction, f"{100 * fraction:.2f}") for fraction in known])


def _intervals(intervals: Sequence[Interval | None], decimals: int) -> Column:
    cells = [
        Cell(interval.low, " to ".join(f"{100 * end:.{decimals}f}" for end in interval)) if interval else NONE
        for interval in intervals
    ]
    return Column("95 % interval", cells)


def cost_table(compared: list[Compared]) -> pd.DataFrame:
    """Architectures with a validation accuracy over all runs, and whether they are on the front for each cost."""
    known = [one for one in compared if one.validation]
    accuracies = [mean(one.validation) for one in known]
    return pd.DataFrame(
        {
            "architecture": [one.label for one in known],
            "family": [one.family for one in known],
            "validation_accuracy": accuracies,
            "parameters": [one.parameters for one in known],
            "parameters_front": pareto_front([one.parameters for one in known], accuracies),
            "training_flops": [one.training_flops for one in known],
            "training_flops_front": pareto_front([one.training_flops for one in known], accuracies),
        }
    )


class ContrastedRun(NamedTuple):
    """A run whose layers are shown."""

    label: str
    seed: int
    name: str


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, ContrastedRun]:
    """A run that `started`, of the best test accuracy, and one that `failed`, where there are such."""
    runs = {}
    started = accuracy[accuracy["started"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["started"]]
    for outcome, table in (("started", started), ("failed", failed)):
        if len(table):
            first = table.iloc[0]
            runs[outcome] = ContrastedRun(str(first["architecture"]), int(first["seed"]), str(first["name"]))
    return runs
