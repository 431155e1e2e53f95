"""The numbers of docs/speed.md are those of records/."""

import re

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.recorded import in_one_line

PAGE = (ROOT / "docs/speed.md").read_text(encoding="utf-8")
TEXT = in_one_line("docs/speed.md")


@pytest.mark.parametrize("record", ["benchmark", "benchmark/pieces", "benchmark/kinds"])
def test_table_of_speed_is_that_of_the_record(record: str) -> None:
    table, _, _ = (ROOT / "records" / record / "benchmark.md").read_text().partition("\n\n")
    assert table in PAGE


def test_first_epoch_of_what_pytorch_compiles_is_that_of_the_record() -> None:
    epochs = pd.read_csv(ROOT / "records/benchmark/kinds/benchmark.csv")
    first = epochs[(epochs["way"] == "torch_compiled") & (epochs["round"] == 0)]["seconds"]
    assert len(first) == 4
    assert f"its first epoch took {first.min():.0f} to {first.max():.0f} s." in TEXT


def test_minutes_of_the_nine_trainings_follow_from_the_table_of_speed() -> None:
    table = (ROOT / "records/benchmark/benchmark.md").read_text()
    seconds = [float(row.split("|")[2]) for row in table.splitlines() if re.match(r"\| (w\d|depth-\d)", row)]
    assert len(seconds) == 9
    assert f"The nine trainings of 20 epochs are {20 * sum(seconds) / 60:.0f} minutes at these rates." in TEXT


def test_fast_and_stock_layers_start_as_often_and_differ_by_what_is_said() -> None:
    runs = pd.read_csv(ROOT / "records/same-learning/runs.csv")
    groups = runs.groupby(["architecture", "layers"])
    assert set(groups.size()) == {5}
    learned = groups["epochs_to_learn"].count().unstack()
    assert list(learned.index) == ["depth-2", "w15-30", "w5-10"]
    assert list(learned["fast"]) == list(learned["stock"]) == [5, 0, 5]
    accuracy = groups["val_accuracy"].mean().unstack()
    widest = 100 * float((accuracy["fast"] - accuracy["stock"]).abs().max())
    assert f"and accuracies whose means differ by {widest:.2f} points at most ([record](../records/same" in TEXT


def test_fixed_costs_are_those_of_the_record() -> None:
    rows = re.findall(r"^\| (?:w|depth-)\d.*$", (ROOT / "records/fixed-costs/fixed_costs.md").read_text(), re.MULTILINE)
    assert len(rows) == 9
    costs = [[float(cell) for cell in row.split("|")[2:-1]] for row in rows]
    together, imports = [row[-1] for row in costs], sorted(row[3] for row in costs)
    assert f"a stage takes {min(together):.1f} to {max(together):.1f} s" in TEXT
    assert f"{imports[4]:.1f} of them to import TensorFlow ([record](../records/fixed-costs" in TEXT


def test_what_the_next_questions_cost_is_that_of_the_record() -> None:
    table = (ROOT / "records/asking/README.md").read_text()
    rows = [row.split("|")[2:6] for row in table.splitlines() if row.startswith("| `dvc ")]
    assert len(rows) == 5
    before, seconds, here, now = (sum(map(float, column)) for column in zip(*rows, strict=True))
    told = in_one_line("docs/experiments.md")
    assert f"trained {before:.0f} epochs in {seconds:.0f} s at the last revision without this" in told
    assert f"and train {here:.0f} in {now:.0f} s here" in told
