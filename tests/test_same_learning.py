"""Fast layers and stock ones set beside each other: resumable, and with a table that says what was measured."""

import sys
from pathlib import Path

import pandas as pd

from tests.conftest import run
from tools.same_learning import COLUMNS, side_by_side

TOOL = [sys.executable, "-m", "tools.same_learning"]


def test_runs_on_record_are_not_repeated_and_the_missing_one_is_made(full: Path) -> None:
    rows = [
        (name, epochs, seed, layers, 1, 0.5, 0.8)
        for name, epochs in [("w5-10", 5), ("depth-2", 5), ("w15-30", 20)]
        for seed in range(5)
        for layers in ("fast", "stock")
    ]
    record = full / "records" / "same-learning"
    record.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows[1:], columns=COLUMNS).to_csv(record / "runs.csv", index=False)
    output = run(*TOOL, cwd=full)
    assert [line for line in output.splitlines() if line.startswith("w5-10 0 fast")]
    runs = pd.read_csv(record / "runs.csv")
    assert len(runs) == len(rows)
    assert set(runs.loc[:28, "val_accuracy"]) == {0.8}
    table = (record / "same_learning.md").read_text()
    assert len(table.splitlines()) == 2 + 6
    assert "| w15-30 | 20 | stock | 5 of 5 | 80.00 80.00 80.00 80.00 80.00 | 80.00 | 0.00 |" in table


def test_failed_starts_are_counted_and_not_averaged() -> None:
    rows = [
        ("w15-30", 20, 0, "fast", None, 2.303, 0.10),
        ("w15-30", 20, 1, "fast", 3, 0.5, 0.80),
        ("w15-30", 20, 2, "fast", 1, 0.4, 0.82),
        ("w15-30", 20, 0, "stock", None, 2.303, 0.10),
    ]
    assert side_by_side(pd.DataFrame(rows, columns=COLUMNS)).splitlines()[2:] == [
        "| w15-30 | 20 | fast | 2 of 3 | 80.00 82.00 | 81.00 | 1.41 |",
        "| w15-30 | 20 | stock | 0 of 1 | - | - | - |",
    ]
