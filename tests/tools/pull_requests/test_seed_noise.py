"""Which values of single seeds a metric is the mean of, on a made-up study with failed and diverged runs."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import commit, run
from tests.tools.pull_requests.conftest import edit_json
from tools.pull_requests.report import report
from tools.pull_requests.revisions import Side
from tools.pull_requests.seed_noise import seed_values


@pytest.fixture
def made_up_project(made_up: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository with the made-up study, on a branch of main."""
    project = Path(shutil.copytree(made_up, tmp_path / "project", symlinks=True))
    run("git", "checkout", "--quiet", "-b", "branch", cwd=project)
    monkeypatch.chdir(project)
    return project


def test_a_metric_is_the_mean_of_the_seeds_values(made_up_project: Path) -> None:
    values = seed_values(Side("main", run("git", "rev-parse", "main", cwd=made_up_project).strip()))
    assert {key: values[f"width.w2-4.{key}"] for key in ("test_accuracy", "test_accuracy_learned")} == {
        "test_accuracy": [0.32, 0.80, 0.84],
        "test_accuracy_learned": [0.80, 0.84],
    }
    assert values["width.w2-4.validation_accuracy"] == [0.31, 0.74, 0.72]
    assert values["width.w2-4.validation_loss"] == [0.89, 0.46, 0.48]
    summary, study = (
        json.loads((made_up_project / f"metrics/{name}.json").read_text()) for name in ("summary", "study")
    )
    every = summary | {f"{family}.{key}": one for family, entries in study.items() for key, one in entries.items()}
    for key, numbers in every.items():
        for name in ("test_accuracy", "test_accuracy_learned", "validation_accuracy", "validation_loss"):
            assert numbers[name] == pytest.approx(sum(known := values[f"{key}.{name}"]) / len(known), abs=1e-6), key
    assert len(values) == 4 * len(every)


def test_report_on_several_seeds_judges_each_metric_by_its_own_and_draws_mean_curves(made_up_project: Path) -> None:
    """On the branch seed 1 of (2, 4) is better: 90 % of the test images, 92 % of the validation images, 0.4 nats."""
    for table, column, value in (
        ("accuracy", "test_accuracy", 0.90),
        ("curves", "val_accuracy", 0.92),
        ("curves", "loss", 0.40),
    ):
        path = made_up_project / f"plots/width_{table}.csv"
        rows = pd.read_csv(path)
        chosen = (rows["architecture"] == "(2, 4)") & (rows["seed"] == 1)
        rows.loc[rows[chosen].index[-1], column] = value
        rows.to_csv(path, index=False)
    metrics = {"test_accuracy": 0.673333, "test_accuracy_learned": 0.85, "validation_accuracy": 0.656667}
    for key, value in metrics.items():
        edit_json(made_up_project / "metrics/study.json", "width", "w2-4", key, value=value)
    commit(made_up_project, "Better")
    lines = [line for line in report("main").splitlines() if line.startswith(("| `width.", "| `(2, 4)`"))]
    assert lines == [
        "| `width.w2-4.test_accuracy_learned` | 0.82 | 0.85 | +0.03 | noise: -0.367727 to +0.427727 |",
        "| `width.w2-4.test_accuracy` | 0.653333 | 0.673333 | +0.02 | noise: -0.661112 to +0.701112 |",
        "| `width.w2-4.validation_accuracy` | 0.59 | 0.656667 | +0.066667 | noise: -0.58477 to +0.718104 |",
        "| `(2, 4)` | training loss | 1.035 █▇▃ 0.776667 | 1.035 █▇▁ 0.676667 |",
        "| `(2, 4)` | monitored accuracy | 0.3825 ▁▄▆ 0.59 | 0.3825 ▁▄█ 0.656667 |",
    ]
