"""Run missing trainings on a Dask cluster, then the pipeline here, which copies their results.

    python -m tools.cluster study|search [SCHEDULER [PROCESSOR]]

SCHEDULER is the address of a Dask scheduler; without it a cluster starts on this machine. A worker needs the
environment of requirements.lock and nothing else: it receives stages/ and the data set file once, and checkpoints
travel with the jobs. Only workers with one kind of processor take part: PROCESSOR, or the first worker's.
Jobs of a lost worker repeat the epochs since their last checkpoint, at most a minute or one epoch. A restarted driver
repeats no job whose result arrived.
"""

import hashlib
import pickle
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from typing import Any

import cloudpickle
from distributed import Client, get_worker, wait

from stages import checkpoints, runner
from stages.checkpoints import cpu_kind
from stages.common import DATASET_FILE, LIBRARIES, InputError, read_libraries, reported_in_one_line
from stages.jobs import Job, Report, Trainings, count_usable_cores
from stages.params import load_params
from stages.runner import JobFailedError, Runner, Slot, SlotLostError, WorkerProcess, ended_by_exception, tell
from stages.search import run_search
from tools.repro import find_missing_jobs, prepare_data, run_dvc

CONNECT = 10  # seconds for a scheduler to answer
SEGMENT = 60  # seconds of training after which a job sends its checkpoint
MEMORY = 2e9  # bytes per training
INSTALLED = Path("width-and-depth")  # on a worker, in its folder for temporary files


def describe(libraries: list[str]) -> dict[str, str]:
    """Return a worker's versions and processor. Runs there, without modules of this project."""
    found = dict.fromkeys(libraries, "missing")
    for name in libraries:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found | {"python": ".".join(map(str, sys.version_info[:2])), "processor": cpu_kind()}


def read_project_files() -> dict[str, bytes]:
    """Return the files that a worker needs by path: the code, the versions in its fingerprint, the data set file."""
    return {str(path): path.read_bytes() for path in [*sorted(Path("stages").rglob("*.py")), LIBRARIES, DATASET_FILE]}


def install(key: str, files: Mapping[str, bytes], dask_worker: Any = None) -> None:
    """Write the files into the worker's folder for `key`, all or none. Runs on the worker."""
    folder = Path(dask_worker.local_directory) / INSTALLED / key
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=folder.parent))
    for name, content in files.items():
        (partial / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).write_bytes(content)
    partial.replace(folder)


