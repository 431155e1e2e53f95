"""Ranks and the area under the front, against examples counted by hand."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.trials.front import crowding, dominates, hypervolume, ranks

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12)


def test_a_point_is_of_the_rank_after_those_that_dominate_it() -> None:
    #         front    behind (1, 5)  front   behind two  front
    points = [(1, 5), (2, 5), (2, 7), (3, 5), (9, 9)]
    assert ranks(points) == [0, 1, 0, 2, 0]
    assert ranks([(2, 5), (2, 7)]) == [1, 0], "at the same cost"


def test_equal_points_are_of_one_rank() -> None:
    assert ranks([(1, 5), (1, 5), (2, 5)]) == [0, 0, 1]
    assert ranks([]) == []


@given(POINTS)
def test_no_rank_holds_a_point_that_another_of_it_dominates_and_each_has_one_above_it(
    points: list[tuple[int, int]],
) -> None:
    found = ranks(points)
    for point, rank in zip(points, found, strict=True):
        others = [other for other, its in zip(points, found, strict=True) if its == rank]
        assert not any(dominates(other, point) for other in others)
        above = [other for other, its in zip(points, found, strict=True) if its == rank - 1]
        assert rank == 0 or any(dominates(other, point) for other in above)


def test_crowding_is_the_way_between_both_neighbours_in_shares_of_the_range_of_each_axis() -> None:
    #  in costs from 0 to 10, and in gains from 0 to 4; in another order than that of the costs
    assert crowding([(4, 1), (0, 0), (10, 4), (9, 2)]) == [
        pytest.approx(0.9 + 0.5),
        inf,
        inf,
        pytest.approx(0.6 + 0.75),
    ]
    assert crowding([(1, 1)]) == [inf]
    assert crowding([(2, 3), (2, 3), (2, 3)]).count(0.0) == 1, "between two that are the same"


def test_the_area_is_that_of_the_union_of_rectangles() -> None:
    assert hypervolume([(1, 0.5)], (4, 0.1)) == pytest.approx(3 * 0.4)
    #  from 1 to 4 up to 0.5, and from 2 to 4 up to 0.7; the sum of both rectangles would be 2.4
    assert hypervolume([(2, 0.7), (1, 0.5)], (4, 0.1)) == pytest.approx(3 * 0.4 + 2 * 0.2)


def test_what_is_dominated_or_not_better_than_the_reference_adds_nothing() -> None:
    alone = hypervolume([(1, 0.5)], (4, 0.1))
    assert hypervolume([(1, 0.5), (2, 0.4), (1, 0.5), (5, 0.9), (0.5, 0.1)], (4, 0.1)) == alone
    assert hypervolume([(4, 0.9), (1, 0.05)], (4, 0.1)) == 0
