"""The page's tables, on made-up runs: which number stands where."""

import math

import pandas as pd
import pytest

from stages.report.report_tables import architecture_table, contrasted_runs, cost_table, means_table
from tests.analysis.made_up import around, runs

SURE = runs("sure", around(0.90), validation=around(0.88), cost=3_000_000, parameters=20)
SHAKY = runs(
    "shaky", [0.80, 0.84], failed=1, diverged=1, validation=[0.70, 0.72, 0.11], cost=1_250_000, parameters=1500
)
NEVER = runs("never", [], failed=2, cost=9_000_000, parameters=10)
MEMBERS = [SURE, SHAKY, NEVER]
REFERENCES = pd.DataFrame(
    {
        "name": [member.name for member in MEMBERS for _ in range(2)],
        "reference": [0.91, 0.91, math.nan, math.nan, 0.1, 0.1],
    }
)


def test_several_seeds_have_their_learned_fraction_and_their_spread() -> None:
    table = architecture_table(MEMBERS, REFERENCES, one_seed=False)
    assert list(table.index) == ["sure", "shaky", "never"]
    assert table.to_dict("list") == {
        "family": ["width"] * 3,
        "parameters": ["20", "1,500", "10"],
        "FLOPs per image": ["3.0 M", "1.2 M", "9.0 M"],
        "learned": ["5 of 5", "2 of 4", "0 of 2"],
        "learned, 95 %": ["48 to 100", "7 to 93", "0 to 84"],
        "test accuracy, learned": ["90.00", "82.00", "-"],
        "standard deviation": ["0.16", "2.83", "-"],
        "test accuracy, 95 %": ["89.80 to 90.20", "56.59 to 107.41", "-"],
        "over all runs": ["90.00", "58.00", "10.00"],
        "validation": ["88.00", "51.00", "10.00"],
        "notebook": ["91.00", "-", "10.00"],
    }


def test_one_seed_has_its_accuracy_first_and_no_spread() -> None:
    table = architecture_table(MEMBERS, REFERENCES, one_seed=True)
    assert list(table) == [
        "test accuracy", "notebook", "validation", "learned", "parameters", "FLOPs per image", "family",
    ]  # fmt: skip
    assert list(table["test accuracy"]) == ["90.00", "58.00", "10.00"]
    for one_seed in (True, False):
        assert "notebook" not in architecture_table(MEMBERS, REFERENCES.assign(reference=math.nan), one_seed)


def test_mean_and_interval_are_of_the_runs_that_learned() -> None:
    shaky, never = means_table([SHAKY, NEVER]).to_dict("records")
    assert shaky == {
        "architecture": "shaky",
        "mean": pytest.approx(0.82),
        "low": pytest.approx(0.56588, abs=1e-5),
        "high": pytest.approx(1.07412, abs=1e-5),
    }
    nothing = {"architecture": "never", "mean": math.nan, "low": math.nan, "high": math.nan}
    assert never == pytest.approx(nothing, nan_ok=True)


def test_fronts_are_of_validation_accuracy_over_all_runs_each_by_its_own_cost() -> None:
    table = cost_table([*MEMBERS, runs("unheld", [0.99], validation=[])])
    assert list(table["architecture"]) == ["sure", "shaky", "never"]
    assert list(table["validation_accuracy"]) == pytest.approx([0.88, 0.51, 0.10])
    assert list(table["parameters_front"]) == [True, False, True]  # 20, 1500 and 10 parameters
    assert list(table["training_flops_front"]) == [True, True, False]
    assert cost_table([]).empty


RUNS = pd.DataFrame(
    [
        ("a", "(2, 4)", 0, math.nan, False),
        ("a", "(2, 4)", 1, 0.10, False),
        ("a", "(2, 4)", 2, 0.80, True),
        ("b", "(5, 10)", 0, 0.09, False),
        ("b", "(5, 10)", 1, 0.90, True),
    ],
    columns=["name", "architecture", "seed", "test_accuracy", "learned"],
)


def test_layers_shown_are_of_the_best_run_that_learned_and_of_the_first_that_failed_and_did_not_diverge() -> None:
    assert contrasted_runs(RUNS) == {"learned": ("(5, 10)", 1, "b"), "failed": ("(2, 4)", 1, "a")}
    assert contrasted_runs(RUNS[RUNS["learned"]]) == {"learned": ("(5, 10)", 1, "b")}
    assert contrasted_runs(RUNS[:1]) == {"failed": ("(2, 4)", 0, "a")}
