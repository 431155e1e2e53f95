"""Pareto ranks, crowding distance and hypervolume of points (cost, gain): less cost and more gain are better."""

from collections.abc import Sequence
from math import inf

Point = tuple[float, float]  # (cost, gain)


def dominates(one: Point, other: Point) -> bool:
    """Return whether `one` costs no more and gains no less than `other`, and is better in one of the two."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


def ranks(points: Sequence[Point]) -> list[int]:
    """Return the rank of each point: 0 on the Pareto front, 1 on the front of the rest, ... (Deb et al., 2002)."""
    result, left = [0] * len(points), set(range(len(points)))
    rank = 0
    while left:
        front = {k for k in left if not any(dominates(points[other], points[k]) for other in left)}
        for k in front:
            result[k] = rank
        left -= front
        rank += 1
    return result


def crowding_distances(points: Sequence[Point]) -> list[float]:
    """Return how far each point of one rank is from its neighbours; infinite at the ends (Deb et al., 2002).

    This is the distance between the two neighbours in cost, as a fraction of the range, plus the same in gain.
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
    """Return the area between the front and `reference`, a point worse in both (Zitzler and Thiele, 1999).

    The unit is cost times gain. A point that is not better than the reference adds nothing.
    """
    worst_cost, gained = reference
    area = 0.0
    for cost, gain in sorted(points):
        if cost < worst_cost and gain > gained:
            area += (worst_cost - cost) * (gain - gained)
            gained = gain
    return area
