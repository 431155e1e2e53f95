"""Statistics of a few seeds: 95 % intervals, and tests at the level SIGNIFICANT.

Values are test accuracies as fractions, one per seed. Too few values give None.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import bdtr, betaincinv, stdtr, stdtrit  # scipy.stats takes a second to import

SIGNIFICANT = 0.05
MOST_SEEDS = 1000  # limit of `seeds_to_settle`


class Interval(NamedTuple):
    low: float
    high: float


class Difference(NamedTuple):
    """Mean of the second sample minus mean of the first, its interval, and the p-value of no difference."""

    estimate: float
    low: float
    high: float
    p: float


def proportion_interval(successes: int, trials: int) -> Interval:
    """Return the exact interval of the probability behind `successes` of `trials` (Clopper and Pearson, 1934)."""
    failures, tail = trials - successes, SIGNIFICANT / 2
    low = betaincinv(successes, failures + 1, tail) if successes else 0
    high = betaincinv(successes + 1, failures, 1 - tail) if failures else 1
    return Interval(float(low), float(high))


def deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation with n - 1 in the denominator; None for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the interval of the mean: mean ± t s / √n (Student, 1908); None for fewer than two values."""
    if (spread := deviation(values)) is None:
        return None
    mean, half = float(np.mean(values)), _t_quantile(len(values) - 1) * spread / math.sqrt(len(values))
    return Interval(mean - half, mean + half)


def difference(first: Sequence[float], second: Sequence[float]) -> Difference | None:
    """Compare two means with unequal variances (Welch, 1947).

    None if a side has fewer than two values, or if neither side has different values: the spread is unknown.
    """
    if not (welch := _welch(first, second)):
        return None
    estimate, error, freedom = welch
    half = _t_quantile(freedom) * error
    return Difference(estimate, estimate - half, estimate + half, p=2 * stdtr(freedom, -abs(estimate) / error))


def equivalence(first: Sequence[float], second: Sequence[float], margin: float) -> float | None:
    """Return the p-value of two means being `margin` or more apart, with unequal variances.

    It is the greater p-value of two one-sided tests, one per end of the margin (Schuirmann, 1987). None if `difference`
    returns None.
    """
    if not (welch := _welch(first, second)):
        return None
    estimate, error, freedom = welch
    return float(stdtr(freedom, (abs(estimate) - margin) / error))


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the difference of the means, its standard error and degrees of freedom; None as in `difference`."""
    if min(len(first), len(second)) < 2 or not (np.ptp(first) or np.ptp(second)):
        return None
    variances = [np.var(side, ddof=1) for side in (first, second)]
    error, freedom = _error_and_freedom(variances, np.array([len(first), len(second)]))
    return float(np.mean(second) - np.mean(first)), error, freedom


def _error_and_freedom(variances: Any, counts: np.ndarray) -> tuple[Any, Any]:
    of_means = np.divide(variances, counts)  # the two sides are the first axis
    return np.sqrt(sum(of_means)), sum(of_means) ** 2 / sum(of_means**2 / (counts - 1))


def superiority(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the probability that a second value exceeds a first one, ties counting half.

    This is the measure A of Vargha and Delaney (2000, eq. 2). None if a side is empty.
    """
    if not len(first) or not len(second):
        return None
    return float(np.mean(1 + np.sign(np.subtract.outer(second, first)))) / 2


def mcnemar(first_correct: np.ndarray, second_correct: np.ndarray) -> float:
    """Return the p-value of two models being right equally often on the same images, bool `[N]` each (McNemar, 1947).

    Exact: among images that only one model gets right, the first model's number is binomial, probability 1/2.
    """
    alone = int(np.sum(first_correct & ~second_correct)), int(np.sum(~first_correct & second_correct))
    return min(1.0, 2 * float(bdtr(min(alone), sum(alone), 0.5)))


def same_learned_fraction(first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return the p-value of two (learned, runs) having one probability of learning (Fisher, 1922, exact).

    It is the fraction of all divisions of the runs that learned over both sides that are no likelier than this.
    """
    (learned, runs), (others, more) = first, second
    ways = [math.comb(runs, k) * math.comb(more, learned + others - k) for k in range(learned + others + 1)]
    return sum(number for number in ways if number <= ways[learned]) / math.comb(runs + more, learned + others)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values of a family of tests, in the given order, corrected for their number (Holm, 1979)."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.arange(len(order), 0, -1) * np.asarray(p_values, dtype=float)[order]
    corrected: list[float] = np.maximum.accumulate(np.minimum(1, scaled))[np.argsort(order)].tolist()
    return corrected


def seeds_to_settle(effect: float, first_deviation: float, second_deviation: float, tests: int) -> int | None:
    """Return how many seeds per side would bring Welch's p-value of the effect to 5 %, corrected for `tests` tests.

    The correction is Bonferroni's, so Holm's needs no more. The standard deviations are assumed to stay. None if
    MOST_SEEDS are not enough.
    """
    counts = np.arange(2, MOST_SEEDS + 1)
    error, freedom = _error_and_freedom([[first_deviation**2], [second_deviation**2]], counts)
    enough = counts[_t_quantile(freedom, tests) * error <= abs(effect)]
    return int(enough[0]) if len(enough) else None


def _t_quantile(freedom: Any, tests: int = 1) -> Any:
    return stdtrit(freedom, 1 - SIGNIFICANT / tests / 2)
