"""Jobs: trainings that this process or a worker process runs, from the longest checkpoint in the store.

A job is one training: architecture, settings, seed and the epoch at which it ends. It leaves its checkpoint in the
store, and if it is `tested` also what the stage `train` writes of its seed; the search reads no test image.

    python -m stages.jobs

is a worker process. It reads a request per line from stdin, writes its progress to stdout, and ends when its stdin is
closed, so never later than whoever started it.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from stages.checkpoints import CheckpointStore, code_fingerprint, data_md5, fingerprint, store_root
from stages.common import DATA, DATASET_FILE, InputError
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset, read_dataset
from stages.training.results import EPOCH_COLUMNS, State

LOGS = DATA / "logs"
Report = Callable[[dict[str, Any]], None]  # receives `epoch`, `epochs` and EPOCH_COLUMNS after every epoch, or a `note`


class Job(NamedTuple):
    """One training."""

    name: str  # for lines and logs
    architecture: Architecture
    settings: Train  # `epochs` is where it ends; `seeds` is not used
    seed: int
    tested: bool  # whether it ends with what the stage `train` writes of the seed

    @property
    def kind(self) -> tuple[int, bool]:
        """What a process sets once: threads, and whether these share the operations of whole batches."""
        return self.settings.threads, self.architecture.whole_batches

    @property
    def title(self) -> str:
        return f"{self.name} seed {self.seed}"

    def request(self, logs: Path, code: str, root: Path | None = None, seconds: float | None = None) -> dict[str, Any]:
        """Return what a worker process is asked: `code` is the fingerprint it must have, `seconds` when it pauses."""
        fields = self._asdict() | {
            "architecture": self.architecture.model_dump(),
            "settings": self.settings.model_dump(),
        }
        log = logs / f"{self.name}-seed-{self.seed}.log"
        return {"job": fields, "log": str(log), "code": code, "root": root and str(root), "seconds": seconds}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return the job of a request."""
        architecture, settings = Architecture(**fields["architecture"]), Train(**fields["settings"])
        return cls(fields["name"], architecture, settings, fields["seed"], fields["tested"])


