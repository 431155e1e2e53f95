"""A training writes the same bytes whatever happens to it: load, cores, kills, damaged states."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, MODELS, contents, edit_params, run, training

KILLS = 21
STORE = Path(".dvc/cache/trainings")


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
    """A copy of `whole` without its trainings, and nothing kept of any."""
    copy = Path(shutil.copytree(whole, tmp_path / "project", symlinks=True))
    forget(copy, "w2-4")
    return copy


def forget(project: Path, name: str) -> None:
    """Remove a training's outputs, and what is kept of all."""
    shutil.rmtree(project / MODELS / name)
    shutil.rmtree(project / STORE, ignore_errors=True)


@pytest.fixture(scope="module")
def interrupted_once(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose training of w2-4 was killed after its first epoch. Not to be written to: copy it."""
    project = Path(shutil.copytree(whole, tmp_path_factory.mktemp("interrupted") / "project", symlinks=True))
    forget(project, "w2-4")
    process = subprocess.Popen(training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    await_state(project, process)
    process.kill()
    process.wait()
    return project


@pytest.fixture
def interrupted(interrupted_once: Path, tmp_path: Path) -> Path:
    """A copy of it to use up."""
    return Path(shutil.copytree(interrupted_once, tmp_path / "interrupted", symlinks=True))


def await_state(project: Path, process: subprocess.Popen[bytes]) -> None:
    while not states(project):
        assert process.poll() is None
        time.sleep(0.02)


def states(project: Path) -> list[Path]:
    return sorted((project / STORE).glob("*/*-*.npz"))


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
    forget(project, "w2-4")

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
        resumed += "trained before" in output
        if process.returncode == 0:
            assert contents(project / MODELS / "w2-4") == expected
            forget(project, "w2-4")
            finished += 1
    run(*training("w2-4"), cwd=project)
    assert contents(project / MODELS / "w2-4") == expected
    assert resumed
    assert not (project / "data/unfinished/w2-4").exists()
    assert {path.name for path in states(project)} == {"epoch-3.npz"}


def test_pipeline_killed_as_a_whole_goes_on_at_the_next_repro(project: Path, whole: Path) -> None:
    """DVC and its training die together, as when a machine is switched off."""
    pipeline = subprocess.Popen(
        ["dvc", "repro", "-s", "train_width@w2-4"], cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    await_state(project, pipeline)
    os.killpg(pipeline.pid, signal.SIGKILL)
    pipeline.wait()
    output = run("dvc", "repro", "-s", "train_width@w2-4", cwd=project)
    assert "w2-4 seed 0: " in output
    assert "of 3 epochs were trained before" in output
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


def test_damaged_state_is_noticed_said_and_not_used(interrupted: Path, whole: Path) -> None:
    (state,) = states(interrupted)
    stored = state.read_bytes()
    middle = len(stored) // 2
    flipped = stored[:middle] + bytes([stored[middle] ^ 1]) + stored[middle + 1 :]
    for damaged in (b"", stored[:middle], flipped):
        shutil.rmtree(interrupted / STORE)
        state.parent.mkdir(parents=True)
        state.write_bytes(damaged)
        output = run(*training("w2-4"), cwd=interrupted)
        assert re.search(rf"w2-4 seed 0: \S*{state.name} is damaged and not used", output)
        assert "w2-4 seed 0 epoch 1/3:" in output
        assert contents(interrupted / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002"),
        ("params.yaml", "dense_units: 80 ", "dense_units: 81 "),
        ("stages/training/loop.py", "One Keras training", "A Keras training"),
    ],
)
def test_state_of_other_parameters_or_code_is_not_taken_up(interrupted: Path, file: str, old: str, new: str) -> None:
    path = interrupted / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert "w2-4 seed 0 epoch 1/3:" in first_line(interrupted)


def test_state_of_other_data_is_not_taken_up(interrupted: Path) -> None:
    edit_params(interrupted, "  seed: 0 ", "  seed: 1 ")
    run(sys.executable, "-m", "stages.prepare", cwd=interrupted)
    assert "w2-4 seed 0 epoch 1/3:" in first_line(interrupted)


def test_state_of_the_same_training_is_taken_up_whatever_else_is_asked_for(interrupted: Path) -> None:
    """Other code that decides nothing, another name, other seeds beside it, more epochs."""
    for file in ("stages/training/progress.py", "stages/page/charts.py", "stages/params.py"):
        with (interrupted / file).open("a") as code:
            code.write("# a remark\n")
    edit_params(interrupted, "epochs: 3\n", "epochs: 4\n")
    edit_params(interrupted, "  - 0\n  - 1\n", "  - 5\n  - 0\n")
    edit_params(interrupted, "  - 8\n  - 16\n", "  - 2\n  - 4\n")
    output = run(sys.executable, "-m", "stages.train", "width", cwd=interrupted)
    assert "width seed 0: 1 of 4 epochs were trained before" in output
    assert [line.split(":")[0] for line in output.splitlines() if " epoch " in line] == [
        *(f"width seed 5 epoch {epoch}/4" for epoch in (1, 2, 3, 4)),
        *(f"width seed 0 epoch {epoch}/4" for epoch in (2, 3, 4)),
    ]


def first_line(project: Path) -> str:
    """What a training of w2-4 says first; it is not waited for."""
    with subprocess.Popen(
        training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.kill()
    return line


def test_second_training_of_the_same_waits_and_takes_what_the_first_has_trained(project: Path, whole: Path) -> None:
    first = subprocess.Popen(training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    await_state(project, first)
    first.send_signal(signal.SIGSTOP)
    edit_params(project, "  - 8\n  - 16\n", "  - 2\n  - 4\n")
    second = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "width"], cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert second.stdout
    assert second.stdout.readline() == "width seed 0: waits for another training of the same\n"
    first.send_signal(signal.SIGCONT)
    said = second.stdout.read()
    assert first.wait() == 0
    assert second.wait() == 0
    assert "width seed 0: 3 of 3 epochs were trained before" in said
    assert "width seed 0 epoch" not in said
    assert contents(project / MODELS / "width") == contents(whole / MODELS / "w2-4")


def test_killed_training_holds_up_nobody(project: Path) -> None:
    first = subprocess.Popen(training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    await_state(project, first)
    first.kill()
    first.wait()
    assert "waits for" not in run(*training("w2-4"), cwd=project)