def train_segment(key: str, slot: int, request: dict[str, Any], files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Train a segment from the checkpoint in `files`. Return the answer and new valid files. Runs on the worker.

    A worker has one process per slot. A segment of a killed driver ends first.
    """
    worker = get_worker()
    folder = Path(worker.local_directory).absolute() / INSTALLED / key
    store = folder.parent / "trainings" / name
    store.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (store / file).write_bytes(content)
    request |= {"arguments": [*request["arguments"], str(store.parent)]}
    process: WorkerProcess = worker.__dict__.setdefault("training_processes", defaultdict(WorkerProcess))[slot]
    answer = process.ask(folder, request, lambda _event: None)
    paths = map(Path, answer.get("files", []))
    return answer | {"files": {path.name: path.read_bytes() for path in paths if path.name not in files}}


class DaskSlot:
    """A place for one job on a Dask worker."""

    kind: tuple[int, bool] | None = None
    future: Any = None

    def __init__(self, cluster: "Cluster", address: str, number: int, worker: str) -> None:
        self.cluster, self.address, self.number, self.name = cluster, address, number, f"worker {worker}"

    def run(self, job: Job, report: Report) -> None:
        """Run the job segment by segment; import its checkpoint after each. Raises JobFailedError, SlotLostError."""
        self.kind, trainings, epochs = job.kind, self.cluster.trainings, job.settings.epochs
        store, place = trainings.open_store(job), f"{job.title} on {self.name}"
        with store.lock(lambda: report({"note": "waits for another process with the same training"})):
            while not trainings.is_finished(job):
                files = {path.name: path.read_bytes() for path in store.valid_files(epochs)}
                answer = self._train_segment(job.request(trainings.code, SEGMENT), files, store.folder.name)
                if "error" in answer:
                    raise JobFailedError(f"{place}: {answer['error']}")
                damaged = store.import_files(answer["files"])
                if damaged or (answer["finished"] and not trainings.is_finished(job)):
                    raise JobFailedError(f"{place}: its result arrived damaged. Run the same command again.")
                report({"epoch": store.load(epochs).state.epochs})

    def _train_segment(self, *arguments: Any) -> dict[str, Any]:
        """Return the result of `train_segment` on the worker. Raises SlotLostError."""
        self.future = self.cluster.client.submit(
            train_segment, self.cluster.key, self.number, *arguments, workers=[self.address], pure=False, retries=0
        )
        while not self.future.done():
            with suppress(TimeoutError):
                wait(self.future, timeout=1)
            if self.address not in self.cluster.list_workers():
                self.close()
                raise SlotLostError("it left the cluster")
        try:
            return dict(self.future.result())
        except Exception as error:  # of the worker or of Dask: the job resumes elsewhere
            self.cluster.refused[self.address] = f"{self.name}: {shorten(error)}"
            raise SlotLostError(shorten(error)) from None

    def close(self) -> None:
        """Cancel the running segment."""
        if self.future is not None:
            self.future.cancel()


def shorten(error: Exception) -> str:
    """Return the error in one short line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


class Cluster:
    """The workers that take part. `new_slots` gives a Runner the slots of new workers."""

    trainings: Trainings  # for the workers' kind of processor, after the first joined

    def __init__(self, client: Any, threads: int, kind: str) -> None:
        """Set `threads` per training, and the `kind` of processor, by default the first worker's."""
        self.client, self.threads, self.kind, self.files = client, threads, kind, read_project_files()
        self.required = describe([]) | read_libraries(LIBRARIES)
        self.key = hashlib.sha256(pickle.dumps(self.files)).hexdigest()[:16]
        self.known, self.refused = set[str](), dict[str, str]()

    def list_workers(self) -> dict[str, Any]:
        """Return Dask's description of the workers by address. Raises InputError if the scheduler is gone."""
        try:
            return dict(self.client.scheduler_info()["workers"])
        except Exception as error:  # Dask raises many kinds
            raise InputError(f"the scheduler is gone ({error}). Start one and run the same command again.") from None

    def new_slots(self) -> Sequence[Slot]:
        """Return the slots of workers that joined. Raises InputError if all workers are refused."""
        workers = self.list_workers()
        new, self.known = sorted(workers.keys() - self.known), set(workers)
        slots = [slot for address in new for slot in self._slots_of(address, workers[address])]
        if workers and workers.keys() <= self.refused.keys():
            raise InputError("no worker can take part: " + "; ".join(self.refused[address] for address in workers))
        return slots

    def _slots_of(self, address: str, worker: Mapping[str, Any]) -> list[Slot]:
        name, number = f"worker {worker['name']}", worker["nthreads"] // self.threads
        self.refused.pop(address, None)  # it may have started again
        try:
            found = self.client.run(describe, list(self.required), workers=[address])[address]
            expected = self.required | {"processor": self.kind or found["processor"]}
            others = [key for key in found if found[key] != expected[key]]
            reason = "; ".join(f"{key}: expected {expected[key]}, got {found[key]}" for key in others)
            if not reason:
                self.kind = found["processor"]
                self.trainings = Trainings(kind=self.kind)
                self.client.run(install, self.key, self.files, workers=[address])
        except Exception as error:  # another Python cannot read Dask's messages; a worker may be gone again
            reason = shorten(error)
        if reason:
            self.refused[address] = f"{name}: {reason}"
            tell(f"{self.refused[address]}; it gets no job")
            return []
        number = max(int(min(number, (worker["memory_limit"] or inf) // MEMORY)), 1)
        tell(f"{name}: {self.kind}, {number} trainings at a time")
        return [DaskSlot(self, address, slot, worker["name"]) for slot in range(number)]


@contextmanager
def connected(scheduler: str, threads: int) -> Iterator[Any]:
    """Yield a Dask client of the scheduler, or of a cluster on this machine. Raises InputError if none answers."""
    for module in (sys.modules[__name__], checkpoints, runner):  # workers do not have them
        cloudpickle.register_pickle_by_value(module)
    options: dict[str, Any] = {"address": scheduler, "timeout": CONNECT}
    if not scheduler:
        cores = max(count_usable_cores(), threads)
        options = {"n_workers": 1, "threads_per_worker": cores, "processes": False, "dashboard_address": "localhost:0"}
    try:
        client = Client(**options)
    except Exception as error:  # Dask raises many kinds
        raise InputError(f"SCHEDULER: no Dask scheduler answers at {scheduler!r}: {error}") from None
    with client:
        tell(f"Workers can join at any time. Dashboard: {client.dashboard_link}")
        yield client


def main() -> None:
    with reported_in_one_line("cluster"), ended_by_exception("cluster"):
        command, scheduler, kind = [*sys.argv[1:], "", "", ""][:3]
        if command not in ("study", "search"):
            raise InputError("usage: python -m tools.cluster study|search [SCHEDULER [PROCESSOR]]")
        params = load_params()
        threads = params.train.threads
        prepare_data()
        missing = find_missing_jobs(params) if command == "study" else []
        try:
            if missing or command == "search":
                with (
                    connected(scheduler, threads) as client,
                    Runner([], Cluster(client, threads, kind).new_slots, finish_others=True) as dask_runner,
                ):
                    if command == "study":
                        dask_runner.run(missing)
                    else:
                        run_search(params, dask_runner, Trainings(kind=kind))
        except JobFailedError as error:
            sys.exit(f"cluster: {error}")
        sys.exit(run_dvc("repro", *(["search/dvc.yaml"] if command == "search" else [])))


if __name__ == "__main__":
    main()
