"""DVC's queue as tests use it: they wait until it is empty, and end its workers.

Of two, one may stay when the queue is empty: DVC's first worker cleans up the message that tells the other to end.
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
    """Run the command that starts the workers, which would hold a pipe to their end."""
    done = subprocess.run(
        command, cwd=project, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, command


def wait_for_queue(project: Path, experiments: int) -> list[str]:
    """Wait until so many have ended, end the workers, and give how each experiment ended."""
    deadline = time.monotonic() + PATIENCE
    while len(states := ENDED.findall(status := run("dvc", "queue", "status", cwd=project))) < experiments:
        assert time.monotonic() < deadline, status + _said(project)
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


def _said(project: Path) -> str:
    """What the workers have written."""
    return "".join(path.read_text() for path in sorted((project / WORKERS).glob("dvc-exp-worker-*.out")))
