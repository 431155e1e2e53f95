"""DVC's queue: start it, wait until it is empty, and end its workers.

One of two workers may stay when the queue is empty: the first one removes the message by which DVC ends the other.
"""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.conftest import ENVIRONMENT, run

WORKERS = Path(".dvc/tmp/exps/celery")
PATIENCE = 900  # seconds
ENDED = re.compile(r"\b(?:Success|Failed)$", flags=re.MULTILINE)


def start_queue(project: Path, *command: str) -> None:
    """Run the command that starts the workers. Without a pipe, which they would keep open to their end."""
    done = subprocess.run(
        command, cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, command


def wait_for_queue(project: Path, experiments: int) -> list[str]:
    """Wait until so many experiments have ended, end the workers, and return how each experiment ended."""
    deadline = time.monotonic() + PATIENCE
    while len(states := ENDED.findall(status := run("dvc", "queue", "status", cwd=project))) < experiments:
        assert time.monotonic() < deadline, status + _read_logs(project)
        time.sleep(1)
    for path in (project / WORKERS).glob("dvc-exp-worker-*.pid"):
        if _is_worker(pid := int(path.read_text())):
            os.kill(pid, signal.SIGKILL)
    return states


def _is_worker(pid: int) -> bool:
    try:
        return b"queue-worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False  # it has ended


def _read_logs(project: Path) -> str:
    """Return the workers' output."""
    return "".join(path.read_text() for path in sorted((project / WORKERS).glob("dvc-exp-worker-*.out")))
