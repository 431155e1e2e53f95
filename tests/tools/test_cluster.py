"""Trainings on a Dask cluster: who may take part, what travels, and that nothing is lost or trained twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stages.checkpoints import CheckpointStore
from stages.common import InputError
from stages.jobs import Job, Report
from stages.runner import JobFailedError, SlotLostError
from tests.conftest import ENVIRONMENT, MODELS, ROOT, STORE, contents, run, training
from tests.kinds import SETTINGS, SMALL
from tests.processes import bare_project, processes_below, until
from tests.test_checkpoints import output, state
from tools.cluster import Cluster, DaskSlot, describe, install, project_folder, zipped

JOB = Job("small", SMALL, SETTINGS, 0, tested=True)
HERE = sys.version.split()[0]


class MadeUpClient:
    """A Dask client of made-up workers by address, whose first call of each fails if it is an exception."""

    dashboard_link = "nowhere"

    def __init__(self, **workers: dict[str, Any] | Exception) -> None:
        self.workers, self.installed = workers, list[str]()

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": dict(self.workers)}

    def run(self, function: Any, *arguments: Any, workers: list[str]) -> dict[str, Any]:
        offer = self.workers[workers[0]]
        if isinstance(offer, Exception):
            raise offer
        if function is install:
            self.installed.append(workers[0])
            return {}
        assert function is describe
        versions = dict.fromkeys(arguments[0], "") | offer["cluster"].libraries | offer.get("libraries", {})
        return {workers[0]: {"name": workers[0], "kind": "K", "python": HERE, "threads": 4, "memory": 9e9} | offer
                | {"libraries": versions}}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = bare_project(tmp_path / "driver")
    monkeypatch.chdir(folder)
    return folder


def cluster_of(kind: str = "", **offers: dict[str, Any] | Exception) -> Cluster:
    client = MadeUpClient(**offers)
    cluster = Cluster(client, threads=2, kind=kind)
    for offer in offers.values():
        if isinstance(offer, dict):
            offer["cluster"] = cluster
    return cluster


@pytest.mark.usefixtures("project")
def test_workers_that_would_train_other_bytes_are_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = cluster_of(
        a={}, b={"libraries": {"numpy": "1.0"}}, c={"python": "3.9.1"}, d={"kind": "Other"},
        e=TypeError("cannot read\nthis"), f={"threads": 1, "memory": 5e8},
    )  # fmt: skip
    slots = cluster.new_slots()
    assert [slot.name for slot in slots] == ["worker a", "worker a", "worker f"]
    assert cluster.client.installed == ["a", "f"]
    assert cluster.new_slots() == []
    lines = capsys.readouterr().out.splitlines()
    numpy = cluster.libraries["numpy"]
    assert [line for line in lines if "gets no job" in line] == [
        f"worker b: numpy 1.0 there, {numpy} required. Run `make setup` there.; it gets no job",
        f"worker c: Python 3.9.1 there, {HERE} here. Run `make setup` there.; it gets no job",
        "worker d: its processor is Other, this run is on K (PROCESSOR= selects another kind); it gets no job",
        "worker e: TypeError: cannot read this; it gets no job",
    ]


@pytest.mark.usefixtures("project")
def test_run_ends_if_all_workers_are_refused_and_waits_while_there_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = cluster_of(kind="Other")
    assert cluster.new_slots() == cluster.new_slots() == []
    assert capsys.readouterr().out == "waiting for workers to join; dashboard: nowhere\n"
    cluster.client.workers["a"] = {"cluster": cluster}
    with pytest.raises(
        InputError, match=r"no worker can take part: worker a: its processor is K, this run is on Other"
    ):
        cluster.new_slots()


def test_project_is_installed_once_for_its_bytes(project: Path, tmp_path: Path) -> None:
    worker = SimpleNamespace(local_directory=str(tmp_path / "worker"))
    (tmp_path / "worker").mkdir()
    code = zipped(Path("stages"))
    for path in (project / "stages").rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    (project / "stages/__pycache__").mkdir()
    (project / "stages/__pycache__/jobs.pyc").touch()
    assert zipped(Path("stages")) == code
    install("key", code, b"images", worker)
    folder = project_folder(worker, "key")
    assert (folder / "data/fashion_mnist.npz").read_bytes() == b"images"
    assert contents(folder / "stages/training") == contents(project / "stages/training")
    install("key", b"", b"", worker)
    assert [path.name for path in folder.parent.iterdir()] == ["key"]


class Worker:
    """A made-up worker with a store of its own: trains an epoch per segment and keeps what it was sent."""

    def __init__(self, cluster: Cluster, root: Path, damage: bytes = b"") -> None:
        assert cluster.trainings
        self.store = CheckpointStore({}, root, kind="K")
        self.store.without_code = cluster.trainings.store(JOB).without_code
        self.damage, self.sent = damage, list[set[str]]()

    def __call__(self, request: dict[str, Any], files: dict[str, bytes], _name: str) -> dict[str, Any]:
        self.sent.append(set(files))
        assert not self.store.import_files(files)
        epochs, end = self.store.load(3)[0].epochs, request["job"]["settings"]["epochs"]
        if epochs < end:
            self.store.save(state(epochs + 1), end)
        if epochs + 1 >= end:
            self.store.save_output(end, output(1))
        new = [path for path in self.store.valid_files(end) if path.name not in files]
        return {"finished": epochs + 1 >= end, "files": {path.name: path.read_bytes() + self.damage for path in new}}


@pytest.fixture
def cluster(project: Path) -> Cluster:
    cluster = cluster_of(a={})
    assert cluster.new_slots()
    return cluster


def train(cluster: Cluster, answer: Any, report: Report = lambda _: None) -> None:
    slot = DaskSlot(cluster, "a", 0, "a")
    slot._answer = answer  # type: ignore[method-assign]
    slot.run(JOB, report)


def test_checkpoints_travel_with_the_job_and_a_worker_s_finished_training_is_taken(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The second driver lost what the first one received, with a byte of a checkpoint flipped."""
    worker, events = Worker(cluster, tmp_path / "worker"), list[dict[str, Any]]()
    train(cluster, worker, events.append)
    assert [event["epoch"] for event in events] == [1, 2, 3]
    assert worker.sent == [set(), {"unfinished-1.K.npz"}, {"unfinished-2.K.npz"}]
    store = cluster.trainings.store(JOB) if cluster.trainings else pytest.fail("no worker")
    assert {path.name for path in store.valid_files(3)} == {"epoch-3.K.npz", "output-3.K.npz"}
    whole = {path.name: path.read_bytes() for path in store.valid_files(3)}
    for path in store.valid_files(3):
        path.write_bytes(whole[path.name][:-1] + b"x")
    train(cluster, worker)
    assert worker.sent[3:] == [set()], "a damaged checkpoint is never sent"
    assert {path.name: path.read_bytes() for path in store.valid_files(3)} == whole
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
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise OSError("disk is full")

    def never(*_arguments: Any, **_options: Any) -> None:
        raise TimeoutError

    future = SimpleNamespace(result=fail, cancel=lambda: None)
    cluster.client.submit = lambda *_arguments, **_options: future
    monkeypatch.setattr("distributed.wait", lambda *_arguments, **_options: None)
    slot = DaskSlot(cluster, "a", 0, "a")
    with pytest.raises(SlotLostError, match=r"^OSError: disk is full$"):
        slot.run(JOB, lambda _: None)
    with pytest.raises(InputError, match=r"no worker can take part: worker a: OSError: disk is full"):
        cluster.new_slots()
    monkeypatch.setattr("distributed.wait", never)
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
        until(lambda: processes_below(self.folder / name) == [], "the end of the worker's trainings", 10)


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealCluster]:
    cluster = RealCluster(tmp_path)
    yield cluster
    for process in (*cluster.workers.values(), cluster.scheduler):
        process.terminate()
        process.wait()
    until(lambda: processes_below(tmp_path) == [], "the end of what the cluster started", 10)


