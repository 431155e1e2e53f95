"""Run trainings: in this process, in worker processes of this machine, or wherever a slot sends them.

A job is one training: architecture, settings, seed and the epoch at which it ends. It leaves its checkpoint in the
store, and if it is `tested` also what the stage `train` writes of its seed; the search reads no test image.

    python -m stages.jobs

is a worker process. It reads a request per line from stdin, writes its progress to stdout, and ends when its stdin is
closed, so never later than whoever started it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Protocol, Self

from stages.checkpoints import CheckpointStore, code_fingerprint, data_md5, fingerprint, store_root
from stages.common import DATA, DATASET_FILE, InputError
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset, read_dataset
from stages.training.results import EPOCH_COLUMNS, State

LOGS = DATA / "logs"
LOG_LINES = 15  # of a failed job, shown
PATIENCE = 10  # seconds between asking a worker process to end and killing it
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

    def to_json(self) -> dict[str, Any]:
        return self._asdict() | {
            "architecture": self.architecture.model_dump(),
            "settings": self.settings.model_dump(),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        architecture, settings = Architecture(**fields["architecture"]), Train(**fields["settings"])
        return cls(fields["name"], architecture, settings, fields["seed"], fields["tested"])


class Trainings:
    """The store of this project's trainings, for its data and its code."""

    def __init__(self, data: str = "", root: Path | None = None) -> None:
        """`data` is the data set file's MD5, `root` the store's folder: by default those of this project."""
        self.data, self.code = data or data_md5(), code_fingerprint()
        self.root, self.shared = (root, False) if root else store_root()

    def store(self, job: Job) -> CheckpointStore:
        made_by = fingerprint(job.architecture, job.settings, job.seed, self.data, self.code)
        return CheckpointStore(made_by, self.root, shared=self.shared)

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
        print(f"{job.name} seed {job.seed}: {line}", flush=True)

    return report


class JobFailedError(Exception):
    """A job that ended with an error of its own; the text has the end of its log."""


class SlotLostError(Exception):
    """The place where a job ran is gone; another one can continue from the last checkpoint."""


class Slot(Protocol):
    """A place that runs one job at a time."""

    name: str
    kind: tuple[int, bool] | None  # of the job before, whose process lives on

    def run(self, job: Job, report: Report) -> None:
        """Run the job to its end. Raises JobFailedError or SlotLostError."""

    def close(self) -> None:
        """End what runs here, from any thread."""


