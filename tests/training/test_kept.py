"""A training writes the same bytes whatever happens to it: load, cores, kills, damaged or foreign checkpoints."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.training.kept import load_checkpoint, save_checkpoint
from stages.training.loop import State
from tests.conftest import ENVIRONMENT, MODELS, contents, edit_params, run, training

KILLS = 21
CHECKPOINT = Path("data/checkpoints/w2-4/seed-0.npz")


@pytest.fixture(scope="module", autouse=True)
def ctrl_c_reaches_the_trainings() -> None:
    """Processes inherit that a job in the background ignores Ctrl-C; the tests may be one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def whole(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two seeds of three epochs, and with what uninterrupted trainings of them wrote."""
    project = Path(shutil.copytree(reduced, tmp_path_factory.mktemp("reliability") / "whole", symlinks=True))
    edit_params(project, "  - 0\n", "  - 0\n  - 1\n")
    edit_params(project, "epochs: 1\n", "epochs: 3\n")
    for name in ("w2-4", "depth-1"):
        run(*training(name), cwd=project)
    return project


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """A copy of `whole` without its trainings."""
    copy = Path(shutil.copytree(whole, tmp_path / "project", symlinks=True))
    shutil.rmtree(copy / MODELS / "w2-4")
    return copy


@pytest.fixture(scope="module")
def interrupted_once(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose training of w2-4 was killed after its first checkpoint. Not to be written to: copy it."""
    project = Path(shutil.copytree(whole, tmp_path_factory.mktemp("interrupted") / "project", symlinks=True))
    shutil.rmtree(project / MODELS / "w2-4")
    process = subprocess.Popen(training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    await_checkpoint(project, process)
    process.kill()
    process.wait()
    return project


@pytest.fixture
def interrupted(interrupted_once: Path, tmp_path: Path) -> Path:
    """A copy of it to use up."""
    return Path(shutil.copytree(interrupted_once, tmp_path / "interrupted", symlinks=True))


def await_checkpoint(project: Path, process: subprocess.Popen[bytes]) -> None:
    while not (project / CHECKPOINT).exists():
        assert process.poll() is None
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["w2-4", "depth-1"])
def test_one_loaded_core_gives_the_same_bytes_as_two_free_ones(project: Path, whole: Path, name: str) -> None:
    core = min(os.sched_getaffinity(0))
    busy = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    load = [subprocess.Popen(busy) for _ in range(2)]
    try:
        pin = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execv(sys.argv[1], sys.argv[1:])"
        run(sys.executable, "-c", pin, *training(name), cwd=project)
    finally:
        for process in load:
            process.kill()
            process.wait()
    assert contents(project / MODELS / name) == contents(whole / MODELS / name)


@pytest.mark.longest
def test_training_killed_at_random_moments_ends_with_the_same_bytes(
    project: Path, whole: Path, record_property: Callable[[str, object], None]
) -> None:
    """SIGKILL, SIGTERM and Ctrl-C in turn, at moments drawn over the length of a whole training."""
    started = time.monotonic()
    run(*training("w2-4"), cwd=project)
    length = time.monotonic() - started
    shutil.rmtree(project / MODELS / "w2-4")

    generator = random.Random()
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
    expected = contents(whole / MODELS / "w2-4")
    kills = finished = resumed = 0
    while kills < KILLS:
        moment = generator.uniform(0.1, 1) * length
        how = signals[kills % len(signals)]
        process = subprocess.Popen(
            training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            output, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            output, _ = process.communicate(timeout=60)
            kills += 1
            record_property("printed", f"{how.name} after {moment:.2f} of {length:.2f} s, {process.returncode}")
            assert "Traceback" not in output, output
            assert process.returncode in (-how, 128 + how) or "epoch 3/3" in output, output
        resumed += "goes on after epoch" in output
        if process.returncode == 0:
            assert contents(project / MODELS / "w2-4") == expected
            shutil.rmtree(project / MODELS / "w2-4")
            finished += 1
    run(*training("w2-4"), cwd=project)
    assert contents(project / MODELS / "w2-4") == expected
    assert resumed
    assert not (project / "data/checkpoints/w2-4").exists()


def test_pipeline_killed_as_a_whole_goes_on_at_the_next_repro(project: Path, whole: Path) -> None:
    """DVC and its training die together, as when a machine is switched off."""
    pipeline = subprocess.Popen(
        ["dvc", "repro", "-s", "train_width@w2-4"], cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    await_checkpoint(project, pipeline)
    os.killpg(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    output = run("dvc", "repro", "-s", "train_width@w2-4", cwd=project)
    assert "w2-4 seed 0: goes on after epoch" in output
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


def test_damaged_checkpoint_is_noticed_said_and_started_over(interrupted: Path, whole: Path) -> None:
    checkpoint = interrupted / CHECKPOINT
    stored = checkpoint.read_bytes()
    middle = len(stored) // 2
    flipped = stored[:middle] + bytes([stored[middle] ^ 1]) + stored[middle + 1 :]
    for damaged in (b"", stored[:middle], flipped):
        checkpoint.parent.mkdir(exist_ok=True)  # the end of a training removes it
        checkpoint.write_bytes(damaged)
        assert f"w2-4 seed 0: starts over: {CHECKPOINT} is damaged" in run(*training("w2-4"), cwd=interrupted)
        assert contents(interrupted / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002"),
        ("params.yaml", "dense_units: 80 ", "dense_units: 81 "),
        ("stages/training/loop.py", "One Keras training", "A Keras training"),
    ],
)
def test_checkpoint_of_other_parameters_or_code_is_not_taken_up(
    interrupted: Path, file: str, old: str, new: str
) -> None:
    path = interrupted / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert f"starts over: {CHECKPOINT} was made by other parameters, data or code" in first_line(interrupted)


def test_checkpoint_of_other_data_is_not_taken_up(interrupted: Path) -> None:
    edit_params(interrupted, "  seed: 0 ", "  seed: 1 ")
    run(sys.executable, "-m", "stages.prepare", cwd=interrupted)
    assert "was made by other parameters, data or code" in first_line(interrupted)


def first_line(project: Path) -> str:
    """What a training of w2-4 says first; it is not waited for."""
    with subprocess.Popen(
        training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.kill()
    return line


def test_checkpoint_gives_back_what_was_saved(tmp_path: Path) -> None:
    weights = [np.arange(k + 1, dtype=np.float32) for k in range(12)]
    state = State([[0.1, 0.2, 0.3, 0.4]], weights, [np.array(7, dtype=np.int64), *weights], weights[:2])
    save_checkpoint(tmp_path / "c.npz", "maker", state)
    loaded, _ = load_checkpoint(tmp_path / "c.npz", "maker")
    assert loaded.history == state.history
    assert [a.tobytes() for a in loaded.weights] == [a.tobytes() for a in weights]
    assert loaded.optimizer[0].tobytes() == state.optimizer[0].tobytes()
    assert [a.tobytes() for a in loaded.layers] == [a.tobytes() for a in state.layers]
    assert load_checkpoint(tmp_path / "c.npz", "another")[0] == State()
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]


def test_second_training_of_the_same_name_is_refused_while_the_first_runs(project: Path) -> None:
    first = subprocess.Popen(training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    await_checkpoint(project, first)
    first.send_signal(signal.SIGSTOP)
    output = run(*training("w2-4"), cwd=project, status=1)
    assert len(output.splitlines()) == 1
    assert "another training of w2-4 is running" in output
    first.send_signal(signal.SIGCONT)
    assert first.wait() == 0
