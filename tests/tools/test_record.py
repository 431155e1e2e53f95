"""Records: results kept with the command, the machine and the verdicts."""

import sys
from pathlib import Path

from tests.conftest import ROOT, edit_params, run
from tools.record import results_table

RECORD = [sys.executable, "-m", "tools.record"]


def test_record_holds_what_made_it_and_what_came_out(small: Path) -> None:
    place = small / "records/sample"
    place.mkdir()
    (place / "of-before.csv").touch()
    run(*RECORD, "sample", "dvc exp run", cwd=small)
    assert sorted(path.name for path in place.iterdir()) == ["README.md", "layers", "metrics", "params.yaml", "plots"]
    assert sorted(path.stem for path in (place / "plots").glob("*.csv")) == [
        "depth_accuracy", "depth_curves", "width_accuracy", "width_curves",
    ]  # fmt: skip
    assert {path.name for path in small.joinpath("records").iterdir()} == {
        "sample", *(path.name for path in ROOT.joinpath("records").iterdir()),
    }  # fmt: skip
    written = ("metrics/study.json", "metrics/verdicts.json", "plots/width_accuracy.csv", "plots/report.html")
    for name in ("params.yaml", *written):
        assert (place / name).read_bytes() == (small / name).read_bytes()
    assert "plots/report.html" in run("git", "status", "--porcelain", "--untracked-files=all", "records", cwd=small)
    assert (place / "plots/width_accuracy.png").exists()
    assert {path.name for path in (place / "layers").iterdir()} == {"w2-4.csv", "depth-1.csv"}
    assert (place / "layers/w2-4.csv").read_bytes() == (small / "data/models/w2-4/layers.csv").read_bytes()
    text = (place / "README.md").read_text()
    assert "Made by `dvc exp run`" in text
    assert "w2-4" in text
    assert "- tensorflow: 2." in text


def test_results_that_are_behind_are_not_recorded(small: Path) -> None:
    edit_params(small, "learning_rate: 0.001", "learning_rate: 0.002")
    output = run(*RECORD, "sample", "dvc exp run", cwd=small, status=1)
    assert output.startswith("record: dvc.lock: out of date for train@")
    assert "Traceback" not in output
    assert not (small / "records/sample").exists()


def test_table_gives_what_there_is() -> None:
    several = {
        "seeds": 5, "learned": 4, "test_accuracy": 0.74, "test_accuracy_learned": 0.9,
        "test_accuracy_learned_low": 0.89, "test_accuracy_learned_high": 0.91,
    }  # fmt: skip
    rows = results_table({"width": {"a": several}, "depth": {"1": {"seeds": 1, "learned": 0}}}).splitlines()[2:]
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == [
        ["width", "a", "4 of 5", "90.00", "89.00 to 91.00", "74.00"],
        ["depth", "1", "0 of 1", "-", "-", "-"],
    ]
