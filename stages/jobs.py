"""Run trainings in this process or a worker process, each from the longest checkpoint in the store.

A job is one training: architecture, settings, seed and last epoch. It stores its checkpoint and, if it is `tested`, its
output for the stage `train`. The search reads no test image.

    python -m stages.jobs THREADS WHOLE_BATCHES [ROOT]

starts a worker process for jobs of one kind (WHOLE_BATCHES is 0 or 1). It reads one request per line from stdin and
writes its progress to stdout. It ends when its parent process ends. ROOT is the store, by default the project's.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from stages.checkpoints import CheckpointStore, code_fingerprint, fingerprint, hash_data, is_last, store_root
from stages.common import DATA, DATASET_FILE, InputError, check_libraries
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset, read_dataset
from stages.training.results import EPOCH_COLUMNS, State

LOGS = DATA / "logs"
SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")  # cores that a task requested; cores on this machine
Report = Callable[[dict[str, Any]], None]  # receives `epoch`, `epochs` and EPOCH_COLUMNS after every epoch, or a `note`


class Job(NamedTuple):
    """One training."""

    name: str  # for lines and logs
    architecture: Architecture
    settings: Train  # `epochs` is the last one; `seeds` is not used
    seed: int
    tested: bool  # whether it also stores its output

    @property
    def kind(self) -> tuple[int, bool]:
        """Return the settings that a process cannot change: threads, and whether they share each operation."""
        return self.settings.threads, self.architecture.whole_batches

    @property
    def title(self) -> str:
        return f"{self.name} seed {self.seed}"

    def request(self, code: str, seconds: float = inf) -> dict[str, Any]:
        """Return a request to a worker process in JSON's types, with the arguments that start the process.

        `code` is the required fingerprint of its code. It pauses after `seconds` of training, by default never.
        """
        log, job = LOGS / f"{self.name}-seed-{self.seed}.log", TypeAdapter(Job).dump_python(self)
        arguments = [str(int(number)) for number in self.kind]
        return {"job": job, "arguments": arguments, "log": str(log), "code": code, "seconds": seconds}


class Trainings:
    """The store of this project's trainings, for its data and its code."""

    def __init__(self, root: str | Path = "", kind: str = "") -> None:
        """Use the store at `root`, by default the project's, for a `kind` of processor, by default this machine's."""
        self.data, self.code, self.kind = hash_data(), code_fingerprint(), kind
        self.root = Path(root) if root else store_root()

    def open_store(self, job: Job) -> CheckpointStore:
        made_by = fingerprint(job.architecture, job.settings, job.seed, self.data, self.code)
        return CheckpointStore(made_by, self.root, self.kind)

    def is_finished(self, job: Job) -> bool:
        """Return whether the store has the results of the job."""
        store, epochs = self.open_store(job), job.settings.epochs
        return store.load_output(epochs) is not None if job.tested else is_last(store.load(epochs).state, epochs)

    def find_missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that are not finished, each training once."""
        missing: dict[tuple[Path, int], Job] = {}
        for job in jobs:
            if not self.is_finished(job):
                missing.setdefault((self.open_store(job).folder, job.settings.epochs), job)
        return list(missing.values())


class PausedError(Exception):
    """A training pauses at the end of an epoch because its time is over."""


def train_job(job: Job, trainings: Trainings, dataset: Dataset, report: Report, seconds: float = inf) -> bool:
    """Train in this process from the longest checkpoint for at most `seconds`; return whether the job is finished.

    Call `stages.training.backend.start` first, for the job's kind.
    """
    from stages.training.loop import evaluate, train  # loads TensorFlow, which finished trainings do not need

    store, epochs, began = trainings.open_store(job), job.settings.epochs, time.monotonic()
    with store.lock(lambda: report({"note": "waits for another process with the same training"})):
        if job.tested and store.load_output(epochs):
            return True
        state, note, _ = store.load(epochs)
        if note:
            report({"note": note})

        def after_epoch(state: State) -> None:
            store.save(state, epochs)
            if state.diverged_epoch:
                report({"note": f"the loss of epoch {state.epochs} is NaN or infinite, so training ends"})
            else:
                numbers = dict(zip(EPOCH_COLUMNS, state.history[-1], strict=True))
                report({"epoch": state.epochs, "epochs": epochs, **numbers})
            if time.monotonic() - began > seconds:
                raise PausedError

        with suppress(PausedError):
            train(job.architecture, dataset, job.settings, job.seed, state, after_epoch)
        finished = is_last(state, epochs)
        if finished and job.tested:
            scratch = store.folder / ".model.keras"
            store.save_output(epochs, evaluate(job.architecture, dataset, job.settings, job.seed, state, scratch))
        return finished


def make_printer(job: Job, also: Report = lambda _event: None) -> Report:
    """Return a report that prints a line per epoch, with the time left, and then calls `also`."""
    began, trained = time.monotonic(), count(1)

    def report(event: dict[str, Any]) -> None:
        line = event.get("note")
        if line is None:
            epoch, epochs = event["epoch"], event["epochs"]
            seconds = (time.monotonic() - began) / next(trained) * (epochs - epoch)
            numbers = "".join(f"{column} {event[column]:.4f}, " for column in EPOCH_COLUMNS)
            line = f"epoch {epoch}/{epochs}, {numbers}{seconds:.0f} s left"
        print(f"{job.title}: {line}", flush=True)
        also(event)

    return report


def count_usable_cores() -> int:
    """Return how many cores this process can use: the least of its affinity, cgroup limit and SLURM allocation."""
    from dask.system import cpu_count  # here, because most runs train nothing

    slurm = (os.environ.get(name, "") for name in SLURM)
    return min([cpu_count(), *(int(cores) for cores in slurm if cores.isdecimal())])


def _serve(answers: Any, threads: str, whole_batches: str, *root: str) -> None:
    """Run the jobs of the requests on stdin, one after the other."""
    from stages.training import backend, loop  # noqa: F401 - all of the code, before its fingerprint is taken

    backend.start(int(threads), split_operations=whole_batches == "1")
    code, trainings, dataset = code_fingerprint(), None, None

    def answer(event: dict[str, Any]) -> None:
        answers.write(json.dumps(event).encode() + b"\n")
        answers.flush()

    for line in sys.stdin.buffer:
        request = json.loads(line)
        job: Job = TypeAdapter(Job).validate_python(request["job"])
        with Path(request["log"]).open("ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            check_libraries()
            trainings, dataset = trainings or Trainings(*root), dataset or read_dataset(DATASET_FILE)
            if not code == trainings.code == request["code"]:
                raise InputError("stages/training: changed since this worker started. Run the same command again.")
            finished = train_job(job, trainings, dataset, make_printer(job, answer), request["seconds"])
            files = trainings.open_store(job).valid_files(job.settings.epochs)
            answer({"finished": finished, "files": [str(path) for path in files]})
        except (InputError, OSError) as error:
            answer({"error": " ".join(str(error).split())})


def _end_with(parent: int) -> None:
    """End this process, even in the middle of a job, as soon as the process that started it has ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as channel:
        _serve(channel, *sys.argv[1:])
