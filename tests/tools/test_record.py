"""Records: results with the command, the machine and the verdicts."""

import sys
from pathlib import Path

from tests.conftest import edit_params, run

RECORD = [sys.executable, "-m", "tools.record", "sample", "dvc exp run"]


def test_record_has_results_command_and_machine(small: Path) -> None:
    place = small / "records/sample"
    place.mkdir()
    (place / "of-before.csv").touch()
    records = {path.name for path in place.parent.iterdir()}
    run(*RECORD, cwd=small)
    assert {path.name for path in place.parent.iterdir()} == records
    assert {path.name for path in place.iterdir()} == {"README.md", "layers", "metrics", "params.yaml", "plots"}
    for name in ("params.yaml", "metrics/study.json", "plots/width_accuracy.csv", "plots/report.html"):
        assert (place / name).read_bytes() == (small / name).read_bytes()
    assert "plots/report.html" in run("git", "status", "--porcelain", "--untracked-files=all", "records", cwd=small)
    assert {path.name for path in (place / "layers").iterdir()} == {"w2-4.csv", "depth-1.csv"}
    text = (place / "README.md").read_text()
    assert "Made by `dvc exp run`" in text
    assert "| w2-4 " in text
    assert "- tensorflow: 2." in text


def test_out_of_date_results_are_not_recorded(small: Path) -> None:
    edit_params(small, "learning_rate: 0.001", "learning_rate: 0.002")
    output = run(*RECORD, cwd=small, status=1)
    assert output.startswith("record: out of date: ")
    assert output.count("\n") == 1
    assert not (small / "records/sample").exists()
