"""Statistics of a few seeds: intervals at LEVEL, and tests that a p-value below SIGNIFICANT decides.

Values are test accuracies as fractions, one per seed. Too few values give None.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

SIGNIFICANT = 0.05
LEVEL = 1 - SIGNIFICANT
MOST_SEEDS = 1000  # that `seeds_to_settle` counts up to


class Interval(NamedTuple):
    low: float
    high: float


class Difference(NamedTuple):
    """Mean of the second sample less mean of the first, its interval, and the p-value of no difference."""

    estimate: float
    low: float
    high: float
    p: float


def proportion_interval(successes: int, trials: int) -> Interval:
    """Return the exact interval of the probability behind `successes` of `trials` (Clopper and Pearson, 1934)."""
    interval = stats.binomtest(successes, trials).proportion_ci(LEVEL, method="exact")
    return Interval(float(interval.low), float(interval.high))


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation with n - 1 in the denominator; None for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of the mean: mean ± t s / √n (Student, 1908); None for fewer than two values."""
    spread = deviation(values)
    if spread is None:
        return None
    mean = float(np.mean(values))
    half = _t_quantile(len(values) - 1) * spread / math.sqrt(len(values))
    return Interval(mean - half, mean + half)


def difference(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Compare two means with unequal variances (Welch, 1947).

    None if a side has fewer than two values, or if neither side has values that differ: the spread is unknown then.
    """
    if not _spread_is_known(first, second):
        return None
    result = _welch(first, second, "two-sided")
    interval = result.confidence_interval(LEVEL)
    estimate = float(np.mean(second) - np.mean(first))
    return Difference(estimate, float(interval.low), float(interval.high), float(result.pvalue))


def equivalence(first: Sequence[float], second: Sequence[float], margin: float) -> float | None:
    """Return the p-value of means that are `margin` or more apart, with unequal variances.

    The greater of two one-sided tests, of the mean of the second against either end (Schuirmann, 1987). None if
    `difference` is.
    """
    if not _spread_is_known(first, second):
        return None
    above_low = _welch(np.subtract(first, margin), second, "greater")
    below_high = _welch(np.add(first, margin), second, "less")
    return float(max(above_low.pvalue, below_high.pvalue))


def _spread_is_known(first: Sequence[float], second: Sequence[float]) -> bool:
    return min(len(first), len(second)) >= 2 and bool(np.ptp(first) or np.ptp(second))


def _welch(first: Sequence[float] | np.ndarray, second: Sequence[float], alternative: str) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss")  # one side may be constant: failed runs are at 10 %
        return stats.ttest_ind(second, first, equal_var=False, alternative=alternative)


def superiority(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the probability that a value of the second exceeds one of the first, ties counting half.

    The measure A of Vargha and Delaney (2000, eq. 2); None if one is empty.
    """
    if not len(first) or not len(second):
        return None
    return float(stats.mannwhitneyu(second, first).statistic) / (len(first) * len(second))


def mcnemar(first_correct: np.ndarray, second_correct: np.ndarray) -> float:
    """Return the p-value of two models being right equally often on the same images, bool `[N]` each (McNemar, 1947).

    Exact: of the n images that one model alone gets right, the first's number is binomial with probability 1/2.
    """
    first_alone = int(np.sum(first_correct & ~second_correct))
    second_alone = int(np.sum(~first_correct & second_correct))
    if first_alone + second_alone == 0:
        return 1.0
    return float(stats.binomtest(first_alone, first_alone + second_alone).pvalue)


def same_learned_fraction(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return the p-value of two (learned, runs) having one probability of learning (Fisher, 1922, exact)."""
    table = [[learned, runs - learned] for learned, runs in (first, second)]
    return float(stats.fisher_exact(table).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family of tests, in the given order, corrected for their number (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, k in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = highest
    return corrected


def seeds_to_settle(effect: float, first_deviation: float, second_deviation: float) -> int | None:
    """Return how many seeds per side would make half of Welch's interval no wider than the effect.

    The standard deviations are assumed to stay. None if MOST_SEEDS are not enough.
    """
    for count in range(2, MOST_SEEDS + 1):
        variances = first_deviation**2 / count, second_deviation**2 / count
        freedom = sum(variances) ** 2 * (count - 1) / (variances[0] ** 2 + variances[1] ** 2)
        if _t_quantile(freedom) * math.sqrt(sum(variances)) <= abs(effect):
            return count
    return None


def _t_quantile(freedom: float) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom))
