"""The numbers and lines that a search ends with, against trials for which a wrong formula gives other ones."""

from math import log

import pytest

from stages.trials.search_summary import describe, round_line, search_metrics, summarize
from stages.trials.trial import Trial, best_under, pareto_front
from tests.trials.made_up import made_architecture, made_search, made_trial

SEARCH = made_search(budgets={"large": 10_000, "small": 1000})
TRIALS = [
    made_trial(0, 500, 0.5, 0.7),
    made_trial(1, 1000, 0.8),
    made_trial(2, 900, 0.85, 0.6, 0.65),  # was better earlier; behind the front at its last rung
    made_trial(3, 9000, 0.9, 0.95),
    made_trial(4, 20_000, 0.96),
    made_trial(5, 100, None),
    made_trial(6, 0, training_flops=0, unfit=1.0),
]
TOO_COSTLY = made_trial(7, 300, training_flops=90_000_000, unfit=0.8)


def test_the_front_and_the_best_under_a_budget_are_of_those_that_learned_by_their_last_rung() -> None:
    assert [trial.number for trial in pareto_front(TRIALS)] == [0, 1, 3, 4]
    best = {parameters: best_under(TRIALS, parameters) for parameters in (20_000, 19_999, 1000, 999, 100)}
    assert [trial and trial.number for trial in best.values()] == [4, 3, 1, 0, None]
    equal = [made_trial(0, 200, 0.9), made_trial(1, 100, 0.9), made_trial(2, 100, 0.9)]
    assert best_under(equal, 1000) is equal[1], "the smaller, then the first"


def test_the_metrics_are_the_best_under_each_budget_the_area_under_the_front_and_all_epochs() -> None:
    metrics = search_metrics(TRIALS, SEARCH, classes=10)
    assert list(metrics["validation_accuracy"].items()) == [("large", 0.95), ("small", 0.8)]
    area = (log(10_000) - log(500)) * (0.7 - 0.1) + (log(10_000) - log(1000)) * 0.1 + (log(10_000) - log(9000)) * 0.15
    assert metrics["hypervolume"] == pytest.approx(area)
    assert metrics["reference_point"] == {"parameters": 10_000, "validation_accuracy": 0.1}
    assert (metrics["trials"], metrics["epochs"]) == (7, 2 + 1 + 3 + 2 + 1 + 1)
    assert search_metrics(TRIALS[3:4], SEARCH, 10)["validation_accuracy"] == {"large": 0.95}


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        ([TRIALS[4], TRIALS[5]], "none under a budget: the smallest that learned has 20,000 parameters"),
        ([TRIALS[5], TRIALS[6]], "none learned"),
        ([TRIALS[6], TOO_COSTLY], "none trained: the least needs 90,000,000 training FLOPs per image"),
        ([TRIALS[6]], "none trained: none fits the image"),
    ],
)
def test_if_nothing_is_under_a_budget_both_texts_have_the_reason_and_adoption_is_not_advised(
    trials: list[Trial], reason: str
) -> None:
    assert reason in round_line(trials, SEARCH, seconds_left=0)
    text = " ".join(summarize(trials, SEARCH).split())
    assert reason in text.replace("None", "none")
    assert "`make adopt` writes" not in text


def test_a_round_is_one_line() -> None:
    line = round_line(TRIALS, SEARCH, seconds_left=150.0)
    assert line == "trials 7/16, epochs 10: large 95.00, small 80.00 %; 2 min left"


def test_the_summary_shows_the_front_the_best_once_and_the_next_command() -> None:
    lines = summarize(TRIALS[:3] + TRIALS[4:], SEARCH).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line.split() for line in lines[2:5]] == [
        ["0", "500", "0.0", "2", "70.00"],
        ["1", "1,000", "0.0", "1", "80.00", "small,", "large"],
        ["4", "20,000", "0.0", "1", "96.00"],
    ]
    assert "exhausted" in lines[5]
    assert lines[7].startswith("small, large: (4, 2), 5x5")
    assert lines[-1].startswith("`make adopt` writes")


def test_a_long_front_shows_its_most_accurate() -> None:
    many = [made_trial(k, 100 + k, 0.3 + k / 100) for k in range(20)]
    text = summarize(many, SEARCH)
    assert "and 8 more on the front" in text
    assert [line.split()[0] for line in text.splitlines()[2:14]] == [str(k) for k in range(8, 20)]
    assert "exhausted" not in text


def test_a_description_leaves_out_what_is_as_in_the_notebook() -> None:
    other = made_architecture(
        filters=[2, 3, 4, 5], blocks=2, kernel_size=3, pool_stride=2, head="global_average", dense_units=None,
        normalization="batch", dropout=0.1, ema_momentum=0.998, learning_rate=0.004,
    )  # fmt: skip
    assert describe(other) == (
        "(2, 3 / 4, 5), 3x3, max pooling at stride 2, global average head, relu, batch normalization, dropout 0.1, "
        "EMA momentum 0.998, learning rate 0.004"
    )
    assert describe(made_architecture()) == "(4, 8), 5x5, max pooling at stride 1, 16 hidden units, relu"
    assert describe(made_architecture(blocks=3)).startswith("3 x (4, 8), 5x5")
