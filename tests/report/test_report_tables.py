"""The rows of the page's tables, on made-up runs: which number stands where, and what it is of."""

import math

import pandas as pd
import pytest

from stages.report.rows import NONE, Cell, architecture_columns, contrasted_runs, cost_table, mean_row, start_row
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


def shown(one_seed: bool, references: pd.DataFrame = REFERENCES) -> dict[str, list[str]]:
    """By heading the texts of a column; of two headings alike the second has a number."""
    custom: dict[str, list[str]] = {}
    for column in architecture_columns(MEMBERS, references, one_seed):
        name = column.title if column.title not in found else f"{column.title} 2"
        found[name] = [cell.text for cell in column.cells]
    return found


def test_several_seeds_are_told_with_their_starts_and_their_spread() -> None:
    assert shown(one_seed=False) == {
        "family": ["width"] * 3,
        "parameters": ["20", "1,500", "10"],
        "operations an image": ["3.0 M", "1.2 M", "9.0 M"],
        "learned": ["5 of 5", "2 of 4", "0 of 2"],
        "95 % interval": ["48 to 100", "7 to 93", "0 to 84"],
        "test accuracy, learned": ["90.00", "82.00", "-"],
        "deviation": ["0.16", "2.83", "-"],
        "95 % interval 2": ["89.80 to 90.20", "56.59 to 107.41", "-"],
        "over all runs": ["90.00", "58.00", "10.00"],
        "validation": ["88.00", "51.00", "10.00"],
        "notebook": ["91.00", "-", "10.00"],
    }


def test_one_seed_is_told_by_its_accuracy_first_and_without_a_spread() -> None:
    columns = shown(one_seed=True)
    assert list(columns) == [
        "test accuracy", "notebook", "validation", "learned", "parameters", "operations an image", "family",
    ]  # fmt: skip
    assert columns["test accuracy"] == ["90.00", "58.00", "10.00"]
    assert "notebook" not in shown(one_seed=True, references=REFERENCES.assign(reference=math.nan))


def test_columns_sort_by_the_numbers_and_what_has_none_has_nothing_to_sort_by() -> None:
    columns = {column.title: column.cells for column in architecture_columns(MEMBERS, REFERENCES, one_seed=False)}
    assert [cell.value for cell in columns["learned"]] == [1.0, 0.5, 0.0]
    assert [cell.value for cell in columns["parameters"]] == [20, 1500, 10]
    assert columns["test accuracy, learned"][2] == NONE == Cell("", "-")
    assert columns["95 % interval"][2] == NONE  # the last of that heading: of the mean
    assert columns["95 % interval"][1].value == pytest.approx(0.56588, abs=1e-5)


def test_mean_and_interval_are_of_the_runs_that_started_and_the_rate_is_of_all() -> None:
    assert mean_row(SHAKY) == {
        "architecture": "shaky",
        "mean": pytest.approx(0.82),
        "low": pytest.approx(0.56588, abs=1e-5),
        "high": pytest.approx(1.07412, abs=1e-5),
    }
    assert mean_row(NEVER) == pytest.approx(
        {"architecture": "never", "mean": math.nan, "low": math.nan, "high": math.nan}, nan_ok=True
    )
    assert start_row(SHAKY) == {
        "architecture": "shaky",
        "learned": 2,
        "runs": 4,
        "rate": 0.5,
        "low": pytest.approx(0.0676, abs=1e-4),
        "high": pytest.approx(0.9324, abs=1e-4),
    }


def test_fronts_are_of_validation_accuracy_over_all_runs_each_by_its_own_cost() -> None:
    table = cost_table([*MEMBERS, runs("unwatched", [0.99], validation=[])])
    assert list(table["architecture"]) == ["sure", "shaky", "never"]
    assert list(table["validation_accuracy"]) == pytest.approx([0.88, 0.51, 0.10])
    assert list(table["parameters_front"]) == [True, False, True]  # 20, 1500 and 10 parameters
    assert list(table["training_flops_front"]) == [True, True, False]


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


def test_layers_shown_are_of_the_best_run_that_started_and_of_the_first_that_failed_and_did_not_diverge() -> None:
    assert contrasted_runs(RUNS) == {"learned": ("(5, 10)", 1, "b"), "failed": ("(2, 4)", 1, "a")}
    assert contrasted_runs(RUNS[RUNS["learned"]]) == {"learned": ("(5, 10)", 1, "b")}
    assert contrasted_runs(RUNS[:1]) == {"failed": ("(2, 4)", 0, "a")}
