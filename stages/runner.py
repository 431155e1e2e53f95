"""Run jobs side by side on slots: worker processes of this machine, or other places that a tool provides."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

from stages.checkpoints import code_fingerprint
from stages.jobs import LOGS, Job, Report

LOG_LINES = 15  # of a failed job, shown
PATIENCE = 10  # seconds between asking a worker process to end and killing it


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


class WorkerProcess:
    """A process of `python -m stages.jobs` in a project's folder. It uses the standard library alone."""

    def __init__(self, folder: Path, python: str) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "stages.jobs"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C reaches whoever started it, and that ends it
        )

    def ask(self, request: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Return the answer to a request: `finished`, or `error` with a text. Events before it go to `on_event`."""
        log = Path(request["log"])
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        assert self.process.stdin  # noqa: S101 - a pipe
        assert self.process.stdout  # noqa: S101
        with suppress(BrokenPipeError):  # the process ended, and its log or status says why
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            if "finished" in event or "error" in event:
                return event
            on_event(event)
        status = self.process.wait()
        if status < 0:
            return {
                "error": f"killed by signal {-status} ({signal.Signals(-status).name}), most often because memory ran "
                "out. The same command goes on from the last epoch."
            }
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        return {"error": "\n".join([f"failed with exit status {status}; the end of {log}:", *lines])}

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def close(self) -> None:
        """End the process. It has no unfinished file, and its last epoch is stored."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ProcessSlot:
    """A worker process of this machine. A new one replaces it for a job of another kind."""

    name = "this machine"

    def __init__(self) -> None:
        self.kind: tuple[int, bool] | None = None
        self.process: WorkerProcess | None = None

    def run(self, job: Job, report: Report) -> None:
        """Run the job to its end. Raises JobFailedError."""
        if self.process is None or self.process.ended or self.kind != job.kind:
            self.close()
            self.process, self.kind = WorkerProcess(Path.cwd(), sys.executable), job.kind
        answer = self.process.ask(job.request(LOGS, code_fingerprint()), report)
        if "error" in answer:
            raise JobFailedError(f"{job.title}: {answer['error']}")

    def close(self) -> None:
        """End the worker process, from any thread."""
        process, self.process = self.process, None
        if process:
            process.close()


class Runner:
    """Runs jobs on slots. The slots live on from call to call, until the `with` block ends."""

    def __init__(self, new_slots: Callable[[], Sequence[Slot]], *, finish_others: bool = False) -> None:
        """`new_slots` is asked every second for more slots; `finish_others`: a failed job does not end the rest."""
        self.new_slots, self.finish_others = new_slots, finish_others
        self.idle: list[Slot] = []
        self.busy: list[Slot] = []
        self.ended: SimpleQueue[tuple[Slot, Job, BaseException | None]] = SimpleQueue()
        self.trained_epochs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        slots = [*self.idle, *self.busy]
        with ThreadPoolExecutor(max(len(slots), 1)) as pool:
            list(pool.map(lambda slot: slot.close(), slots))

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. Raises JobFailedError if one fails: at once, or with `finish_others` after the others."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs")
        pending, failures = list(jobs), list[str]()
        display = Progress(*columns, TimeRemainingColumn(), disable=not sys.stdout.isatty())
        with display:
            while pending or self.busy:
                self.idle += self.new_slots()
                while pending and self.idle:
                    slot = self.idle.pop(0)
                    job = next((job for job in pending if job.kind == slot.kind), pending[0])
                    pending.remove(job)
                    self.busy.append(slot)
                    Thread(target=self._run, args=(slot, job, display), daemon=True).start()  # ends with the process
                try:
                    slot, job, error = self.ended.get(timeout=1)
                except Empty:
                    continue
                self.busy.remove(slot)
                if isinstance(error, SlotLostError):
                    tell(f"{job.title}: {slot.name} is lost ({error}); goes on elsewhere")
                    pending.insert(0, job)
                    continue
                self.idle.append(slot)
                if isinstance(error, JobFailedError) and self.finish_others:
                    failures.append(str(error))
                elif error:
                    raise error
        if failures:
            raise JobFailedError("\n".join(failures))

    def _run(self, slot: Slot, job: Job, display: Any) -> None:
        began, title, failure = time.monotonic(), job.title, None
        line = display.add_task(title, total=job.settings.epochs)

        def report(event: dict[str, Any]) -> None:
            if "note" in event:
                tell(f"{title}: {event['note']}")
            else:
                self.trained_epochs += 1
                display.update(line, completed=event["epoch"])

        try:
            slot.run(job, report)
            tell(f"{title}: done in {time.monotonic() - began:.0f} s")
        except BaseException as error:  # the main thread raises it
            failure = error
        display.remove_task(line)
        self.ended.put((slot, job, failure))


def local_slots(count: int) -> Callable[[], Sequence[Slot]]:
    """Return what gives a Runner `count` worker processes of this machine."""
    slots: list[Slot] = [ProcessSlot() for _ in range(count)]

    def new_slots() -> Sequence[Slot]:
        new, slots[:] = list(slots), []
        return new

    return new_slots


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
        with suppress(OSError):  # the terminal may be gone
            print(f"\n{command}: interrupted. The same command goes on from here.", file=sys.stderr)
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
