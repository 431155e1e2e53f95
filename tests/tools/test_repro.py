"""`make repro`: which trainings it runs before the pipeline, and that it leaves no process behind."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from stages.params import read_params
from tests.conftest import ENVIRONMENT, MODELS, ROOT, STORE, contents, edit_params, ran_stages, run, start
from tests.processes import until, until_none_works_below
from tools.repro import list_study_jobs, run_dvc

REPRO = [sys.executable, "-m", "tools.repro"]
DVC = "#!/bin/sh\nsleep 600 & echo $$ > started; wait\n"
INTERRUPTED = """
import sys
from stages.runner import ended_by_exception
from tools.repro import run_dvc
with ended_by_exception("repro"):
    sys.exit(run_dvc("repro"))
"""


def test_jobs_are_the_seeds_of_the_stages_that_have_to_run(fresh: Path) -> None:
    text = (fresh / "params.yaml").read_text().replace("  - 0\n", "  - 0\n  - 3\n", 1)
    params = read_params(text.replace("custom: {}", "custom:\n    own: {filters: [2, 4], blocks: 1, pooling: max, "
                                      "dense_units: 8, activation: relu, learning_rate: 0.5}"))  # fmt: skip
    jobs = list_study_jobs(params, {"train@depth", "train_width@w2-4", "train_custom@own", "aggregate"})
    assert [(job.name, job.seed) for job in jobs] == [
        (name, seed) for name in ("depth", "w2-4", "own") for seed in (0, 3)
    ]
    assert all(job.tested for job in jobs)
    assert [job.settings.learning_rate for job in jobs] == [0.001] * 4 + [0.5] * 2
    assert list_study_jobs(params, {"prepare", "aggregate"}) == []


def test_interrupted_run_ends_dvc_and_its_stages_and_skipped_stages_are_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dvc").write_text(DVC)
    (tmp_path / "dvc").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{ENVIRONMENT['PATH']}"
    process = start(sys.executable, "-c", INTERRUPTED, cwd=tmp_path, PATH=path, PYTHONPATH=str(ROOT))
    until((tmp_path / "started").exists, "DVC's start")
    process.terminate()
    assert process.wait(20) == 128 + 15
    until_none_works_below(tmp_path, 5)
    monkeypatch.setenv("PATH", path)
    skipped = "Stage 'fetch' didn't change, skipping"
    (tmp_path / "dvc").write_text(f'#!/bin/sh\n[ $1 = repro ] || exit 9\necho "{skipped}"; echo ran\nexit 3\n')
    assert (run_dvc("repro"), run_dvc("status")) == (3, 9)
    assert capfd.readouterr().out == "ran\n"


def test_networks_that_do_not_fit_the_images_and_wrong_class_names_are_refused_before_a_training(small: Path) -> None:
    shutil.rmtree(small / "data/models")
    edit_params(small, "depth:\n  - 1", "depth:\n  - 5")
    assert "params.yaml: depth-5: expected at most 4 blocks for" in run(*REPRO, cwd=small, status=1)
    with (small / "tests/sample/classes.txt").open("a") as names:
        names.write("eleventh\n")
    assert "expected 10 names, one per class, got 11" in run(*REPRO, cwd=small, status=255)


@pytest.mark.slow
def test_trainings_side_by_side_leave_nothing_to_do_and_have_a_serial_runs_bytes(small: Path, reproduced: Path) -> None:
    """A whole run that is hung up on in between; then a second seed costs its own trainings alone."""
    shutil.rmtree(small / "data/models")
    shutil.rmtree(small / ".dvc/cache")
    (small / "dvc.lock").unlink()
    process = start(*REPRO, cwd=small, JOBS="2")
    assert process.stdout
    begun = next(line for line in process.stdout if "trainings" in line)
    assert begun == "3 trainings, 2 at a time; their output: data/logs/\n"
    until(lambda: list((small / STORE).glob("*/*.npz")), "an epoch")
    process.send_signal(1)
    assert process.wait(60) == 129
    until_none_works_below(small, 5)
    output = run(*REPRO, cwd=small, JOBS="2")
    assert set(ran_stages(output)) >= {"train@width", "aggregate"}
    for name in ("width", "depth", "w2-4", "depth-1"):
        assert contents(small / MODELS / name) == contents(reproduced / MODELS / name)
    for name in ("metrics", "plots"):
        assert contents(small / name) == contents(reproduced / name)
    assert "up to date" in run(*REPRO, cwd=small)
    edit_params(small, "  - 0\n", "  - 0\n  - 1\n")
    assert "3 trainings, 1 at a time" in run("env", "SLURM_CPUS_ON_NODE=2", *REPRO, cwd=small)
