"""Which trials of a rung go on to the next (successive halving; Jamieson and Talwalkar, 2016)."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

from stages.common.files import DECIMALS
from stages.trials.front import crowding, ranks
from stages.trials.settings import Ties
from stages.trials.trial import Trial


def promoted(trials: Sequence[Trial], keep: float, ties: Ties) -> list[Trial]:
    """The share `keep` of a rung's trials, rounded up, by non-dominated rank of those that started.

    Of equal rank the one of fewer operations goes on, then the one of the lower number; where ties are settled by
    crowding, before these the one that is furthest from the others of its rank.
    """
    standing = [trial for trial in trials if trial.started]
    most = ceil(round(keep * len(trials), DECIMALS))  # 0.7 of ten is 7.000000000000001 in binary
    by_rank: dict[int, list[Trial]] = defaultdict(list)
    for rank, trial in zip(ranks([trial.point for trial in standing]), standing, strict=True):
        by_rank[rank].append(trial)
    best = [trial for rank in sorted(by_rank) for trial in _in_order(by_rank[rank], ties)]
    return sorted(best[:most], key=lambda trial: trial.number)


def _in_order(trials: list[Trial], ties: Ties) -> list[Trial]:
    """Those of one rank, the first to go on first."""
    apart = crowding([trial.point for trial in trials]) if ties == "crowding" else [0.0] * len(trials)
    ordered = sorted(zip(apart, trials, strict=True), key=lambda one: (-one[0], one[1].operations, one[1].number))
    return [trial for _, trial in ordered]
