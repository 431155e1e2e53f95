"""Which trials of a rung go on to the next (successive halving; Jamieson and Talwalkar, 2016)."""

from collections.abc import Sequence
from math import ceil

from stages.common.files import DECIMALS
from stages.trials.front import ranks
from stages.trials.trial import Trial


def promoted(trials: Sequence[Trial], keep: float) -> list[Trial]:
    """The share `keep` of a rung's trials, rounded up, by non-dominated rank of those that started.

    Of equal rank the one of fewer operations goes on, then the one of the lower number.
    """
    standing = [trial for trial in trials if trial.started]
    most = ceil(round(keep * len(trials), DECIMALS))  # 0.7 of ten is 7.000000000000001 in binary
    ranked = zip(ranks([trial.point for trial in standing]), standing, strict=True)
    best = sorted(ranked, key=lambda one: (one[0], one[1].operations, one[1].number))
    return sorted((trial for _, trial in best[:most]), key=lambda trial: trial.number)
