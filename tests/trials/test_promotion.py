"""Who goes on to the next rung, against examples made by hand."""

import pytest

from stages.params import Ties
from stages.trials.promotion import promoted
from tests.trials.made_up import made_trial


def test_the_best_ranks_go_on_and_among_equals_the_one_of_fewer_operations_then_of_the_lower_number() -> None:
    trials = [
        made_trial(0, 1000, 0.5, operations=30),
        made_trial(1, 2000, 0.6, operations=20),  # the front: 0, 1, 3
        made_trial(2, 2000, 0.4, operations=1),
        made_trial(3, 3000, 0.9, operations=20),
    ]
    for keep, numbers in ((0.25, [1]), (0.5, [1, 3]), (0.75, [0, 1, 3]), (1, [0, 1, 2, 3])):
        assert [trial.number for trial in promoted(trials, keep, "operations")] == numbers


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("operations", {0.2: [0], 0.4: [0, 1], 0.6: [0, 1, 2], 0.8: [0, 1, 2, 3], 1: [0, 1, 2, 3, 4]}),
        ("crowding", {0.2: [0], 0.4: [0, 3], 0.6: [0, 2, 3], 0.8: [0, 1, 2, 3], 1: [0, 1, 2, 3, 4]}),
    ],
)
def test_of_the_front_the_cheapest_go_on_or_its_ends_and_then_what_stands_apart(
    ties: Ties, expected: dict[float, list[int]]
) -> None:
    """By operations the most accurate goes on last, though no other one beats it."""
    trials = [
        made_trial(0, 1000, 0.5, operations=10),
        made_trial(1, 2000, 0.55, operations=20),  # near to 0
        made_trial(2, 20_000, 0.8, operations=30),
        made_trial(3, 100_000, 0.9, operations=40),
        made_trial(4, 100_000, 0.85, operations=1),  # of another rank, however far it stands
    ]
    for keep, numbers in expected.items():
        assert [trial.number for trial in promoted(trials, keep, ties)] == numbers


def test_the_share_is_of_all_that_reached_the_rung_rounded_up_and_who_did_not_start_stays() -> None:
    trials = [made_trial(0, 1000, None), made_trial(1, 2000, None), made_trial(2, 3000, 0.5), made_trial(3, 10, 0.2)]
    assert [trial.number for trial in promoted(trials, 0.75, "operations")] == [2, 3]
    assert [trial.number for trial in promoted(trials, 0.26, "operations")] == [2, 3]
    assert [trial.number for trial in promoted(trials[:2], 1, "operations")] == []


def test_a_share_that_is_not_exact_in_binary_keeps_no_one_more() -> None:
    trials = [made_trial(number, 1000, 0.5) for number in range(10)]
    assert 0.7 * 10 > 7 or 0.1 * 3 * 10 > 3  # the naive product is over
    assert len(promoted(trials, 0.7, "operations")) == 7
    assert len(promoted(trials, 0.3, "operations")) == 3
