"""Accuracy against cost: which trials no other one beats, in ranks, and how much they dominate together."""

from collections.abc import Sequence
from math import inf

Point = tuple[float, float]  # a cost, of which less is better, and a gain, of which more is


def dominates(one: Point, other: Point) -> bool:
    """Whether it costs no more and gains no less, and is better in one of the two."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def ranks(points: Sequence[Point]) -> list[int]:
    """The non-dominated rank of each: 0 on the front, 1 on that of the others, and so on (Deb et al., 2002)."""
    rank, left, found = 0, set(range(len(points))), [0] * len(points)
    while left:
        front = {k for k in left if not any(dominates(points[other], points[k]) for other in left)}
        for k in front:
            found[k] = rank
        left -= front
        rank += 1
    return found


def crowding(points: Sequence[Point]) -> list[float]:
    """How far each of the points of one rank is from its neighbours there; infinite at the ends (Deb et al., 2002).

    The way from the one neighbour to the other in cost, as a share of the whole range, and that in gain, added up.
    """
    distances = [0.0] * len(points)
    for axis in (0, 1):
        order = sorted(range(len(points)), key=lambda k: points[k][axis])
        spread = points[order[-1]][axis] - points[order[0]][axis]
        for before, k, after in zip(order, order[1:], order[2:], strict=False):
            distances[k] += (points[after][axis] - points[before][axis]) / spread if spread else 0.0
        distances[order[0]] = distances[order[-1]] = inf
    return distances


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """The area between the front and a reference point that is worse in both (Zitzler and Thiele, 1999).

    In the units of cost times those of gain; a point that is not better than the reference adds nothing.
    """
    worst_cost, gained = reference
    area = 0.0
    for cost, gain in sorted(points):
        if cost < worst_cost and gain > gained:
            area += (worst_cost - cost) * (gain - gained)
            gained = gain
    return area
