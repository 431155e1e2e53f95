"""Made-up runs of made-up architectures, to check rules and numbers against."""

from collections.abc import Sequence

import numpy as np

from stages.analysis.comparisons import Compared, steps_table
from stages.analysis.verdicts import Verdict, judge
from stages.params import BASELINES, Family


def runs(
    label: str,
    accuracies: float | list[float],
    *,
    failed: int = 0,
    diverged: int = 0,
    cost: int = 1,
    parameters: int = 1,
    family: Family = "width",
    validation: float | list[float] | None = None,
    notebooks_kind: bool = True,
) -> Compared:
    """Return an architecture with these test accuracies, `failed` runs at 10 % that never learned, and diverged ones.

    A mean stands for five accuracies around it. Validation accuracies are the test accuracies unless they are given.
    """
    accuracies = each(accuracies)
    overall = accuracies + [0.1] * failed
    return Compared(
        label=label,
        family=family,
        parameters=parameters,
        training_flops=cost,
        runs=len(overall) + diverged,
        learned=len(accuracies),
        accuracies=accuracies,
        overall=overall,
        validation=overall if validation is None else each(validation),
        correct=np.arange(1000) < 1000 * accuracies[0] if accuracies else None,
        notebooks_kind=notebooks_kind,
    )


def around(mean: float, count: int = 5, spread: float = 0.002) -> list[float]:
    """Return values evenly from `mean` - `spread` to `mean` + `spread`."""
    return [float(value) for value in np.linspace(mean - spread, mean + spread, count)]


def each(accuracies: float | list[float]) -> list[float]:
    return accuracies if isinstance(accuracies, list) else around(accuracies)


def verdicts(
    width: Sequence[Compared] = (),
    depth: Sequence[Compared] = (),
    held_out: int = 5000,
    custom: Sequence[Compared] = (),
) -> dict[str, Verdict]:
    families: dict[Family, list[Compared]] = {"width": list(width), "depth": list(depth), "custom": list(custom)}
    return judge(families, {family: steps_table(families[family]) for family in BASELINES}, held_out)