class ProcessSlot:
    """A worker process of this machine. A new one replaces it for a job of another kind."""

    def __init__(self, folder: Path | None = None, root: Path | None = None) -> None:
        """Work in the project at `folder`, with the store at `root`: by default this project's."""
        self.folder, self.root = folder or Path.cwd(), root
        self.name = "this machine"
        self.kind: tuple[int, bool] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, job: Job, report: Report, seconds: float | None = None) -> bool:
        """Run the job; return whether it is finished, which it is unless `seconds` were over. Raises JobFailedError."""
        if self.process is None or self.kind != job.kind:
            self._start(job.kind)
        log = self.folder / LOGS / f"{job.name}-seed-{job.seed}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        request = {"job": job.to_json(), "log": str(log), "root": self.root and str(self.root), "seconds": seconds}
        request["code"] = code_fingerprint(self.folder / "stages/training")
        assert self.process  # noqa: S101 - started above
        process, answer = self.process, b""
        with suppress(BrokenPipeError):  # the process ended, and its log or status says why
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        for answer in process.stdout:
            event = json.loads(answer)
            if "finished" in event:
                return bool(event["finished"])
            if "error" in event:
                raise JobFailedError(f"{job.name} seed {job.seed}: {event['error']}")
            report(event)
        self.process = None
        raise JobFailedError(f"{job.name} seed {job.seed} {_ending(process.wait(), log)}")

    def _start(self, kind: tuple[int, bool]) -> None:
        self.close()
        self.kind = kind
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stages.jobs"],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches whoever started it, and that ends it
        )

    def close(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ending(status: int, log: Path) -> str:
    if status < 0:
        return (
            f"was killed by signal {-status} ({signal.Signals(-status).name}), most often because memory ran out; "
            "the same command goes on from the last epoch"
        )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join([f"failed with exit status {status}; the end of {log}:", *lines])


class Runner:
    """Runs jobs on slots. The slots live on from call to call, until the `with` block ends."""

    def __init__(self, new_slots: Callable[[], Sequence[Slot]], *, finish_others: bool = False) -> None:
        """`new_slots` is asked every second for more slots; `finish_others`: a failed job does not end the rest."""
        self.new_slots, self.finish_others = new_slots, finish_others
        self.idle: list[Slot] = []
        self.busy: dict[Future[Any], tuple[Slot, Job]] = {}
        self.trained_epochs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        slots = [*self.idle, *(slot for slot, _ in self.busy.values())]
        with ThreadPoolExecutor(max(len(slots), 1)) as pool:
            list(pool.map(lambda slot: slot.close(), slots))

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. Raises JobFailedError if one fails: at once, or with `finish_others` after the others."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs")
        pending, failures = list(jobs), list[str]()
        display = Progress(*columns, TimeRemainingColumn(), disable=not sys.stdout.isatty())
        pool = ThreadPoolExecutor(max_workers=1024)
        try:
            with display:
                while pending or self.busy:
                    self.idle += self.new_slots()
                    while pending and self.idle:
                        slot = self.idle.pop(0)
                        job = next((job for job in pending if job.kind == slot.kind), pending[0])
                        pending.remove(job)
                        self.busy[pool.submit(self._run, slot, job, display)] = slot, job
                    if not self.busy:
                        time.sleep(1)  # until a slot appears
                    for future in wait(self.busy, timeout=1, return_when=FIRST_COMPLETED).done:
                        slot, job = self.busy.pop(future)
                        try:
                            future.result()
                        except SlotLostError as error:
                            tell(f"{job.name} seed {job.seed}: {slot.name} is gone ({error}); goes on elsewhere")
                            pending.insert(0, job)
                            continue
                        except JobFailedError as error:
                            failures.append(str(error))
                            if not self.finish_others:
                                raise
                        self.idle.append(slot)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if failures:
            raise JobFailedError("\n".join(failures))

    def _run(self, slot: Slot, job: Job, display: Any) -> None:
        began, title = time.monotonic(), f"{job.name} seed {job.seed}"
        line = display.add_task(title, total=job.settings.epochs)

        def report(event: dict[str, Any]) -> None:
            if "note" in event:
                tell(f"{title}: {event['note']}")
            else:
                self.trained_epochs += 1
                display.update(line, completed=event["epoch"])

        try:
            slot.run(job, report)
        finally:
            display.remove_task(line)
        tell(f"{title}: done in {time.monotonic() - began:.0f} s")


def local_slots(count: int) -> Callable[[], Sequence[Slot]]:
    """Return what gives a Runner `count` worker processes of this machine."""
    slots: list[Slot] = [ProcessSlot() for _ in range(count)]

    def new_slots() -> Sequence[Slot]:
        new, slots[:] = list(slots), []
        return new

    return new_slots


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


def tell(line: str) -> None:
    """Print a line whole. `print` writes its end on its own, and another thread's line could come between."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def ended_by_exception(command: str) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP raise SystemExit with 128 + the signal's number, so that the block cleans up."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, lambda *_: None)  # cleaning up is short, and a second Ctrl-C would leave processes
        print(f"\n{command}: interrupted; the same command goes on from here", file=sys.stderr)
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
            answer({"error": "stages/training changed since this worker started; run the same command again"})
            continue
        if kind is None:
            backend.start(job.settings.threads, split_operations=job.architecture.whole_batches)
        kind = kind or job.kind
        if job.kind != kind:
            answer({"error": f"this worker trains with (threads, whole batches) {kind}, the job needs {job.kind}"})
            continue
        report = _both(print_report(job), answer)
        try:
            dataset = dataset or read_dataset(DATASET_FILE)
            if root not in trainings:
                trainings[root] = Trainings(root=Path(root) if root else None)
            train_job(job, trainings[root], dataset, report, request["seconds"] or float("inf"))
        except PausedError:
            answer({"finished": False})
        except (InputError, OSError) as error:
            answer({"error": " ".join(str(error).split())})
        else:
            answer({"finished": True})


def _both(one: Report, other: Report) -> Report:
    def report(event: dict[str, Any]) -> None:
        one(event)
        other(event)

    return report


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
        _worker(channel)
