"""Run the trainings that are missing on a Dask cluster, then the pipeline here, which copies their results.

    python -m tools.cluster study|search [SCHEDULER [PROCESSOR]]

SCHEDULER is the address of a Dask scheduler; without it a cluster starts on this machine. A worker needs the
environment of requirements.lock and nothing else: it receives stages/ and the data set file once, and checkpoints
travel with the jobs. Workers of one kind of processor take part: of the kind PROCESSOR, or else of the first worker's.
A lost worker costs its jobs the epochs since their last checkpoint, at most a minute or one epoch. A driver that is
killed and started again repeats no job whose result arrived.
"""

import hashlib
import io
import os
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stages import checkpoints, runner
from stages.checkpoints import cpu_kind
from stages.common import DATASET_FILE, LIBRARIES, InputError, read_libraries, reported_in_one_line
from stages.jobs import Job, Report, Trainings, usable_cores
from stages.params import Params, load_params
from stages.runner import JobFailedError, Runner, Slot, SlotLostError, WorkerProcess, ended_by_exception, tell
from tools.repro import missing_jobs, run_dvc

CONNECT = 10  # seconds for a scheduler to answer
SEGMENT = 60  # seconds of training after which a job sends its checkpoint
MEMORY = 2e9  # bytes, of a training


def describe(libraries: list[str], dask_worker: Any = None) -> dict[str, Any]:
    """Return what results follow from on a worker, and its size. Runs there, without any module of this project."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for name in libraries:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "missing"
    memory = dask_worker.memory_manager.memory_limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = {"name": str(dask_worker.name), "threads": dask_worker.state.nthreads, "memory": memory}
    return {"libraries": versions, "kind": cpu_kind(), "python": sys.version.split()[0], **size}


def project_folder(worker: Any, key: str) -> Path:
    """Return where the project of this code and data is on a worker."""
    return Path(worker.local_directory).absolute() / "width-and-depth" / key


def install(key: str, code: bytes, data: bytes, dask_worker: Any = None) -> None:
    """Write stages/ and the data set file into the worker's folder, whole or not at all. Runs there."""
    folder = project_folder(dask_worker, key)
    if folder.exists():
        return
    folder.parent.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(unfinished)
    (unfinished / "data").mkdir()
    (unfinished / "data" / "fashion_mnist.npz").write_bytes(data)
    unfinished.replace(folder)


def train_segment(key: str, slot: int, request: dict[str, Any], files: dict[str, bytes], name: str) -> dict[str, Any]:
    """Train for a while from the checkpoint in `files`. Return the answer, and valid files of the store. Runs there.

    The worker process of the slot lives on from job to job while the jobs are of one kind.
    """
    from distributed import get_worker

    worker = get_worker()
    slots = worker.__dict__.setdefault("training_slots", {})
    place = slots.setdefault(slot, SimpleNamespace(lock=threading.Lock(), kind=None, process=None))
    with place.lock:  # a segment of a driver that was killed ends first
        folder, kind = project_folder(worker, key), (key, request.pop("kind"))
        if place.process and (place.kind != kind or place.process.ended):
            place.process.close()
            place.process = None
        if not place.process:
            place.kind, place.process = kind, WorkerProcess(folder, sys.executable)
        store = folder.parent / "trainings" / name
        store.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            partial = store / f".sent-{slot}-{file}"
            partial.write_bytes(content)
            partial.replace(store / file)
        request |= {"log": str(folder / "data/logs" / f"{name[:12]}.log"), "root": str(store.parent)}
        answer: dict[str, Any] = place.process.ask(request, lambda _event: None)
        new = [path for path in map(Path, answer.get("files", [])) if path.name not in files]
        return answer | {"files": {path.name: path.read_bytes() for path in new}}


