"""Run jobs in parallel on slots: worker processes of this machine, or places on a Dask cluster (tools/cluster.py)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import FrameType
from typing import Any, Protocol

from rich.progress import Progress

from stages.checkpoints import code_fingerprint
from stages.common import ENDINGS, InputError
from stages.jobs import Job, Report

LOG_LINES = 15  # shown of a failed job's log


class JobFailedError(Exception):
    """The job itself failed; the text has the end of its log."""


class SlotLostError(Exception):
    """The slot of a job is gone; another slot can resume from the last checkpoint."""


class Slot(Protocol):
    """A place that runs one job at a time."""

    name: str
    kind: tuple[int, bool] | None  # of the previous job, whose process still runs

    def run(self, job: Job, report: Report) -> None:
        """Run the job to its end. Raises JobFailedError or SlotLostError."""

    def close(self) -> None:
        """End the job that runs here, from any thread."""


class WorkerProcess:
    """A process of `python -m stages.jobs`, which serves all requests with the same arguments.

    Dask workers have this class without the rest of stages/, so it uses only the standard library.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.command: tuple[Path, list[str]] | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, folder: Path, request: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Send a request to a process in a project's folder and return its answer.

        It has `finished` and `files`, or `error` with a text. Earlier events go to `on_event`.
        """
        with self.lock:
            log = folder / request["log"]
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_bytes(b"")
            command = folder, request["arguments"]
            if self.process is None or self.process.poll() is not None or self.command != command:
                self.close()
                self.command = command
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "stages.jobs", *request["arguments"]],
                    cwd=folder,
                    env={**os.environ, "PYTHONPATH": str(folder), "PYTHONWARNINGS": ""},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C reaches only the parent, which ends this process
                )
            process = self.process
            assert process.stdin  # noqa: S101 - a pipe
            assert process.stdout  # noqa: S101
            with suppress(BrokenPipeError):  # the process ended; its log or exit status shows why
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            for line in process.stdout:
                event: dict[str, Any] = json.loads(line)
                if "finished" in event or "error" in event:
                    return event
                on_event(event)
            status = process.wait()
            if status < 0:
                return {
                    "error": f"killed by signal {-status} ({signal.Signals(-status).name}), most often because memory "
                    "ran out. Run the same command again to resume."
                }
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            return {"error": "\n".join([f"failed with exit status {status}; the end of {log}:", *lines])}

    def close(self) -> None:
        """Kill the process, from any thread. Its last epoch is stored, and files appear only when complete."""
        if self.process:
            self.process.kill()
            self.process.wait()


class LocalSlot(WorkerProcess):
    """A worker process of this machine."""

    name = "this machine"
    kind: tuple[int, bool] | None = None

    def run(self, job: Job, report: Report) -> None:
        """Run the job to its end. Raises JobFailedError."""
        self.kind = job.kind
        answer = self.ask(Path.cwd(), job.request(code_fingerprint()), report)
        if "error" in answer:
            raise JobFailedError(f"{job.title}: {answer['error']}")


class Runner(ExitStack):
    """Slots that run jobs, call after call, until the `with` block ends."""

    def __init__(
        self, slots: Sequence[Slot], new_slots: Callable[[], Sequence[Slot]] = tuple, *, finish_others: bool = False
    ) -> None:
        """Call `new_slots` for more slots every second. If `finish_others`, a failed job does not end the rest."""
        super().__init__()
        self.new_slots, self.finish_others = new_slots, finish_others
        self.idle, self.trained_epochs = list[Slot](), 0
        self._add(slots)

    def _add(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            self.idle.append(slot)
            self.callback(slot.close)

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all jobs. Raises JobFailedError if one fails: at once, or after the others if `finish_others`."""
        pending, running, failures = list(jobs), 0, list[str]()
        ended: SimpleQueue[tuple[Slot, Job, BaseException | None]] = SimpleQueue()
        with Progress(disable=not sys.stdout.isatty()) as display:
            while pending or running:
                self._add(self.new_slots())
                while pending and self.idle:
                    slot = self.idle.pop(0)
                    job = next((job for job in pending if job.kind == slot.kind), pending[0])
                    pending.remove(job)
                    running += 1
                    Thread(target=self._run, args=(slot, job, display, ended), daemon=True).start()
                try:
                    slot, job, error = ended.get(timeout=1)
                except Empty:
                    continue
                running -= 1
                if isinstance(error, SlotLostError):
                    tell(f"{job.title}: {slot.name} is lost ({error}); resumes elsewhere")
                    pending.insert(0, job)
                    continue
                self.idle.append(slot)
                if isinstance(error, JobFailedError) and self.finish_others:
                    failures.append(str(error))
                elif error:
                    raise error
        if failures:
            raise JobFailedError("\n".join(failures))

    def _run(self, slot: Slot, job: Job, display: Progress, ended: Any) -> None:
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
        ended.put((slot, job, failure))


def read_job_count(default: int) -> int:
    """Return how many trainings run at a time: the variable JOBS, or else `default`. Raises InputError."""
    count = os.environ.get("JOBS") or str(default)
    if not count.isdecimal() or int(count) < 1:
        raise InputError(f"JOBS: expected a number of trainings from 1, got {count!r}")
    return int(count)


def tell(line: str) -> None:
    """Print a line in one write. `print` writes the line end separately, so lines of two threads could mix."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def ended_by_exception(command: str) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP raise SystemExit with 128 + the signal's number, so that the block cleans up."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for other in before:
            signal.signal(other, lambda *_: None)  # cleaning up is short; a second Ctrl-C would leave processes behind
        with suppress(OSError):  # the terminal may be gone
            print(f"\n{command}: interrupted. Run the same command again.", file=sys.stderr)
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in ENDINGS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
