"""A clone in which a stage runs: how it comes to a revision and to what the stage reads, and what it gives back.

Commands of Git and DVC, and nothing else. A worker is sent this module (see tools/cluster/worker.py); only the standard
library is imported.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PATIENCE = 300  # seconds of trying again where Git's address or the remote does not answer
CACHE = "cache"  # DVC's, beside the clones of a worker
LONGEST_PAUSE = 10  # seconds between two tries

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


def check_out(study: Study, clone: Path, say: Say) -> None:
    """Bring the clone, made where there is none, to the revision; outputs of earlier stages stay where they are.

    Raises TransferError where no address has the revision, once patience is over, or where it cannot be checked out.
    """
    if not clone.exists():
        run(["git", "init", "--quiet", str(clone)], clone.parent)
    if run(["git", "cat-file", "-e", study.revision], clone)[0]:
        _patiently(lambda: _fetched(study, clone), PATIENCE, say)
    if study.cache:
        Path(study.cache).mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            clone.with_name(CACHE).symlink_to(study.cache)
    for command in (
        ["git", "checkout", "--quiet", "--force", "--detach", study.revision],
        ["dvc", "config", "--local", "cache.dir", f"../{CACHE}"],  # a path in which DVC writes no letter outside ASCII
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
    believed only when it says so twice. Raises TransferError where the remote stays away for `patience` seconds.
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
    """Have the stages' outputs in the remote, with DVC's note of what they follow from.

    Raises TransferError where the remote stays away for `patience` seconds.
    """

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
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(reading)
        os.close(writing)
    return done.returncode, done.stdout
