"""`make repro`: which trainings it runs before the pipeline, and that it leaves no process behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages.params import read_params
from tests.conftest import ENVIRONMENT, MODELS, contents, edit_params, ran_stages, run
from tests.processes import processes_below, until
from tools.repro import run_dvc, study_jobs

REPRO = [sys.executable, "-m", "tools.repro"]
DVC = "#!/bin/sh\nsleep 600 & echo $$ > started; wait\n"
INTERRUPTED = """
import sys
from stages.runner import ended_by_exception
from tools.repro import run_dvc
with ended_by_exception("repro"):
    sys.exit(run_dvc("repro"))
"""


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def test_jobs_are_the_seeds_of_the_stages_that_have_to_run(fresh: Path) -> None:
    text = (fresh / "params.yaml").read_text().replace("  - 0\n", "  - 0\n  - 3\n", 1)
    params = read_params(text.replace("custom: {}", "custom:\n    own: {filters: [2, 4], blocks: 1, pooling: max, "
                                      "dense_units: 8, activation: relu, learning_rate: 0.5}"))  # fmt: skip
    jobs = study_jobs(params, {"train@depth", "train_width@w2-4", "train_custom@own", "aggregate"})
    assert [(job.name, job.seed) for job in jobs] == [
        (name, seed) for name in ("depth", "w2-4", "own") for seed in (0, 3)
    ]
    assert all(job.tested for job in jobs)
    assert [job.settings.learning_rate for job in jobs] == [0.001] * 4 + [0.5] * 2
    assert study_jobs(params, {"prepare", "aggregate"}) == []


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_wrong_number_of_jobs_is_refused_in_one_line(project: Path, jobs: str) -> None:
    (line,) = run(*REPRO, jobs, cwd=project, status=1).splitlines()
    assert line.startswith("repro: JOBS: expected a number of trainings from 1, got")


def test_interrupted_run_ends_dvc_and_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc").write_text(DVC)
    (tmp_path / "dvc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{ENVIRONMENT['PATH']}"
    variables = {"PATH": path, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], cwd=tmp_path, env=ENVIRONMENT | variables)
    until((tmp_path / "started").exists, "DVC's start")
    process.terminate()
    assert process.wait(20) == 128 + 15
    until(lambda: processes_below(tmp_path) == [], "the end of what DVC started", 5)
    monkeypatch.setenv("PATH", path)
    (tmp_path / "dvc").write_text("#!/bin/sh\n[ $1 = repro ] || exit 9\nexit 3\n")
    assert (run_dvc("repro"), run_dvc("status")) == (3, 9)


@pytest.mark.slow
def test_trainings_side_by_side_leave_nothing_to_do_and_have_a_serial_runs_bytes(small: Path, reproduced: Path) -> None:
    """A whole run that is hung up on in between; then a second seed costs its own trainings alone."""
    shutil.rmtree(small / "data/models")
    shutil.rmtree(small / ".dvc/cache")
    (small / "dvc.lock").unlink()
    process = subprocess.Popen([*REPRO, "2"], cwd=small, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    begun = next(line for line in process.stdout if "trainings" in line)
    assert begun == "3 trainings, 2 at a time; their output: data/logs/\n"
    until(
        lambda: (
            list((small / ".dvc/cache").rglob("unfinished-*.npz")) or list((small / ".dvc/cache").rglob("output-*"))
        ),
        "an epoch",
    )
    process.send_signal(1)
    assert process.wait(60) == 129
    until(lambda: processes_below(small) == [], "the end of all processes", 5)
    output = run(*REPRO, "2", cwd=small)
    assert set(ran_stages(output)) >= {"train@width", "aggregate"}
    for name in ("width", "depth", "w2-4", "depth-1"):
        assert contents(small / MODELS / name) == contents(reproduced / MODELS / name)
    for name in ("metrics", "plots"):
        assert contents(small / name) == contents(reproduced / name)
    assert "up to date" in run(*REPRO, cwd=small)
    edit_params(small, "  - 0\n", "  - 0\n  - 1\n")
    assert "3 trainings, 1 at a time" in run("env", "SLURM_CPUS_ON_NODE=2", *REPRO, cwd=small)
