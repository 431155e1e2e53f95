"""The rows of the page's tables and charts, and which runs are shown beside each other."""

import math
from typing import Any, NamedTuple

import pandas as pd

from stages.analysis.comparisons import Compared, mean, pareto_front
from stages.analysis.statistics import deviation, mean_interval, proportion_interval


def mean_row(one: Compared) -> dict[str, Any]:
    low, high = mean_interval(one.accuracies) or (math.nan, math.nan)
    return {"architecture": one.label, "mean": mean(one.accuracies), "low": low, "high": high}


def start_row(one: Compared) -> dict[str, Any]:
    low, high = proportion_interval(one.started, one.runs)
    rate = one.started / one.runs
    return {"architecture": one.label, "started": one.started, "runs": one.runs, "rate": rate, "low": low, "high": high}


def architecture_rows(compared: list[Compared], accuracy: pd.DataFrame) -> list[dict[str, Any]]:
    """The table of all architectures: numbers to sort by, None where there is none."""
    references = accuracy.drop_duplicates("name").set_index("name")["reference"]
    rows = []
    for one in compared:
        interval = mean_interval(one.accuracies)
        rows.append(
            {
                "label": one.label,
                "family": one.family,
                "parameters": one.parameters,
                "training_flops": one.training_flops,
                "started": one.started,
                "runs": one.runs,
                "start_interval": proportion_interval(one.started, one.runs),
                "accuracy": _or_none(mean(one.accuracies)),
                "deviation": deviation(one.accuracies),
                "interval": interval,
                "overall": _or_none(mean(one.overall)),
                "validation": _or_none(mean(one.validation)),
                "reference": _or_none(references[one.name]),
            }
        )
    return rows


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


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
