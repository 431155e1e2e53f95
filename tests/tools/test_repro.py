"""Stages side by side: as many as asked for, ended together, and with a serial run's bytes.

Over 200 lines, as what one stage does to the others is tried with short stages, each case written out.
"""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.progress import Progress

from stages.common import read_yaml
from stages.params import PARAMS_FILE, read_params
from stages.training.architecture import CustomArchitecture
from tests.conftest import ENVIRONMENT, contents, edit_params, ran_stages, run
from tools.repro import LOGS, StageFailedError, Stages, one_by_one

NAMES = "abcdefgh"
PIPELINE = """
stages:
  part:
    foreach: [{names}]
    do:
      cmd: {part}
      outs:
      - data/${{item}}.txt
  whole:
    cmd: cat {files} > data/whole.txt
    deps:
{deps}
    outs:
    - data/whole.txt
"""
FEW = NAMES[-4:]  # with `e`, which fails
MEET = "touch data/${{item}}.started; until [ $(ls data | grep -c started) = {} ]; do sleep 0.1; done; "
WRITE = "echo ${item} > data/${item}.txt"
SIDE_BY_SIDE = [sys.executable, "-m", "tools.repro"]


def with_stages(project: Path, part: str, names: str = FEW) -> Path:
    """The project with short stages of these names and one that follows them all in place of its own."""
    files = [f"data/{name}.txt" for name in names]
    pipeline = PIPELINE.format(
        names=", ".join(names), part=part, files=" ".join(files), deps="\n".join(f"    - {file}" for file in files)
    )
    (project / "dvc.yaml").write_text(pipeline)
    (project / "dvc.lock").unlink()
    (project / "data").mkdir()
    return project


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def processes_below(folder: Path) -> list[str]:
    """The commands of the processes that work in that folder."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder) and (process / "stat").read_text().split()[2] != "Z":
                commands.append((process / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is another user's
    return commands


def test_eight_stages_run_at_the_same_time_and_leave_nothing_to_do(project: Path) -> None:
    with_stages(project, MEET.format(8) + WRITE, NAMES)
    output = run(*SIDE_BY_SIDE, "8", cwd=project)
    assert (project / "data/whole.txt").read_text().split() == list(NAMES)
    assert sorted(line.split(":")[0] for line in output.splitlines() if ": done in" in line) == [
        *(f"part@{name}" for name in NAMES),
        "whole",
    ]
    assert ran_stages(output) == []
    assert "Data and pipelines are up to date." in output
    assert ran_stages((project / "data/logs/part-a.log").read_text()) == ["part@a"]
    assert "Data and pipelines are up to date." in run(*SIDE_BY_SIDE, "8", cwd=project)


def test_terminal_shows_a_line_a_stage_with_the_end_of_its_log(project: Path) -> None:
    with_stages(project, f"{MEET.format(4)} echo slicing ${{item}}; sleep 1; {WRITE}")
    leader, follower = pty.openpty()
    process = subprocess.Popen([*SIDE_BY_SIDE, "8"], cwd=project, env=ENVIRONMENT, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    with suppress(OSError):  # the terminal's other end closes with the process
        while part := os.read(leader, 4096):
            shown += part
    assert process.wait() == 0
    for name in FEW:
        assert re.search(rf"part@{name} .*slicing {name}", shown.decode(errors="replace"))


def test_failed_stage_ends_the_others_and_shows_its_own_error(project: Path) -> None:
    fails = f"'[ ${{item}} != e ] || {{ {MEET.format(4)} echo out of cheese >&2; exit 3; }}; "
    with_stages(project, f"{fails}touch data/${{item}}.started; sleep 600'")
    output = run(*SIDE_BY_SIDE, "8", cwd=project, status=1)
    assert "repro: part@e failed" in output
    assert "out of cheese" in output
    assert "done in" not in output
    assert processes_below(project) == []


def test_stage_whose_dvc_is_killed_leaves_nothing_of_its_own_running(project: Path) -> None:
    kills = f"'[ ${{item}} != e ] || {{ {MEET.format(4)} kill -9 $PPID; }}; "
    with_stages(project, f"{kills}touch data/${{item}}.started; sleep 600'")
    assert "repro: part@e failed" in run(*SIDE_BY_SIDE, "8", cwd=project, status=1)
    assert processes_below(project) == []


def test_after_a_failed_stage_none_starts_that_waited_for_its_turn(project: Path) -> None:
    with_stages(project, "'[ ${item} != e ] || exit 3; touch data/${item}.started; sleep 600'")
    output = run(*SIDE_BY_SIDE, "1", cwd=project, status=1)
    assert "repro: part@e failed" in output
    assert not list((project / "data").glob("*.started"))
    assert processes_below(project) == []


def test_from_the_moment_that_a_stage_has_failed_none_starts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even before the others are stopped, which another thread does."""
    monkeypatch.chdir(with_stages(project, "'[ ${item} != e ] || exit 3; touch data/${item}.started'"))
    LOGS.mkdir()
    stages = Stages(Progress(disable=True))
    with pytest.raises(StageFailedError, match=r"^part@e failed; "):
        stages.run("part@e")
    stages.run("part@f")
    assert (LOGS / "part-f.log").read_bytes() == b""
    assert not list(Path("data").glob("*.started"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_leaves_no_process_behind(project: Path, number: signal.Signals) -> None:
    with_stages(project, f"{MEET.format(4)} sleep 600")
    process = subprocess.Popen([*SIDE_BY_SIDE, "8"], cwd=project, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while len(list((project / "data").glob("*.started"))) < len(FEW):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "repro: interrupted. The same command goes on from here" in message
    assert processes_below(project) == []


def test_a_training_of_two_stages_is_begun_once_and_the_second_takes_no_place_meanwhile(project: Path) -> None:
    """Not so where one has a learning rate of its own, or is up to date."""
    params = read_params((project / PARAMS_FILE).read_text())
    as_w8_16 = CustomArchitecture(**params.width.model_dump())
    params.study.custom["same"], params.study.custom["slower"] = (
        as_w8_16,
        as_w8_16.model_copy(update={"learning_rate": 0.0005}),
    )
    stages = {
        stage: {"prepare"}
        for stage in ("train@width", "train_width@w8-16", "train_custom@slower", "train_custom@same", "train@depth")
    }
    waits = {stage: needs - {"prepare"} for stage, needs in one_by_one(stages, params).items()}
    assert {stage: needs for stage, needs in waits.items() if needs} == {
        "train_width@w8-16": {"train@width"},
        "train_custom@same": {"train@width"},
    }
    del stages["train@width"]
    assert one_by_one(stages, params)["train_custom@same"] == {"prepare", "train_width@w8-16"}


@pytest.mark.slow
def test_results_are_a_serial_runs_to_the_byte(small: Path, reduced: Path) -> None:
    """A whole run, since what trainings side by side could do to each other only trainings show."""
    for folder in ("data", ".dvc/cache"):
        shutil.rmtree(small / folder)
    (small / "dvc.lock").unlink()
    assert ran_stages(run(*SIDE_BY_SIDE, "2", cwd=small)) == []
    assert ran_stages((small / "data/logs/train-depth.log").read_text()) == ["train@depth"]
    for name in ("width", "depth", "w2-4", "depth-1"):
        assert contents(small / "data/models" / name) == contents(reduced / "data/models" / name)
    for name in ("metrics", "plots"):
        assert contents(small / name) == contents(reduced / name)
    lock, expected = (
        read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"] for project in (small, reduced)
    )
    assert lock == {stage: expected[stage] for stage in lock}


def test_as_many_stages_as_the_process_may_use_cores_run_at_a_time(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_stages(project, WRITE, NAMES[:1])
    edit_params(project, "threads: 2", "threads: 1")
    monkeypatch.setitem(ENVIRONMENT, "SLURM_CPUS_ON_NODE", "1")
    assert "2 stages, 1 at a time" in run(*SIDE_BY_SIDE, cwd=project)


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "1.5"])
def test_wrong_number_of_jobs_is_refused_in_one_line(project: Path, jobs: str) -> None:
    output = run(*SIDE_BY_SIDE, jobs, cwd=project, status=1)
    assert output.startswith(f"repro: JOBS holds '{jobs}', may hold a number of stages from 1")
    assert len(output.splitlines()) == 1
