"""Trainings on a Dask cluster: who may take part, what travels, and that nothing is lost or trained twice."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.checkpoints import CheckpointStore
from stages.common import InputError
from stages.jobs import Report
from stages.runner import JobFailedError, SlotLostError
from tests.conftest import ENVIRONMENT, MODELS, ROOT, STORE, contents, run, start, training
from tests.processes import bare_project, processes_below, until, until_none_works_below
from tests.test_checkpoints import output, state
from tests.test_jobs import JOB
from tools.cluster import Cluster, DaskSlot, describe, install, read_project_files


class MadeUpClient:
    """A Dask client of made-up workers by name: with their differences, or an exception that they raise."""

    def __init__(self, **workers: dict[str, str] | Exception) -> None:
        self.workers, self.installed = workers, list[str]()

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": {name: {"name": name, "nthreads": 3, "memory_limit": 5e9} for name in self.workers}}

    def run(self, function: Any, *arguments: Any, workers: list[str]) -> dict[str, Any]:
        (name,), found = workers, self.workers[workers[0]]
        if isinstance(found, Exception):
            raise found
        if function is install:
            self.installed.append(name)
        return {name: describe(arguments[0]) | {"processor": "K"} | found} if function is describe else {}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = bare_project(tmp_path / "driver")
    monkeypatch.chdir(folder)
    return folder


def cluster_of(kind: str = "", **workers: dict[str, str] | Exception) -> Cluster:
    return Cluster(MadeUpClient(**workers), threads=1, kind=kind)


@pytest.mark.usefixtures("project")
def test_workers_that_would_train_other_bytes_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = cluster_of(
        a={}, b={"numpy": "1.0"}, c={"python": "3.9"}, d={"processor": "Other"}, e=TypeError("cannot read\nthis"), f={}
    )
    assert [slot.name for slot in cluster.new_slots()] == ["worker a", "worker a", "worker f", "worker f"]
    assert cluster.client.installed == ["a", "f"]
    assert cluster.new_slots() == []
    lines = [line.removesuffix("; it gets no job") for line in capsys.readouterr().out.splitlines()]
    required = cluster.required
    assert lines[1:-1] == [
        f"worker b: numpy: expected {required['numpy']}, got 1.0",
        f"worker c: python: expected {required['python']}, got 3.9",
        "worker d: processor: expected K, got Other",
        "worker e: TypeError: cannot read this",
    ]


@pytest.mark.usefixtures("project")
def test_run_ends_if_all_workers_are_refused_and_waits_while_there_are_none() -> None:
    cluster = cluster_of(kind="Other")
    assert cluster.new_slots() == cluster.new_slots() == []
    cluster.client.workers["a"] = {}
    with pytest.raises(InputError, match=r"no worker can take part: worker a: processor: expected Other, got K"):
        cluster.new_slots()
    cluster.client.workers = {}
    cluster.new_slots()
    cluster.client.workers["a"] = {"processor": "Other"}
    assert cluster.new_slots(), "it started again"


def test_project_is_installed_once_for_its_bytes(project: Path, tmp_path: Path) -> None:
    worker: Any = SimpleNamespace(local_directory=str(tmp_path / "worker"))
    files, key = read_project_files(), cluster_of().key
    (project / "stages/__pycache__").mkdir()
    (project / "stages/__pycache__/jobs.pyc").touch()
    assert (read_project_files(), cluster_of().key) == (files, key)
    install(key, files, worker)
    install(key, {}, worker)
    (folder,) = (tmp_path / "worker").glob("*/*")
    assert contents(folder / "data") == contents(project / "data")
    assert contents(folder / "stages/training") == contents(project / "stages/training")
    (project / "stages/jobs.py").write_text("")
    assert cluster_of().key != key


class Worker:
    """A made-up worker with a store of its own: trains an epoch per segment and notes which files were sent."""

    def __init__(self, cluster: Cluster, root: Path) -> None:
        self.store, self.sent = CheckpointStore({}, root, kind="K"), list[set[str]]()
        self.store.without_code = cluster.trainings.open_store(JOB).without_code

    def __call__(self, request: dict[str, Any], files: dict[str, bytes], _name: str) -> dict[str, Any]:
        self.sent.append(set(files))
        assert not self.store.import_files(files)
        epochs = self.store.load(3).state.epochs
        if epochs < 3:
            self.store.save(state(epochs + 1), 3)
        if epochs >= 2:
            self.store.save_output(3, output(1))
        new = [path for path in self.store.valid_files(3) if path.name not in files]
        return {"finished": epochs >= 2, "files": {path.name: path.read_bytes() for path in new}}


@pytest.fixture
def cluster(project: Path) -> Cluster:
    cluster = cluster_of(a={})
    assert cluster.new_slots()
    return cluster


def train(cluster: Cluster, answer: Any, report: Report = lambda _: None) -> None:
    slot: Any = DaskSlot(cluster, "a", 0, "a")
    slot._train_segment = answer
    slot.run(JOB, report)


def test_checkpoints_travel_with_the_job_and_a_worker_s_finished_training_is_taken(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The second time, the driver's files are damaged."""
    worker, events = Worker(cluster, tmp_path / "worker"), list[dict[str, Any]]()
    train(cluster, worker, events.append)
    assert [event["epoch"] for event in events] == [1, 2, 3]
    assert worker.sent == [set(), {"unfinished-1.K.npz"}, {"unfinished-2.K.npz"}]
    files = cluster.trainings.open_store(JOB).valid_files(3)
    assert [path.name for path in files] == ["epoch-3.K.npz", "output-3.K.npz"]
    whole = [path.read_bytes() for path in files]
    for path in files:
        flip(path)
    train(cluster, worker)
    assert worker.sent[3:] == [set()], "a damaged checkpoint is never sent"
    assert [path.read_bytes() for path in files] == whole
    train(cluster, worker)
    assert len(worker.sent) == 4, "its result is here"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": "out of cheese"}, r"^small seed 0 on worker a: out of cheese$"),
        ({"finished": True, "files": {}}, r"^small seed 0 on worker a: its result arrived damaged"),
        ({"finished": False, "files": {"unfinished-1.K.npz": b"cheese"}}, r"its result arrived damaged"),
    ],
)
def test_failed_job_and_damaged_result_end_the_job_alone(cluster: Cluster, answer: dict[str, Any], reason: str) -> None:
    with pytest.raises(JobFailedError, match=reason):
        train(cluster, lambda *_: answer)


