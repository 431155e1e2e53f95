"""The columns of the page's table, of architectures that the notebook had and of one that it did not have."""

import pandas as pd
import pytest

from stages.report.rows import Cell, architecture_columns
from tests.analysis.made_up import runs

COMPARED = [runs("a", [0.88, 0.90], failed=1, cost=1_500_000), runs("b", [], diverged=1)]


def columns(one_seed: bool, notebook: float | None = 0.888) -> dict[str, list[Cell]]:
    accuracy = pd.DataFrame(
        {"name": ["width-a", "width-a", "width-b"], "reference": [notebook, notebook, None]}, dtype="object"
    )
    accuracy["reference"] = accuracy["reference"].astype(float)
    return dict(architecture_columns(COMPARED, accuracy, one_seed)[::-1])


def test_notebook_has_a_column_where_it_had_one_of_the_architectures() -> None:
    for one_seed in (True, False):
        assert columns(one_seed)["notebook"] == [Cell(0.888, "88.80"), Cell("", "-")]
        assert "notebook" not in columns(one_seed, notebook=None)


def test_table_of_one_seed_begins_with_accuracy_and_the_notebook_and_has_no_spread() -> None:
    titles = list(columns(one_seed=True))[::-1]
    assert titles == [
        "test accuracy",
        "notebook",
        "validation",
        "learned",
        "parameters",
        "operations an image",
        "family",
    ]


def test_runs_that_failed_are_in_the_mean_over_all_alone() -> None:
    told = columns(one_seed=False)
    assert told["over all runs"] == [Cell(pytest.approx(0.6267, abs=1e-4), "62.67"), Cell("", "-")]  # type: ignore[arg-type]
    assert told["test accuracy, learned"] == [Cell(pytest.approx(0.89), "89.00"), Cell("", "-")]  # type: ignore[arg-type]
    assert told["operations an image"][0].text == "1.5 M"
