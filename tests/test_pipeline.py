"""The pipeline as a whole: its stages, one run on the sample, and the lock file of the published run."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from stages.training.results import HISTORY_COLUMNS
from tests.conftest import ENVIRONMENT, commit, contents, documented, ran_stages, run

TRAININGS = {
    "train@width": "width",
    "train@depth": "depth",
    "train_width@w2-4": "w2-4",
    "train_width@w5-10": "w5-10",
    "train_width@w8-16": "w8-16",
    "train_width@w10-20": "w10-20",
    "train_width@w15-30": "w15-30",
    "train_depth@1": "depth-1",
    "train_depth@2": "depth-2",
    "train_depth@3": "depth-3",
    "train_depth@4": "depth-4",
}


def gate(project: Path) -> str:
    """What the check for a stale lock file says; it may fail, on the first stage that lacks its data."""
    done = subprocess.run(
        documented("dvc repro --dry --allow-missing"), cwd=project, env=ENVIRONMENT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


UP_TO_DATE = "Data and pipelines are up to date."


def test_stages_are_fetch_prepare_eleven_trainings_and_aggregate(fresh: Path) -> None:
    listed = [line.split()[0] for line in run("dvc", "stage", "list", cwd=fresh).splitlines()]
    assert sorted(listed) == sorted(["fetch", "prepare", *TRAININGS, "aggregate"])


def test_lock_file_is_up_with_the_code_and_the_parameters(fresh: Path) -> None:
    assert UP_TO_DATE in gate(fresh)


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002", {*TRAININGS, "aggregate"}),
        ("params.yaml", "  dense_units: 84", "  dense_units: 85", {"train@depth", "aggregate"}
         | {stage for stage in TRAININGS if stage.startswith("train_depth")}),
        ("stages/training/architecture.py", "/ 127.5 - 1.0", "/ 255.0", {*TRAININGS, "aggregate"}),
        ("stages/report/pictures.py", "dpi=150", "dpi=100", {"aggregate"}),
    ],
)  # fmt: skip
def test_gate_finds_a_lock_file_that_is_behind(
    full: Path, tmp_path: Path, file: str, old: str, new: str, stale: set[str]
) -> None:
    """Two projects each time, with data and without, and three times what DVC makes of them."""
    run("git", "clone", "--quiet", str(full), str(tmp_path / "clone"), cwd=tmp_path)
    assert UP_TO_DATE in gate(tmp_path / "clone")
    for project in (full, tmp_path / "clone"):
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new))
    assert set(ran_stages(gate(full))) == stale
    assert UP_TO_DATE not in gate(tmp_path / "clone")


@pytest.mark.longest
def test_first_run_trains_every_architecture_for_one_epoch(reproduced: Path) -> None:
    ran = ran_stages((reproduced / "first-run.log").read_text())
    assert sorted(ran) == sorted(["fetch", "prepare", *TRAININGS, "aggregate"])
    assert ran[0] == "fetch"
    assert ran[-1] == "aggregate"
    for name in TRAININGS.values():
        folder = reproduced / "data" / "models" / name
        assert {path.name for path in folder.iterdir()} == {
            "seed-0.keras",
            "history.csv",
            "layers.csv",
            "results.json",
            "predictions.npz",
        }
        history = pd.read_csv(folder / "history.csv")
        assert list(history.columns) == HISTORY_COLUMNS
        assert list(history["epoch"]) == [1]


def test_first_run_prints_no_start_up_noise(reproduced: Path) -> None:
    noise = ["absl", "cuda", "oneDNN", "cpu_feature_guard", "Warning", "Traceback"]
    log = (reproduced / "first-run.log").read_text()
    assert [word for word in noise if word in log] == []


def test_pick_and_study_give_the_same_bytes_for_the_same_architecture(reproduced: Path) -> None:
    models = reproduced / "data" / "models"
    for pick, studied in (("width", "w8-16"), ("depth", "depth-1")):
        assert contents(models / pick) == contents(models / studied)


def test_metrics_hold_the_picks_and_the_study_under_their_names(reproduced: Path) -> None:
    summary = json.loads((reproduced / "metrics/summary.json").read_text())
    study = json.loads((reproduced / "metrics/study.json").read_text())
    compared = json.loads((reproduced / "metrics/accuracy.json").read_text())
    assert list(compared) == ["width", "depth", *study["width"], *(f"depth-{blocks}" for blocks in study["depth"])]
    assert list(summary) == ["width", "depth"]
    assert list(study["width"]) == ["w2-4", "w5-10", "w8-16", "w10-20", "w15-30"]
    assert list(study["depth"]) == ["1", "2", "3", "4"]
    assert summary["width"] == study["width"]["w8-16"]
    assert [entry["parameters"] for entry in study["depth"].values()] == [245932, 132832, 56020, 15496]


def test_second_run_does_nothing(full: Path) -> None:
    assert ran_stages(run(*documented("dvc repro"), cwd=full)) == []
    assert run("git", "status", "--porcelain", cwd=full) == ""


@pytest.mark.slow
def test_run_from_scratch_leaves_the_repository_as_it_was(small: Path) -> None:
    """Every stage runs, as only a whole run shows that no byte of any output depends on more than is committed."""
    output = run("dvc", "repro", "--force", cwd=small)
    assert len(ran_stages(output)) == 7
    assert run("git", "status", "--porcelain", cwd=small) == ""


def test_metrics_diff_needs_no_data(full: Path, tmp_path: Path) -> None:
    run("git", "switch", "--quiet", "--create", "branch", cwd=full)
    compared = full / "metrics/accuracy.json"
    numbers = json.loads(compared.read_text())
    numbers["width"]["learned"] = 7
    compared.write_text(json.dumps(numbers))
    commit(full, "Another number")
    run("git", "clone", "--quiet", "--branch", "branch", str(full), str(tmp_path / "clone"), cwd=tmp_path)
    clone = tmp_path / "clone"
    run("git", "branch", "main", "origin/main", cwd=clone)
    changed = json.loads(run(*documented("dvc metrics diff main"), "--json", cwd=clone))
    assert changed == {"metrics/accuracy.json": {"width.learned": {"old": 0, "new": 7, "diff": 7}}}
    every = json.loads(run("dvc", "metrics", "diff", "main", "--all", "--json", cwd=clone))
    assert {file: len(keys) for file, keys in every.items()} == {"metrics/accuracy.json": 2 * 3 + 9}


def test_removed_architectures_are_set_aside_and_not_compared(small: Path) -> None:
    study = json.loads((small / "metrics/study.json").read_text())
    assert {family: list(entries) for family, entries in study.items()} == {"width": ["w2-4"], "depth": ["1"]}
    assert {path.name for path in (small / "data/models").iterdir()} == {"width", "depth", "w2-4", "depth-1"}
    assert (small / "data/set-aside/w15-30-0/results.json").exists()
    width = pd.read_csv(small / "plots/width_accuracy.csv")
    assert list(width["architecture"]) == ["(2, 4)", "(8, 16)"]
    depth = pd.read_csv(small / "plots/depth_accuracy.csv")
    assert list(depth["architecture"]) == ["1 block"]