def test_worker_that_fails_or_leaves_gets_no_more_jobs(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise OSError("disk is full")

    future = SimpleNamespace(result=fail, cancel=lambda: None, done=lambda: True)
    cluster.client.submit = lambda *_arguments, **_options: future
    slot = DaskSlot(cluster, "a", 0, "a")
    with pytest.raises(SlotLostError, match=r"^OSError: disk is full$"):
        slot.run(JOB, lambda _: None)
    with pytest.raises(InputError, match=r"no worker can take part: worker a: OSError: disk is full"):
        cluster.new_slots()
    monkeypatch.setattr("tools.cluster.wait", lambda *_arguments, **_options: None)
    future.done = lambda: False
    del cluster.client.workers["a"]
    with pytest.raises(SlotLostError, match=r"^it left the cluster$"):
        slot.run(JOB, lambda _: None)
    cluster.client.scheduler_info = fail
    with pytest.raises(InputError, match=r"the scheduler is gone \(disk is full\)"):
        cluster.new_slots()


class RealCluster:
    """A Dask scheduler, and workers in folders of their own that share nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers = folder, dict[str, subprocess.Popen[bytes]]()
        command = ["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self._start("scheduler", command)
        until(lambda: "Scheduler at:" in self.log("scheduler"), "the scheduler's start")
        self.address = self.log("scheduler").partition("Scheduler at:")[2].split()[0]

    def _start(self, name: str, command: list[str], **variables: str) -> "subprocess.Popen[bytes]":
        (self.folder / name).mkdir()
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=self.folder / name, env=ENVIRONMENT | variables, stdout=log, stderr=log
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def add(self, name: str, **variables: str) -> None:
        options = ["--nthreads", "1", "--no-nanny", "--local-directory", ".", "--dashboard-address", "127.0.0.1:0"]
        self.workers[name] = self._start(name, ["dask", "worker", self.address, "--name", name, *options], **variables)

    def stored(self, name: str, pattern: str) -> list[Path]:
        return list((self.folder / name).rglob(f"trainings/*/{pattern}"))

    def kill(self, name: str) -> None:
        self.workers[name].kill()
        self.workers.pop(name).wait()
        until_none_works_below(self.folder / name, 10)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealCluster]:
    cluster = RealCluster(tmp_path)
    yield cluster
    for process in (*cluster.workers.values(), cluster.scheduler):
        process.terminate()
        process.wait()
    until_none_works_below(tmp_path, 10)


UNFINISHED = "unfinished-*.npz"
DRIVE = """
import runpy, sys
from tools import repro
from stages.jobs import Trainings
stages = ["train_width@w2-4", "train_width@w5-10"]
repro.find_missing_jobs = lambda params: Trainings().find_missing(repro.list_study_jobs(params, stages))
repro.prepare_data = lambda: None
repro.run_dvc = lambda *_: 0
sys.argv = ["cluster", "study", sys.argv[1]]
runpy.run_module("tools.cluster", run_name="__main__", alter_sys=True)
"""


def drive(project: Path, scheduler: str, **variables: str) -> "subprocess.Popen[str]":
    variables |= {"PYTHONPATH": str(ROOT)}  # after stages/ of the project, in which it starts
    return start(sys.executable, "-c", DRIVE, scheduler, cwd=project, **variables)


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.slow
def test_two_workers_killed_drivers_and_flipped_bytes_give_a_serial_runs_bytes(
    project: Path, real: RealCluster, tmp_path: Path
) -> None:
    """Empty stores, no shared cache. A third worker has another library, a fourth another kind of processor."""
    params = project / "params.yaml"
    text = params.read_text().replace("epochs: 20", "epochs: 30").replace("threads: 2", "threads: 1")
    params.write_text(text.replace("  - 0\n", "  - 0\n  - 1\n", 1))
    packages = tmp_path / "packages/numpy-1.0.dist-info"
    packages.mkdir(parents=True)
    (packages / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    real.add("one")
    real.add("two")
    until(lambda: all("Registered to" in real.log(name) for name in ("one", "two")), "the workers' start")
    real.add("three", PYTHONPATH=str(packages.parent))
    real.add("four", PROCESSOR_KIND_OF_TESTS="other")

    driver = drive(project, real.address)
    until(lambda: real.stored("one", UNFINISHED), "an epoch", 300)
    real.kill("one")
    real.add("five")
    assert driver.stdout
    assert any("done in" in line for line in driver.stdout)
    until(lambda: real.stored("two", UNFINISHED) or real.stored("five", UNFINISHED), "more epochs", 300)
    driver.kill()
    driver.wait()
    results = {path: path.stat().st_mtime_ns for path in (project / STORE).glob("*/output-*")}
    flip(next((project / STORE).glob("*/epoch-*.npz")))
    for path in [*real.stored("two", UNFINISHED), *real.stored("five", UNFINISHED)]:
        with suppress(FileNotFoundError):  # the segment goes on
            flip(path)
    driver = drive(project, real.address)
    again, _ = driver.communicate(timeout=900)
    assert driver.returncode == 0, again
    assert "worker three: numpy: expected " in again
    assert "worker four: processor: expected " in again
    assert not real.stored("three", "*.npz")
    assert not real.stored("four", "*.npz")
    assert again.count("done in") == 4 - len(results)
    assert {path: path.stat().st_mtime_ns for path in results} == results, "no result was trained again"

    serial = bare_project(tmp_path / "serial")
    (serial / "params.yaml").write_text(params.read_text())
    for name in ("w2-4", "w5-10"):
        taken = run(*training(name), cwd=project)
        assert ": epoch " not in taken
        run(*training(name), cwd=serial)
        assert contents(project / MODELS / name) == contents(serial / MODELS / name)


@pytest.mark.slow
def test_cluster_on_this_machine_and_its_end(project: Path) -> None:
    """Without an address a cluster starts here; Ctrl-C ends it and its trainings."""
    (scratch := project / "scratch").mkdir()
    process = drive(project, "", TMPDIR=str(scratch))
    until(lambda: any("stages.jobs" in command for command in processes_below(scratch)), "a training's start")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    until_none_works_below(scratch, 10)