DRIVE = """
import runpy, sys
from tools import repro
from stages.jobs import Trainings
stages = ["train_width@w2-4", "train_width@w5-10"]
repro.missing_jobs = lambda params: Trainings().missing(repro.study_jobs(params, stages))
repro.run_dvc = lambda *_: 0
sys.argv = ["cluster", "study", sys.argv[1]]
runpy.run_module("tools.cluster", run_name="__main__", alter_sys=True)
"""


def drive(project: Path, scheduler: str, **variables: str) -> "subprocess.Popen[str]":
    variables |= {"PYTHONPATH": str(ROOT)}  # after stages/ of the project, in which it starts
    return subprocess.Popen(
        [sys.executable, "-c", DRIVE, scheduler], cwd=project, env=ENVIRONMENT | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.slow
def test_two_workers_killed_drivers_and_flipped_bytes_give_a_serial_runs_bytes(
    project: Path, real: RealCluster, tmp_path: Path
) -> None:
    """Empty stores, no shared cache. A third worker has another library, a fourth another kind of processor."""
    params = project / "params.yaml"
    text = params.read_text().replace("epochs: 20", "epochs: 12").replace("threads: 2", "threads: 1")
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
    until(lambda: real.stored("one", "unfinished-*.npz") and real.stored("two", "unfinished-*.npz"), "epochs", 300)
    real.kill("one")
    real.add("five")
    assert driver.stdout
    lines = [next(line for line in driver.stdout if "done in" in line)]
    results = {path: path.stat().st_mtime_ns for path in (project / STORE).glob("*/output-*")}
    driver.kill()
    rest, _ = driver.communicate()
    flip(next((project / STORE).glob("*/epoch-*.npz")))
    until(lambda: real.stored("two", "unfinished-*.npz") or real.stored("five", "unfinished-*.npz"), "more epochs")
    for path in [*real.stored("two", "unfinished-*.npz"), *real.stored("five", "unfinished-*.npz")]:
        flip(path)
    driver = drive(project, real.address)
    again, _ = driver.communicate(timeout=900)
    assert driver.returncode == 0, again
    assert "worker three: numpy 1.0 there" in again
    assert "worker four: its processor is other" in again
    assert not real.stored("three", "*.npz")
    assert not real.stored("four", "*.npz")
    assert again.count("done in") == 4 - len(results)
    assert {path: path.stat().st_mtime_ns for path in results} == results, "no result was trained again"
    assert lines, rest

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
    until(lambda: processes_below(scratch) == [], "the end of its trainings", 10)
