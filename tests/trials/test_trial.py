"""The best of many trials, their table, and the lines of a search, against trials for which wrong ones differ."""

import re
from math import log
from pathlib import Path

import pandas as pd
import pytest

from stages.common import InputError
from stages.trials.trial import (
    Rung,
    Trial,
    best_under,
    compute_metrics,
    describe,
    describe_round,
    format_trials,
    pareto_front,
    read_trials,
    summarize,
)
from tests.conftest import table
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
OTHER = made_architecture(
    filters=[2, 3, 4, 5], blocks=2, kernel_size=3, pool_stride=2, head="global_average", dense_units=None,
    normalization="batch", dropout=1e-05, ema_momentum=0.9990234375, learning_rate=0.00123456789,
)  # fmt: skip
DIVERGED = made_trial(8, 500, round=1, architecture=OTHER)
DIVERGED.rungs = [Rung(1, None, None, learned=False)]


def test_the_front_and_the_best_under_a_budget_are_of_those_that_learned_by_their_last_rung() -> None:
    assert [trial.number for trial in pareto_front(TRIALS)] == [0, 1, 3, 4]
    best = {parameters: best_under(TRIALS, parameters) for parameters in (20_000, 19_999, 1000, 999, 100)}
    assert [trial and trial.number for trial in best.values()] == [4, 3, 1, 0, None]
    equal = [made_trial(0, 200, 0.9), made_trial(1, 100, 0.9), made_trial(2, 100, 0.9)]
    assert best_under(equal, 1000) is equal[1], "the smaller, then the first"


def test_the_metrics_are_the_best_under_each_budget_the_area_under_the_front_and_all_epochs() -> None:
    metrics = compute_metrics(TRIALS, SEARCH, classes=10)
    assert metrics["validation_accuracy"] == {"large": 0.95, "small": 0.8}
    area = (log(10_000) - log(500)) * (0.7 - 0.1) + (log(10_000) - log(1000)) * 0.1 + (log(10_000) - log(9000)) * 0.15
    assert metrics["hypervolume"] == pytest.approx(area)
    assert metrics["reference_point"] == {"parameters": 10_000, "validation_accuracy": 0.1}
    assert (metrics["trials"], metrics["epochs"]) == (7, 2 + 1 + 3 + 2 + 1 + 1)
    assert compute_metrics(TRIALS[3:4], SEARCH, 10)["validation_accuracy"] == {"large": 0.95}


ROWS = table("""trial, rung, epochs, learned, promoted, validation_accuracy
7, 0, 0, False, False,
0, 1, 1, True, True, 0.5
5, 1, 1, False, False, 0.2
0, 2, 2, True, False, 0.7
8, 1, 1, False, False,
9, 1, 1, True, False, 0.4
""")


def test_a_row_is_a_trial_and_rung_in_the_order_of_training_and_is_read_back(tmp_path: Path) -> None:
    trials = [TRIALS[0], TRIALS[5], TOO_COSTLY, made_trial(9, 400, 0.4, round=1), DIVERGED]
    trials.sort(key=lambda trial: trial.number)
    path = tmp_path / "trials.csv"
    path.write_text(format_trials(trials))
    pd.testing.assert_frame_equal(pd.read_csv(path)[list(ROWS)], ROWS)
    trials[2].unfit = 1.0  # by how much is not in the table
    assert read_trials(path) == trials


@pytest.mark.parametrize("content", [None, "", "trial\n1\n", format_trials(TRIALS).replace("9000", "many")])
def test_a_missing_or_foreign_table_is_refused_in_a_line(tmp_path: Path, content: str | None) -> None:
    place = tmp_path / "trials.csv"
    if content is not None:
        place.write_text(content)
    with pytest.raises(InputError, match=r"trials\.csv: not a table of trials: .*\. Run `make search`\.$"):
        read_trials(place)


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (
            [TRIALS[4], TRIALS[5]],
            "none under a budget: the smallest that learned has 20,000 parameters, the largest is 10,000",
        ),
        ([TRIALS[5], TRIALS[6]], "none learned"),
    ],
)
def test_if_nothing_is_under_a_budget_both_texts_have_the_reason_and_adoption_is_not_advised(
    trials: list[Trial], reason: str
) -> None:
    assert reason in describe_round(trials, SEARCH, seconds_left=0)
    text = " ".join(summarize(trials, SEARCH).split())
    assert reason in text
    assert "`make adopt` writes" not in text


def test_the_lines_of_a_round_and_of_the_end_show_the_best_once_the_front_and_the_next_command() -> None:
    line = describe_round(TRIALS, SEARCH, seconds_left=150.0)
    assert line == "trials 7/16, epochs 10: small 80.00, large 95.00 %; 2 min left"
    lines = summarize(TRIALS[:3] + TRIALS[4:], SEARCH).splitlines()
    assert [re.sub(" +", " ", line) for line in lines[3:6]] == [
        "| 0 | 500 | 0.0 | 2 | 70.00 | |",
        "| 1 | 1,000 | 0.0 | 1 | 80.00 | small, large |",
        "| 4 | 20,000 | 0.0 | 1 | 96.00 | |",
    ]
    assert "exhausted" in lines[6]
    assert lines[8].startswith("small, large: filters 4 2, blocks 1")
    assert lines[-1].startswith("`make adopt` writes")


def test_a_description_has_the_keys_of_params_yaml_except_defaults() -> None:
    assert describe(made_architecture(ema_momentum=None)) == (
        "filters 4 8, blocks 1, pooling max, dense_units 16, activation relu"
    )
    assert describe(OTHER).endswith("normalization batch, dropout 1e-05, learning_rate 0.00123456789, "
                                    "ema_momentum 0.9990234375")  # fmt: skip
