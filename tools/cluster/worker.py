"""What a Dask worker does for one stage: commands of Git and DVC in a clone of its own, and nothing else.

`tools.cluster.run` sends these functions to the workers as they are, so that a worker needs no code of ours, only the
environment that `make setup` makes. In go names and addresses, out come a word and, of a failure, the end of its log:
data travels through DVC's remote alone. Only the standard library and Dask are imported here.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from distributed import Status, Worker, WorkerPlugin, get_worker

TOPIC = "stages"  # of the events that tell what happens to a stage, and where
DONE, FOUND, FAILED, SKIPPED = "done", "found in the remote", "failed", "skipped"
Outcome = tuple[str, str, str, float]  # one of these words, why, on which worker, and after how many seconds

PATIENCE = 300  # seconds of trying again where Git's address or the remote does not answer
LONGEST_PAUSE = 10  # seconds between two tries
LOG_LINES = 15  # of a failed stage, sent back

# Ends the command and all that it has started when the pipe at its stdin closes, which it does with this process
WITH_THIS_PROCESS = 'exec 3<&0; (read -r _ <&3; kill -9 0) & "$@" 3<&- </dev/null; status=$?; kill $!; exit $status'

Say = Callable[[str], None]


class TransferError(Exception):
    """Git's address or the remote does not give or take what it should."""


class Study(NamedTuple):
    """What all stages of one run have in common."""

    revision: str
    addresses: list[str]  # where Git may find the revision, in the order in which they are tried
    remote: bool  # whether the revision configures one
    cache: str  # DVC's cache, shared with the sender where that is the same machine; else empty, the worker's own


class Offer(WorkerPlugin):
    """Let a worker offer what it holds: threads, memory, and the environment by the hash of its lock file.

    What it was started with by `--resources` stands. It always offers enough for one stage of those asked for.
    """

    def __init__(self, needed: dict[str, float]) -> None:
        self.needed = needed

    async def setup(self, worker: Worker) -> None:
        limit = worker.memory_manager.memory_limit
        own = {
            "threads": worker.state.nthreads,
            "memory": limit or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        }
        offered = {name: max(own[name], needed) for name, needed in self.needed.items()} | {environment(): 1e6}
        missing = {name: quantity for name, quantity in offered.items() if name not in worker.state.total_resources}
        if missing:
            await worker.set_resources(**missing)
            # Dask looks for stages that wait for such a worker when one becomes ready, not when it offers more
            worker.status = Status.paused
            worker.status = Status.running


def environment(lock: Path | None = None) -> str:
    """A name for the environment that follows from a lock file: by default from the one that this one was made from."""
    lock = lock or Path(sys.prefix) / "ready"  # the copy that `make setup` keeps
    return f"environment {hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else 'unknown'}"


def run_stage(stage: str, needs: list[str], study: Study, *before: Outcome) -> Outcome:
    """Have a stage's outputs in the remote, trained only if they are not there yet.

    `needs` are the stages that it depends on, `before` the outcomes of those among them that are a part of this run. A
    stage that fails by itself is an outcome; all else that goes wrong, once patience is over, an exception, after which
    Dask tries another worker.
    """
    worker, began = get_worker(), time.monotonic()

    def say(what: str) -> None:
        worker.log_event(TOPIC, {"stage": stage, "what": what, "name": str(worker.name)})

    def ended(word: str, why: str = "") -> Outcome:
        return word, why, str(worker.name), time.monotonic() - began

    if any(word in (FAILED, SKIPPED) for word, *_ in before):
        return ended(SKIPPED)
    say("running")
    with _free_clone(Path(worker.local_directory)) as clone:
        _check_out(study, clone, say)
        if needs and not restored(study, clone, say, *needs):
            raise TransferError(f"the outputs of {', '.join(needs)} are not in the remote")
        if restored(study, clone, say, "--single-item", stage):
            word = FOUND
        else:
            word = DONE
            status, log = run(["dvc", "repro", "--single-item", stage], clone)
            if status:
                return ended(FAILED, "\n".join(log.splitlines()[-LOG_LINES:]))
        if study.remote:
            push(clone, say, stage)
    return ended(word)


@contextmanager
def _free_clone(folder: Path) -> Iterator[Path]:
    """A clone for as long as the block lasts, one of as many as the worker runs stages at a time."""
    for number in count():
        with (folder / f"clone-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder / f"clone-{number}"
            return


def _check_out(study: Study, clone: Path, say: Say) -> None:
    """The revision in the clone, with the outputs of earlier stages that are there."""
    if not clone.exists():
        run(["git", "init", "--quiet", str(clone)], clone.parent)
    if run(["git", "cat-file", "-e", study.revision], clone)[0]:
        _patiently(lambda: _fetched(study, clone), PATIENCE, say)
    for command in (
        ["git", "checkout", "--quiet", "--force", "--detach", study.revision],
        ["dvc", "config", "--local", "cache.dir", study.cache or str(clone.with_name("cache"))],
    ):
        status, output = run(command, clone)
        if status:
            raise TransferError(f"{' '.join(command)}: {output}")


def _fetched(study: Study, clone: Path) -> tuple[bool, str]:
    said = []
    for address in study.addresses:
        status, output = run(["git", "fetch", "--quiet", "--depth", "1", address, study.revision], clone)
        if not status:
            return True, ""
        said.append(f"{address}: {_last_line(output)}")
    return False, "; ".join(said)


def restored(study: Study, clone: Path, say: Say, *targets: str, patience: float = PATIENCE) -> str:
    """Check out the stages' outputs from run-cache and remote. Gives what DVC says, or nothing if they are not there.

    No stage is run for it. DVC takes a remote that falls silent half-way for one that has nothing, so that it is
    believed only when it says so twice.
    """
    command = ["dvc", "repro", *(["--pull"] if study.remote else []), *targets]

    def attempt() -> tuple[bool, str]:
        for _ in range(2):
            status, output = run(command, clone, SHELL="false")  # with which DVC would run a stage
            if not status and not _transfer_failed(output):
                return True, output
            if "Running stage" not in output or _transfer_failed(output):
                return False, _last_line(output)
        return True, ""

    return _patiently(attempt, patience, say)


def push(clone: Path, say: Say, *targets: str, patience: float = PATIENCE) -> None:
    """Have the stages' outputs in the remote, with DVC's note of what they follow from."""

    def attempt() -> tuple[bool, str]:
        status, output = run(["dvc", "push", "--run-cache", *targets], clone)
        return not status and not _transfer_failed(output), _last_line(output)

    _patiently(attempt, patience, say)


def _patiently(attempt: Callable[[], tuple[bool, str]], patience: float, say: Say) -> str:
    """Try until it works, and give what it says. Raises TransferError after `patience` seconds."""
    began, pause = time.monotonic(), 1.0
    while True:
        done, said = attempt()
        if done:
            return said
        if time.monotonic() - began > patience:
            raise TransferError(said)
        say(f"waiting: {said}")
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _transfer_failed(output: str) -> bool:
    """Whether DVC lost a file on its way: of the run-cache's it says so, and no more."""
    return "failed to transfer" in output


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "no output")


def run(command: list[str], folder: Path, **variables: str) -> tuple[int, str]:
    """Exit status and output of a command that ends with this process, however that ends."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_TERMINAL_PROMPT": "0",
    }
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            ["sh", "-c", WITH_THIS_PROCESS, "sh", *command],
            cwd=folder,
            env=environment | variables,
            stdin=reading,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    return done.returncode, done.stdout
