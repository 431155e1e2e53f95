"""Which trials of a rung go on to the next (successive halving; Jamieson and Talwalkar, 2016)."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil

from stages.training.files import DECIMALS
from stages.trials.front import crowding, ranks
from stages.trials.trial import Trial


def promoted(trials: Sequence[Trial], reduction_factor: float) -> list[Trial]:
    """Return the best 1/`reduction_factor` of a rung's trials, rounded up, by Pareto rank of those that learned.

    Of equal rank the one that is furthest from the others of its rank continues, then the one of fewer FLOPs, then the
    one of the lower number.
    """
    standing = [trial for trial in trials if trial.learned]
    most = ceil(round(len(trials) / reduction_factor, DECIMALS))
    by_rank: dict[int, list[Trial]] = defaultdict(list)
    for rank, trial in zip(ranks([trial.point for trial in standing]), standing, strict=True):
        by_rank[rank].append(trial)
    best = [trial for rank in sorted(by_rank) for trial in _in_order(by_rank[rank])]
    return sorted(best[:most], key=lambda trial: trial.number)


def _in_order(trials: list[Trial]) -> list[Trial]:
    apart = crowding([trial.point for trial in trials])
    ordered = sorted(zip(apart, trials, strict=True), key=lambda one: (-one[0], one[1].training_flops, one[1].number))
    return [trial for _, trial in ordered]
