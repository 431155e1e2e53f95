"""Pareto ranks, crowding distance and hypervolume, against examples counted by hand."""

from math import inf

import pytest

from stages.pareto import crowding_distances, hypervolume, ranks


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 5), (2, 5), (2, 7), (3, 5), (9, 9)], [0, 1, 0, 2, 0]),
        ([(2, 5), (2, 7)], [1, 0]),
        ([(1, 5), (1, 5), (2, 5)], [0, 0, 1]),
        ([], []),
    ],
)
def test_rank_follows_that_of_dominating_points(points: list[tuple[float, float]], expected: list[int]) -> None:
    assert ranks(points) == expected


def test_crowding_distance_adds_the_fractions_of_both_ranges_between_the_neighbours() -> None:
    # costs from 0 to 10 and gains from 0 to 4, in another order than that of the costs
    expected = [pytest.approx(0.9 + 0.5), inf, inf, pytest.approx(0.6 + 0.75)]
    assert crowding_distances([(4, 1), (0, 0), (10, 4), (9, 2)]) == expected
    assert crowding_distances([(1, 1)]) == [inf]
    assert crowding_distances([(2, 3), (2, 3), (2, 3)]).count(0.0) == 1, "between two equal points"


def test_hypervolume_is_the_area_of_the_union_of_rectangles() -> None:
    alone = hypervolume([(1, 0.5)], (4, 0.1))
    assert alone == pytest.approx(3 * 0.4)
    # from 1 to 4 up to 0.5, and from 2 to 4 up to 0.7; the sum of both rectangles would be 2.4
    assert hypervolume([(2, 0.7), (1, 0.5)], (4, 0.1)) == pytest.approx(3 * 0.4 + 2 * 0.2)
    # dominated, repeated, beyond the reference in cost, in gain
    assert hypervolume([(1, 0.5), (2, 0.4), (1, 0.5), (5, 0.9), (0.5, 0.1)], (4, 0.1)) == alone
    assert hypervolume([(4, 0.9), (1, 0.05)], (4, 0.1)) == 0