class DaskSlot:
    """A place for one job on a Dask worker."""

    kind: tuple[int, bool] | None = None

    def __init__(self, cluster: "Cluster", address: str, number: int, worker: str) -> None:
        self.cluster, self.address, self.number, self.name = cluster, address, number, f"worker {worker}"
        self.future: Any = None

    def run(self, job: Job, report: Report) -> None:
        """Run the job segment by segment; import its checkpoint after each. Raises JobFailedError, SlotLostError."""
        self.kind, trainings, epochs = job.kind, self.cluster.trainings, job.settings.epochs
        assert trainings  # noqa: S101 - of the first worker
        store, place = trainings.store(job), f"{job.title} on {self.name}"
        if store.note:
            report({"note": store.note})
        with store.lock(lambda: report({"note": "waits for another process that trains the same"})):
            while not trainings.finished(job):
                request = job.request(Path(), trainings.code, seconds=SEGMENT) | {"kind": list(job.kind)}
                files = {path.name: path.read_bytes() for path in store.valid_files(epochs)}
                answer = self._answer(request, files, store.folder.name)
                if "error" in answer:
                    raise JobFailedError(f"{place}: {answer['error']}")
                damaged = store.import_files(answer["files"])
                if damaged or (answer["finished"] and not trainings.finished(job)):
                    raise JobFailedError(f"{place}: its result arrived damaged. Run the same command again.")
                report({"epoch": store.load(epochs)[0].epochs})

    def _answer(self, *arguments: Any) -> dict[str, Any]:
        """Return what `train_segment` returns on the worker."""
        from distributed import TimeoutError as NotYetError
        from distributed import wait

        self.future = self.cluster.client.submit(
            train_segment, self.cluster.key, self.number, *arguments, workers=[self.address], pure=False, retries=0
        )
        while True:
            try:
                wait(self.future, timeout=1)
            except (NotYetError, TimeoutError):
                if self.address in self.cluster.addresses():
                    continue
                self.close()
                raise SlotLostError("it left the cluster") from None
            try:
                answer: dict[str, Any] = self.future.result()
            except Exception as error:  # of the worker or of Dask: whatever it is, the job goes on elsewhere
                reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
                if self.address in self.cluster.addresses():
                    self.cluster.refused[self.address] = f"{self.name}: {reason}"
                raise SlotLostError(reason) from None
            return answer

    def close(self) -> None:
        """Cancel the segment that runs."""
        if self.future is not None:
            self.future.cancel()


