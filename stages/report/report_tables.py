"""The tables behind the page and its charts, and which runs are shown next to each other."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from stages.analysis.comparisons import Compared, mean
from stages.analysis.statistics import deviation, mean_interval, proportion_interval
from stages.pareto import ranks


def means_table(compared: list[Compared]) -> pd.DataFrame:
    """Return a row per architecture: mean and 95 % interval of the runs that learned, NaN if they do not exist."""
    intervals = [mean_interval(one.accuracies) or (math.nan, math.nan) for one in compared]
    table = pd.DataFrame(intervals, columns=["low", "high"])
    table.insert(0, "architecture", [one.label for one in compared])
    table.insert(1, "mean", [mean(one.accuracies) for one in compared])
    return table


def architecture_table(compared: list[Compared], accuracy: pd.DataFrame, one_seed: bool) -> pd.DataFrame:
    """Return the table of all architectures as text, a label per row; with one seed its accuracy first and no spread.

    `accuracy` has `name` and `reference`. A number that does not exist is "-".
    """
    references = accuracy.drop_duplicates("name").set_index("name")["reference"]
    overall = _percents(mean(one.overall) for one in compared)
    columns = {
        "family": [one.family for one in compared],
        "parameters": [f"{one.parameters:,}" for one in compared],
        "FLOPs per image": [f"{one.training_flops / 1e6:.1f} M" for one in compared],
        "learned": [f"{one.learned} of {one.runs}" for one in compared],
        "learned, 95 %": _intervals((proportion_interval(one.learned, one.runs) for one in compared), decimals=0),
        "test accuracy, learned": _percents(mean(one.accuracies) for one in compared),
        "standard deviation": _percents(deviation(one.accuracies) for one in compared),
        "test accuracy, 95 %": _intervals((mean_interval(one.accuracies) for one in compared), decimals=2),
        "over all runs": overall,
        "test accuracy": overall,
        "validation": _percents(mean(one.validation) for one in compared),
        "notebook": _percents(float(references[one.name]) for one in compared),
    }
    titles = [title for title in columns if title != "test accuracy"]
    if one_seed:
        titles = ["test accuracy", "notebook", "validation", "learned", "parameters", "FLOPs per image", "family"]
    if references.isna().all():
        titles.remove("notebook")
    return pd.DataFrame(columns, index=[one.label for one in compared])[titles]


def _percents(fractions: Iterable[float | None]) -> list[str]:
    return ["-" if one is None or math.isnan(one) else f"{100 * one:.2f}" for one in fractions]


def _intervals(intervals: Iterable[Sequence[float] | None], decimals: int) -> list[str]:
    return [" to ".join(f"{100 * end:.{decimals}f}" for end in one) if one else "-" for one in intervals]


def cost_table(compared: list[Compared]) -> pd.DataFrame:
    """Return architectures with a validation accuracy over all runs, and whether they are on the front of each cost."""
    known = [one for one in compared if one.validation]
    table = pd.DataFrame(
        {
            "architecture": [one.label for one in known],
            "validation_accuracy": [mean(one.validation) for one in known],
            "parameters": [one.parameters for one in known],
            "training_flops": [one.training_flops for one in known],
        }
    )
    for cost in ("parameters", "training_flops"):
        points = list(zip(table[cost], table["validation_accuracy"], strict=True))
        table[f"{cost}_front"] = [rank == 0 for rank in ranks(points)]
    return table


class ContrastedRun(NamedTuple):
    """A run whose layers are shown."""

    label: str
    seed: int
    name: str


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, ContrastedRun]:
    """Return the run that `learned` with the best test accuracy, and the first that `failed`, if they exist.

    A run that diverged has few layers or none, so it is shown only if no other failed.
    """
    runs = {}
    learned = accuracy[accuracy["learned"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["learned"]].sort_values("test_accuracy", key=pd.isna, kind="stable")
    for outcome, table in (("learned", learned), ("failed", failed)):
        if len(table):
            first = table.iloc[0]
            runs[outcome] = ContrastedRun(str(first["architecture"]), int(first["seed"]), str(first["name"]))
    return runs
