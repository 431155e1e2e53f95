"""What a Dask worker offers, and what it does for one stage.

`tools.cluster.run` sends this module and tools/cluster/clone.py to the workers as they are, so that a worker needs no
code of ours, only the environment that `make setup` makes. In go names and addresses, out come a word and, of a
failure, the end of its log: data travels through DVC's remote alone. Only the standard library and Dask are imported.
"""

import fcntl
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from distributed import Status, Worker, WorkerPlugin, get_worker

from tools.cluster.clone import Study, TransferError, check_out, push, restored, run

TOPIC = "stages"  # of the events that tell what happens to a stage, and where
DONE, FOUND, FAILED, SKIPPED = "done", "found in the remote", "failed", "skipped"
Outcome = tuple[str, str, str, float]  # one of these words, why, on which worker, and after how many seconds

LOG_LINES = 15  # of a failed stage, sent back


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
    with free_clone(Path(worker.local_directory)) as clone:
        check_out(study, clone, say)
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
def free_clone(folder: Path) -> Iterator[Path]:
    """A clone for as long as the block lasts, one of as many as the worker runs stages at a time."""
    for number in count():
        with (folder / f"clone-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder / f"clone-{number}"
            return