class Trainings:
    """The store of this project's trainings, for its data and its code."""

    def __init__(self, root: Path | None = None, kind: str = "") -> None:
        """Use the store at `root` for trainings on this `kind` of processor: by default the project's and this one."""
        self.data, self.code, self.kind = data_md5(), code_fingerprint(), kind
        self.root, self.shared = (root, False) if root else store_root()

    def store(self, job: Job) -> CheckpointStore:
        made_by = fingerprint(job.architecture, job.settings, job.seed, self.data, self.code)
        return CheckpointStore(made_by, self.root, shared=self.shared, kind=self.kind)

    def finished(self, job: Job) -> bool:
        """Return whether the store has all that the job leaves."""
        store = self.store(job)
        if job.tested:
            return store.load_output(job.settings.epochs) is not None
        return is_finished(store.load(job.settings.epochs)[0], job)

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that are not finished, each training once."""
        missing: dict[str, Job] = {}
        for job in jobs:
            key = f"{job.architecture.model_dump_json()} {job.settings.model_dump_json(exclude={'seeds'})} {job.seed}"
            if key not in missing and not self.finished(job):
                missing[key] = job
        return list(missing.values())


def is_finished(state: State, job: Job) -> bool:
    return bool(state.diverged_epoch) or state.epochs == job.settings.epochs


class PausedError(Exception):
    """A training stopped at the end of an epoch because its time was over."""


def train_job(job: Job, trainings: Trainings, dataset: Dataset, report: Report, seconds: float = float("inf")) -> None:
    """Train in this process from the longest checkpoint to the job's end. Raises PausedError after `seconds`.

    `stages.training.backend.start` was called before, for the job's kind.
    """
    from stages.training.loop import evaluate, train  # loads TensorFlow, which finished trainings do without

    store, epochs, began = trainings.store(job), job.settings.epochs, time.monotonic()
    with store.lock(lambda: report({"note": "waits for another process that trains the same"})):
        if job.tested and store.load_output(epochs):
            return
        state, note = store.load(epochs)
        for line in (store.note, note):
            if line:
                report({"note": line})

        def after_epoch(state: State) -> None:
            store.save(state, epochs)
            numbers = dict(zip(EPOCH_COLUMNS, state.history[-1], strict=True)) if state.history else {}
            report({"epoch": state.epochs, "epochs": epochs, **numbers})
            if time.monotonic() - began > seconds and not is_finished(state, job):
                raise PausedError

        train(job.architecture, dataset, job.settings, job.seed, state, after_epoch)
        if job.tested:
            scratch = store.folder / ".model.keras"
            store.save_output(epochs, evaluate(job.architecture, dataset, job.settings, job.seed, state, scratch))


def print_report(job: Job) -> Report:
    """Return a report that prints a line per epoch, with the time left."""
    began, first = time.monotonic(), 0

    def report(event: dict[str, Any]) -> None:
        nonlocal first
        line = event.get("note", "")
        if "epoch" in event:
            first = first or event["epoch"]
            seconds = (time.monotonic() - began) / (event["epoch"] - first + 1)
            numbers = ", ".join(f"{column} {event[column]:.4f}" for column in EPOCH_COLUMNS if column in event)
            left = f"{seconds * (event['epochs'] - event['epoch']):.0f} s left"
            line = f"epoch {event['epoch']}/{event['epochs']}, {numbers}, {left}"
        print(f"{job.title}: {line}", flush=True)

    return report


SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")  # requested by a job, and given on this machine


def usable_cores() -> int:
    """Return the least of the machine's cores, this process's affinity, its control groups' quota and a SLURM job's."""
    machine = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    return least(machine, affinity, quota(Path("/")), allotted(os.environ))


def least(*limits: float | None) -> int:
    """Return the lowest limit in whole cores, at least one."""
    return max(int(min(limit for limit in limits if limit is not None)), 1)


def allotted(environment: Mapping[str, str]) -> int | None:
    """Return the cores that SLURM gave; None outside its jobs."""
    numbers = [int(environment[name]) for name in SLURM if environment.get(name, "").isdecimal()]
    return min(numbers, default=None)


def quota(root: Path) -> float | None:
    """Return how many cores' worth of time control groups of either version allow; None without a limit.

    A group's file is where its name says, and at the top of the tree that a container sees. Its limit holds for all
    groups in it (Linux, Documentation/admin-guide/cgroup-v2.rst, "cpu.max"; Documentation/scheduler/sched-bwc.rst).
    """
    groups = root / "proc/self/cgroup"
    quotas = []
    for line in groups.read_text(encoding="utf-8").splitlines() if groups.exists() else []:
        _, controllers, group = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        top = next((top for name in (controllers, "cpu", "") if (top := root / "sys/fs/cgroup" / name).is_dir()), root)
        folder = top / group.lstrip("/")
        places = [place for place in (folder, *folder.parents) if place.is_relative_to(top)]
        quotas += [_quota_v1(place) if controllers else _quota_v2(place) for place in places]
    return min((quota for quota in quotas if quota), default=None)


def _quota_v2(folder: Path) -> float | None:
    file = folder / "cpu.max"
    if not file.is_file():
        return None
    quota, period = file.read_text(encoding="utf-8").split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: Path) -> float | None:
    files = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    if not all(file.is_file() for file in files):
        return None
    quota, period = (int(file.read_text(encoding="utf-8")) for file in files)
    return None if quota < 0 else quota / period


def _worker(answers: Any) -> None:
    """Do what the requests on stdin ask for, one after the other."""
    from stages.training import backend, loop  # noqa: F401 - all of the code, before its fingerprint is taken

    code, kind, dataset = code_fingerprint(), None, None
    trainings: dict[str | None, Trainings] = {}

    def answer(event: dict[str, Any]) -> None:
        answers.write(json.dumps(event).encode() + b"\n")
        answers.flush()

    for line in _requests():
        request = json.loads(line)
        job, root = Job.from_json(request["job"]), request["root"]
        with Path(request["log"]).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if request["code"] != code:
            answer({"error": "stages/training changed since this worker started. Run the same command again."})
            continue
        if kind not in (None, job.kind):
            answer({"error": f"this worker trains with (threads, whole batches) {kind}, the job needs {job.kind}"})
            continue
        printed, finished = print_report(job), True

        def report(event: dict[str, Any], printed: Report = printed) -> None:
            printed(event)
            answer(event)

        try:
            if kind is None:
                backend.start(job.settings.threads, split_operations=job.architecture.whole_batches)
                kind = job.kind
            dataset = dataset or read_dataset(DATASET_FILE)
            if root not in trainings:
                trainings[root] = Trainings(root=Path(root) if root else None)
            train_job(job, trainings[root], dataset, report, request["seconds"] or float("inf"))
        except PausedError:
            finished = False
        except (InputError, OSError) as error:
            answer({"error": " ".join(str(error).split())})
            continue
        files = trainings[root].store(job).valid_files(job.settings.epochs) if root else []
        answer({"finished": finished, "files": [str(path) for path in files]})


def _requests() -> Iterator[bytes]:
    """The lines of stdin. The process ends as soon as stdin is closed, even in the middle of a job."""
    from queue import SimpleQueue

    lines: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer:
            lines.put(line)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as channel:
        try:
            _worker(channel)
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)  # an orderly end would abort, because a thread reads stdin
