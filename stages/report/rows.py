"""The rows of the page's tables and charts, and which runs are shown beside each other."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from stages.analysis.comparisons import Compared, mean, pareto_front
from stages.analysis.statistics import Interval, deviation, mean_interval, proportion_interval
from stages.analysis.words import counted
from stages.params import Params, StudyArchitecture


def mean_row(architecture: Compared) -> dict[str, Any]:
    low, high = mean_interval(architecture.accuracies) or (math.nan, math.nan)
    return {"architecture": architecture.label, "mean": mean(architecture.accuracies), "low": low, "high": high}


def start_row(architecture: Compared) -> dict[str, Any]:
    low, high = proportion_interval(architecture.learned, architecture.runs)
    learned, runs = architecture.learned, architecture.runs
    row = {"architecture": architecture.label, "learned": learned, "runs": runs, "rate": learned / runs}
    return row | {"low": low, "high": high}


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
    family = Column("family", [Cell(architecture.family, architecture.family) for architecture in compared])
    parameters = Column(
        "parameters", [Cell(architecture.parameters, f"{architecture.parameters:,}") for architecture in compared]
    )
    operations = Column(
        "operations an image",
        [Cell(architecture.training_flops, f"{architecture.training_flops / 1e6:.1f} M") for architecture in compared],
    )
    learned = Column(
        "learned",
        [
            Cell(architecture.learned / architecture.runs, f"{architecture.learned} of {architecture.runs}")
            for architecture in compared
        ],
    )
    overall = _percents(
        "test accuracy" if one_seed else "over all runs", [mean(architecture.overall) for architecture in compared]
    )
    validation = _percents("validation", [mean(architecture.validation) for architecture in compared])
    notebook = [_percents("notebook", [float(references[architecture.name]) for architecture in compared])]
    if references.isna().all():
        notebook = []
    if one_seed:
        return [overall, *notebook, validation, learned, parameters, operations, family]
    spread = [
        _intervals(
            [proportion_interval(architecture.learned, architecture.runs) for architecture in compared], decimals=0
        ),
        _percents("test accuracy, learned", [mean(architecture.accuracies) for architecture in compared]),
        _percents("deviation", [deviation(architecture.accuracies) for architecture in compared]),
        _intervals([mean_interval(architecture.accuracies) for architecture in compared], decimals=2),
    ]
    return [family, parameters, operations, learned, *spread, overall, validation, *notebook]


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
    known = [architecture for architecture in compared if architecture.validation]
    accuracies = [mean(architecture.validation) for architecture in known]
    return pd.DataFrame(
        {
            "architecture": [architecture.label for architecture in known],
            "family": [architecture.family for architecture in known],
            "validation_accuracy": accuracies,
            "parameters": [architecture.parameters for architecture in known],
            "parameters_front": pareto_front([architecture.parameters for architecture in known], accuracies),
            "training_flops": [architecture.training_flops for architecture in known],
            "training_flops_front": pareto_front([architecture.training_flops for architecture in known], accuracies),
        }
    )


def found_in_words(compared: list[Compared], params: Params) -> dict[str, str]:
    """By its label every architecture of study.custom in words, in the order of `compared`."""
    described = {one.name: one for one in params.studied()}
    return {one.label: in_words(described[one.name], params) for one in compared if one.family == "custom"}


def in_words(described: StudyArchitecture, params: Params) -> str:
    """Every key of it, the momentum of the average of its weights, and the learning rate, if that is its own."""
    architecture, average = described.architecture, params.settings(described).average
    pairs = dict.fromkeys(f"{first} and {second}" for first, second in architecture.block_filters)
    if len(pairs) > 1:
        kernels = ", then ".join(f"{first} and {second}" for first, second in architecture.block_filters)
    else:
        (kernels,) = pairs
    size = f"{architecture.kernel_size}x{architecture.kernel_size}"
    head = (
        "mean of every channel" if architecture.head == "global_average" else f"{architecture.dense_units} hidden units"
    )
    return "; ".join(
        [
            f"{counted(architecture.blocks, 'block')} of {kernels} kernels, {size}",
            f"{architecture.pooling} pooling at stride {architecture.pool_stride}",
            head,
            architecture.activation,
            f"{'batch' if architecture.normalization == 'batch' else 'no'} normalization",
            f"dropout {architecture.dropout:g}" if architecture.dropout else "no dropout",
            f"average of the weights, momentum {average:g}" if average else "no average of the weights",
            *(
                [f"learning rate {described.overrides['learning_rate']:g}"]
                if "learning_rate" in described.overrides
                else []
            ),
        ]
    )


class ContrastedRun(NamedTuple):
    """A run whose layers are shown."""

    label: str
    seed: int
    name: str


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, ContrastedRun]:
    """A run that `learned`, of the best test accuracy, and one that `failed`, where there are such.

    One that diverged has layers up to then, or none: it is shown where no other failed.
    """
    runs = {}
    learned = accuracy[accuracy["learned"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["learned"]].sort_values("test_accuracy", key=pd.isna, kind="stable")
    for outcome, table in (("learned", learned), ("failed", failed)):
        if len(table):
            first = table.iloc[0]
            runs[outcome] = ContrastedRun(str(first["architecture"]), int(first["seed"]), str(first["name"]))
    return runs
