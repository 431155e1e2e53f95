"""The statistics, against published worked examples."""

import math

import numpy as np
import pytest

from stages.analysis.statistics import (
    difference,
    equivalence,
    holm,
    mcnemar,
    mean_interval,
    proportion_interval,
    same_learned_fraction,
    seeds_to_settle,
    superiority,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),  # 1 - (0.025)^(1/10)
        (10, 10, 0.6915, 1.0),
        (81, 263, 0.2527, 0.3676),  # Newcombe (1998), table I, method 5
        (15, 148, 0.0578, 0.1617),
        (1, 29, 0.0009, 0.1776),
    ],
)
def test_proportion_interval_is_the_published_one(successes: int, trials: int, low: float, high: float) -> None:
    assert proportion_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


def moments(mean: float, deviation: float, count: int) -> list[float]:
    """Return values of just that mean and standard deviation."""
    values = np.random.default_rng(0).standard_normal(count)
    return list(mean + deviation * (values - values.mean()) / values.std(ddof=1))


def test_mean_interval_is_that_of_a_worked_example() -> None:
    # NIST/SEMATECH e-Handbook, 1.3.5.2, by its summary of ZARR13.DAT: mean 9.261460, s 0.022789, n 195
    assert mean_interval(moments(9.261460, 0.022789, 195)) == pytest.approx((9.258242, 9.264679), abs=1e-5)


def test_one_value_gives_no_interval_and_no_difference() -> None:
    assert mean_interval([0.9]) is None
    assert difference([0.9], [0.8, 0.7]) is None
    assert difference([0.9, 0.9], [0.8, 0.8]) is None
    assert superiority([], [0.5]) is None


def test_difference_is_welchs_on_students_sleep_data() -> None:
    # Student (1908): hours of sleep gained by ten patients; R's t.test(extra ~ group) gives these
    drug1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    drug2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    between = difference(drug1, drug2)
    assert between is not None
    assert between.estimate == pytest.approx(1.58)
    assert (between.low, between.high) == pytest.approx((-0.2054832, 3.3654832), abs=1e-6)
    assert between.p == pytest.approx(0.07939, abs=1e-5)


def test_superiority_counts_the_pairs_and_halves_ties() -> None:
    assert superiority([1, 2, 3], [2, 3, 4]) == pytest.approx(7 / 9)  # six of nine, and two ties
    assert superiority([1.0, 2.0], [3.0, 4.0]) == 1.0
    assert superiority([1.0, 2.0], [1.0, 2.0]) == 0.5


def test_mcnemar_is_exact_on_agrestis_approval_ratings() -> None:
    # Agresti (1990), table 10.1: 150 and 86 changed their mind; far from chance. And a small one by hand: 1 of 6
    def counts(first_alone: int, second_alone: int) -> tuple[np.ndarray, np.ndarray]:
        first = np.array([True] * first_alone + [False] * second_alone + [True] * 5)
        second = np.array([False] * first_alone + [True] * second_alone + [True] * 5)
        return first, second

    assert mcnemar(*counts(150, 86)) == pytest.approx(3.7e-5, rel=0.05)
    assert mcnemar(*counts(1, 5)) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(*counts(0, 0)) == 1.0


def test_learned_fractions_are_compared_by_fishers_exact_test() -> None:
    # Fisher (1935), the lady tasting tea: 3 of 4 against 1 of 4
    assert same_learned_fraction((3, 4), (1, 4)) == pytest.approx(0.4857, abs=1e-4)
    assert same_learned_fraction((5, 5), (0, 5)) == pytest.approx(2 / 252)


def test_holm_is_that_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("effect", "deviations", "count"),
    [
        (1.0, (0.01, 0.01), 2),
        (0.0899, (0.01, 0), 2),  # one side alone differs: Student's t of n - 1, 12.7062 x 0.01 / sqrt(2) = 0.08985
        (0.0898, (0.01, 0), 3),
        (0.0249, (0, 0.01), 3),  # 4.3027 x 0.01 / sqrt(3) = 0.02484
        (0.0248, (0, 0.01), 4),
        (1.9612 * math.sqrt(2 / 1000) + 1e-6, (1, 1), 1000),  # t of 1,998 is 1.96115
        (1.9611 * math.sqrt(2 / 1000), (1, 1), None),  # 1,001 would do
    ],
)
def test_seeds_that_settle_are_the_fewest_whose_interval_is_no_wider_than_the_effect(
    effect: float, deviations: tuple[float, float], count: int | None
) -> None:
    assert seeds_to_settle(effect, *deviations, 1) == count
    assert seeds_to_settle(-effect, *deviations[::-1], 1) == count
    assert seeds_to_settle(0.0899, 0.01, 0, 2) == 3, "Bonferroni: 25.45 x 0.01 / sqrt(2) is more"


@pytest.mark.filterwarnings("error")
def test_side_that_is_constant_is_compared_without_a_warning() -> None:
    between = difference([0.1] * 5, [0.90, 0.91, 0.89])
    assert between is not None
    assert between.estimate == pytest.approx(0.8)


def test_equivalence_is_that_of_a_worked_example() -> None:
    # Lakens (2017), on Moery and Calin-Jageman (2016, study 2): bounds of 0.384, t(182) = -2.69, p = 0.004
    first, second = moments(5.22, 0.83, 89), moments(5.25, 0.95, 95)
    p = equivalence(first, second, margin=0.384)
    assert p == pytest.approx(0.0039, abs=1e-4)
    assert equivalence(second, first, margin=0.384) == pytest.approx(p)
    assert equivalence(first, [value + 0.384 - 0.03 for value in second], margin=0.384) == pytest.approx(0.5)


def test_equivalence_needs_two_values_a_side_and_some_spread() -> None:
    assert equivalence([0.9], [0.9, 0.91], 0.01) is None
    assert equivalence([0.9, 0.9], [0.9, 0.9], 0.01) is None
    one_side = equivalence([0.9, 0.9], [0.9, 0.901], 0.01)
    assert one_side is not None
    assert one_side < 0.05