class Cluster:
    """The workers that take part. A Runner asks it for the slots of workers that joined."""

    def __init__(self, client: Any, threads: int, kind: str) -> None:
        """`threads` is what a training takes, `kind` of processor: empty for the first worker's."""
        self.client, self.threads, self.kind = client, threads, kind
        self.libraries = read_libraries(LIBRARIES)
        self.code, self.data = zipped(Path("stages")), DATASET_FILE.read_bytes()
        self.key = hashlib.sha256(self.code + self.data).hexdigest()[:16]  # of the installed files
        self.known: set[str] = set()
        self.refused: dict[str, str] = {}
        self.trainings: Trainings | None = None
        self.waits = False

    def addresses(self) -> set[str]:
        """Return the addresses of the workers. Raises InputError if the scheduler is gone."""
        try:
            return set(self.client.scheduler_info()["workers"])
        except Exception as error:  # Dask raises many kinds
            raise InputError(f"the scheduler is gone ({error}). Start one and run the same command again.") from None

    def new_slots(self) -> Sequence[Slot]:
        """Return the slots of workers that joined. Raises InputError if all workers are refused."""
        addresses = self.addresses()
        slots: list[Slot] = []
        for address in sorted(addresses - self.known):
            slots += self._slots_of(address)
        self.known = addresses
        if addresses and addresses <= self.refused.keys():
            raise InputError("no worker can take part: " + "; ".join(self.refused[address] for address in addresses))
        if not addresses and not self.waits:
            tell(f"waiting for workers to join; dashboard: {self.client.dashboard_link}")
        self.waits = not addresses
        return slots

    def _slots_of(self, address: str) -> list[Slot]:
        try:
            offer = self.client.run(describe, list(self.libraries), workers=[address])[address]
            reason = self._reason(offer)
            if not reason:
                self.kind = self.kind or offer["kind"]
                self.trainings = self.trainings or Trainings(kind=self.kind)
                self.client.run(install, self.key, self.code, self.data, workers=[address])
        except Exception as error:  # another version of Python cannot read what Dask sends; a worker may be gone again
            offer, reason = {"name": address}, " ".join(f"{type(error).__name__}: {error}".split())[:200]
        if reason:
            self.refused[address] = f"worker {offer['name']}: {reason}"
            tell(f"{self.refused[address]}; it gets no job")
            return []
        count = max(min(offer["threads"] // self.threads, int(offer["memory"] // MEMORY)), 1)
        tell(f"worker {offer['name']}: {self.kind}, {count} trainings at a time")
        return [DaskSlot(self, address, number, offer["name"]) for number in range(count)]

    def _reason(self, offer: Mapping[str, Any]) -> str:
        """Why results of the worker would differ, or nothing."""
        here = sys.version.split()[0]
        others = [
            f"{name} {there} there, {self.libraries[name]} required"
            for name, there in offer["libraries"].items()
            if there != self.libraries[name]
        ]
        if offer["python"].split(".")[:2] != here.split(".")[:2]:
            others.append(f"Python {offer['python']} there, {here} here")
        if others:
            return f"{'; '.join(others)}. Run `make setup` there."
        if self.kind and offer["kind"] != self.kind:
            return f"its processor is {offer['kind']}, this run is on {self.kind} (PROCESSOR= selects another kind)"
        return ""


def zipped(folder: Path) -> bytes:
    """Return the files of the folder, without byte code, as a ZIP archive: equal files give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.writestr(zipfile.ZipInfo(str(path)), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


@contextmanager
def connected(scheduler: str, threads: int) -> Iterator[Any]:
    """Yield a Dask client of the scheduler, or of a cluster on this machine. Raises InputError if none answers."""
    import cloudpickle
    from distributed import Client, LocalCluster

    for module in (sys.modules[__name__], checkpoints, runner):  # workers do not have them
        cloudpickle.register_pickle_by_value(module)
    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT)
        except (OSError, ValueError) as error:
            raise InputError(f"SCHEDULER: no Dask scheduler answers at {scheduler!r}: {error}") from None
        with client:
            yield client
    else:
        cores = max(usable_cores(), threads)
        options = {"n_workers": 1, "threads_per_worker": cores, "processes": False, "dashboard_address": "localhost:0"}
        with LocalCluster(**options) as cluster, Client(cluster) as client:
            yield client


def run_on(scheduler: str, kind: str, params: Params, work: Callable[[Runner, Trainings], object]) -> None:
    """Do the work with a Runner on the cluster, which finishes other jobs if one fails. Raises JobFailedError."""
    with connected(scheduler, params.train.threads) as client:
        cluster = Cluster(client, params.train.threads, kind)
        with Runner(cluster.new_slots, finish_others=True) as dask_runner:
            work(dask_runner, Trainings(kind=kind))


def main() -> None:
    with reported_in_one_line("cluster"), ended_by_exception("cluster"):
        what, scheduler, kind = [*sys.argv[1:], "", "", ""][:3]
        if what not in ("study", "search"):
            raise InputError("usage: python -m tools.cluster study|search [SCHEDULER [PROCESSOR]]")
        if find_spec("distributed") is None:
            raise InputError("the package distributed is missing. Run `make setup`.")
        params = load_params()
        missing = missing_jobs(params)
        pipeline = [] if what == "study" else ["search/dvc.yaml"]
        try:
            if what == "search":
                from stages.search import run_search

                run_on(scheduler, kind, params, lambda runner, trainings: run_search(params, runner, trainings))
            elif missing:
                run_on(scheduler, kind, params, lambda runner, _: runner.run(missing))
        except JobFailedError as error:
            sys.exit(f"cluster: {error}")
        sys.exit(run_dvc("repro", *pipeline))


if __name__ == "__main__":
    main()
