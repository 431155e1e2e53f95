"""A training writes the same bytes whatever happens to it: load, cores, kills, damaged states."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, MODELS, contents, edit_params, run, training
from tests.training.conftest import await_state, forget, states

KILLS = (  # after how many epochs of what is then left of two times three
    (signal.SIGKILL, 2),
    (signal.SIGTERM, 0),
    (signal.SIGINT, 1),
    (signal.SIGKILL, 0),
    (signal.SIGTERM, 1),
)
CORE = min(os.sched_getaffinity(0))
PIN = f"import os, sys; os.sched_setaffinity(0, {{{CORE}}}); os.execv(sys.argv[1], sys.argv[1:])"
ON_ONE_CORE = [sys.executable, "-c", PIN]


@pytest.mark.slow
def test_one_loaded_core_gives_the_same_bytes_as_two_free_ones(project: Path, whole: Path) -> None:
    """Two trainings on it, each the other's load."""
    names = ("w2-4", "depth-1")
    shutil.rmtree(project / MODELS / "depth-1")
    both = [subprocess.Popen([*ON_ONE_CORE, *training(name)], cwd=project, env=ENVIRONMENT) for name in names]
    assert [process.wait() for process in both] == [0, 0]
    for name in names:
        assert contents(project / MODELS / name) == contents(whole / MODELS / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["w2-4", "depth-1"])
def test_training_of_another_kind_killed_on_one_core_and_taken_up_on_two_ends_with_the_same_bytes(
    other_kinds: Path, tmp_path: Path, name: str
) -> None:
    """Processes on one core and on two: within one process their number cannot change."""
    project = Path(shutil.copytree(other_kinds, tmp_path / "project", symlinks=True))
    forget(project, name)
    process = subprocess.Popen([*ON_ONE_CORE, *training(name)], cwd=project, env=ENVIRONMENT)
    await_state(project, process)
    process.kill()
    process.wait()
    assert "of 3 epochs were trained before" in run(*training(name), cwd=project)
    results = json.loads((project / MODELS / name / "results.json").read_text())
    keys = {"w2-4": {"kernel", "stride", "head", "dropout"}, "depth-1": {"normalization", "dropout"}}
    assert keys[name] <= results["architecture"].keys()
    assert contents(project / MODELS / name) == contents(other_kinds / MODELS / name)


@pytest.mark.slow
@pytest.mark.longest
def test_training_killed_at_random_moments_ends_with_the_same_bytes(
    project: Path, whole: Path, record_property: Callable[[str, object], None]
) -> None:
    """SIGKILL, SIGTERM and Ctrl-C, in epochs of both seeds and in what goes before the first that is trained.

    Long, as every moment takes a process that begins; nothing less is killed as users' trainings are.
    """
    generator = random.Random(1)
    for how, epochs in KILLS:
        process = subprocess.Popen(
            training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout
        lines = list(islice((line for line in process.stdout if " epoch " in line), epochs))
        moment = generator.uniform(0, 0.1) if epochs else generator.uniform(1, 4)
        time.sleep(moment)
        process.send_signal(how)
        output, _ = process.communicate(timeout=60)
        record_property("printed", f"{how.name} {moment:.2f} s after {lines[-1:]}, {process.returncode}")
        assert process.returncode in (-how, 128 + how)
        assert "Traceback" not in output, output
        assert "waits for" not in output, "a killed training holds up nobody"
    output = run(*training("w2-4"), cwd=project)
    assert "w2-4 seed 0: 3 of 3 epochs were trained before" in output
    assert contents(project / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")
    assert not (project / "data/unfinished/w2-4").exists()
    assert {path.name for path in states(project)} == {"epoch-3.npz"}


@pytest.mark.slow
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
