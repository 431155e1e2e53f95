"""Who goes on to the next rung, against examples made by hand."""

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
        assert [trial.number for trial in promoted(trials, keep)] == numbers


def test_the_share_is_of_all_that_reached_the_rung_rounded_up_and_who_did_not_start_stays() -> None:
    trials = [made_trial(0, 1000, None), made_trial(1, 2000, None), made_trial(2, 3000, 0.5), made_trial(3, 10, 0.2)]
    assert [trial.number for trial in promoted(trials, 0.75)] == [2, 3]
    assert [trial.number for trial in promoted(trials, 0.26)] == [2, 3]
    assert [trial.number for trial in promoted(trials[:2], 1)] == []


def test_a_share_that_is_not_exact_in_binary_keeps_no_one_more() -> None:
    trials = [made_trial(number, 1000, 0.5) for number in range(10)]
    assert 0.7 * 10 > 7 or 0.1 * 3 * 10 > 3  # the naive product is over
    assert len(promoted(trials, 0.7)) == 7
    assert len(promoted(trials, 0.3)) == 3
