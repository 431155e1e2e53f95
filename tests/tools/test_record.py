"""Records: results kept with the command, the machine and the verdicts."""

import json
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
    assert "| width | w2-4 | 0 of 1 | - | - |" in text
    assert "*More kernels raise accuracy*" in text
    assert "- tensorflow: 2." in text


def test_results_that_are_behind_are_not_recorded(small: Path) -> None:
    edit_params(small, "learning_rate: 0.001", "learning_rate: 0.002")
    output = run(*RECORD, "sample", "dvc exp run", cwd=small, status=1)
    assert "dvc.lock: is behind params.yaml, the data or the code at train@" in output
    assert "aggregate; `dvc repro` first" in output
    assert len(output.splitlines()) == 1
    assert not (small / "records/sample").exists()


def test_name_that_leads_elsewhere_is_refused(fresh: Path) -> None:
    assert "holds '../x y', may hold --search, a record's name" in run(*RECORD, "../x", "y", cwd=fresh, status=1)


def test_table_gives_what_there_is() -> None:
    several = {
        "seeds": 5, "learned": 4, "test_accuracy": 0.74, "test_accuracy_learned": 0.9,
        "test_accuracy_learned_low": 0.89, "test_accuracy_learned_high": 0.91,
    }  # fmt: skip
    rows = results_table({"width": {"a": several}, "depth": {"1": {"seeds": 1, "learned": 0}}}).splitlines()[2:]
    assert rows == [
        "| width | a | 4 of 5 | 90.00 | 89.00 to 91.00 | 74.00 |",
        "| depth | 1 | 0 of 1 | - | - | - |",
    ]


def test_table_of_a_study_is_of_its_means_over_the_started_and_over_all(made_up: Path) -> None:
    rows = results_table(json.loads((made_up / "metrics/study.json").read_text())).splitlines()[2:]
    assert rows == [
        "| width | w10-20 | 1 of 4 | 78.00 | - | 43.50 |",
        "| width | w2-4 | 2 of 4 | 82.00 | 56.59 to 107.41 | 65.33 |",
        "| depth | 2 | 4 of 4 | 68.00 | 63.89 to 72.11 | 68.00 |",
        "| depth | 1 | 4 of 4 | 80.50 | 78.45 to 82.55 | 80.50 |",
    ]
