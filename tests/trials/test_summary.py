"""The numbers that a search ends with, against trials made up so that the obvious wrong formula gives others."""

from math import log

import pytest

from stages.trials.summary import briefly, dominated_area, front, generation_line, numbers, outcome
from tests.trials.made_up import architecture, made_search, made_trial

SEARCH = made_search(budgets={"small": 1000, "large": 10_000})
TRIALS = [
    made_trial(0, 500, 0.5, 0.7),
    made_trial(1, 1000, 0.8),
    made_trial(2, 900, 0.75, 0.6, 0.65),  # was better earlier; behind the front at its last rung
    made_trial(3, 9000, 0.9, 0.95),
    made_trial(4, 20_000, 0.96),
    made_trial(5, 100, None),
    made_trial(6, 0, unfit=1.0),
]


def test_the_front_is_of_those_that_started_by_parameters() -> None:
    assert [trial.number for trial in front(TRIALS)] == [0, 1, 3, 4]


def test_the_area_is_in_the_logarithm_of_parameters_above_chance_within_the_largest_budget() -> None:
    expected = (
        (log(10_000) - log(500)) * (0.7 - 0.1) + (log(10_000) - log(1000)) * 0.1 + (log(10_000) - log(9000)) * 0.15
    )
    assert dominated_area(TRIALS, SEARCH, classes=10) == pytest.approx(expected)


def test_the_numbers_count_epochs_to_the_last_rung_and_the_best_within_each_budget() -> None:
    told = numbers(TRIALS, SEARCH, classes=10)
    assert told["validation_accuracy"] == {"small": 0.8, "large": 0.95}
    assert told["trials"] == 7
    assert told["epochs"] == 2 + 1 + 3 + 2 + 1 + 1
    assert told["reference_point"] == {"parameters": 10_000, "validation_accuracy": 0.1}


def test_a_budget_without_an_architecture_is_left_out() -> None:
    assert numbers(TRIALS[3:4], SEARCH, 10)["validation_accuracy"] == {"large": 0.95}
    assert "No architecture that learned is within a budget." in outcome(TRIALS[5:], SEARCH, exhausted=False)


def test_a_generation_is_told_in_a_line() -> None:
    line = generation_line(TRIALS, SEARCH, left=150.0)
    assert line == "trials 7/16, epochs 10: small 80.00, large 95.00 %; 2 min left"
    assert generation_line(TRIALS[5:], SEARCH, left=0.0) == "trials 2/16, epochs 1: none learned"


def test_the_end_shows_the_front_the_best_and_what_to_do_next() -> None:
    text = outcome(TRIALS, SEARCH, exhausted=True)
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split() for line in lines[2:6]] == [
        ["0", "500", "0.0", "2", "70.00"],
        ["1", "1,000", "0.0", "1", "80.00", "small"],
        ["3", "9,000", "0.0", "2", "95.00", "large"],
        ["4", "20,000", "0.0", "1", "96.00"],
    ]
    assert "The space is exhausted" in text
    assert "\nsmall: (4, 2), 5x5" in text
    assert "\nlarge: (4, 4), 5x5" in text
    assert "make adopt" in lines[-1]


def test_what_is_best_under_two_budgets_is_told_once() -> None:
    text = outcome(TRIALS[:3], SEARCH, exhausted=False)
    assert "\nsmall, large: (4, 2), 5x5" in text
    assert "80.00  small, large" in text


def test_a_long_front_shows_its_most_accurate() -> None:
    many = [made_trial(k, 100 + k, 0.3 + k / 100) for k in range(20)]
    text = outcome(many, SEARCH, exhausted=False)
    assert "and 8 more on the front" in text
    assert [line.split()[0] for line in text.splitlines()[2:14]] == [str(k) for k in range(8, 20)]
    assert "exhausted" not in text


def test_an_architecture_is_told_in_words() -> None:
    told = architecture(
        filters=[2, 3, 4, 5], blocks=2, kernel_size=3, stride=2, head="global_average", dense_units=None, normalization="batch",
        dropout=0.1, ema_momentum=0.998, learning_rate=0.004,
    )  # fmt: skip
    assert briefly(told) == (
        "(2, 3 / 4, 5), 3x3, max pooling at stride 2, average head, relu, batch normalization, dropout 0.1, "
        "average 0.998, learning rate 0.004"
    )
    assert briefly(architecture()) == "(4, 8), 5x5, max pooling at stride 1, 16 hidden units, relu"
    assert briefly(architecture(filters=[4, 8], blocks=3)).startswith("3 x (4, 8), 5x5")
