"""Trainings on this machine, some at a time, each in a process of its own.

Of its own, since TensorFlow's threads cannot be set anew within one, and networks of different kinds need different
ones (stages/training/backend.py).
"""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

Process = subprocess.Popen[bytes]


class RungFailedError(Exception):
    """What a training said before it ended with an error."""


def trained_by_a_process(asked: bytes, project: Path, begun: Callable[[Process], None]) -> bytes:
    """What stages/trials/rung.py of that project gives for what it is asked. Raises RungFailedError.

    Its stdin stays open until it has ended, as a sign that someone waits for it.
    """
    command = [sys.executable, "-m", "stages.trials.rung"]
    pipe = subprocess.PIPE
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, cwd=project, stdin=pipe, stdout=pipe, stderr=said) as process,
    ):
        begun(process)
        stdin, stdout = process.stdin, process.stdout
        assert stdin  # noqa: S101 - a pipe
        assert stdout  # noqa: S101
        with suppress(BrokenPipeError):  # of one that has ended already, and said why
            stdin.write(asked)
            stdin.flush()
        given = stdout.read()
        if status := process.wait():
            said.seek(0)
            raise RungFailedError(said.read().decode(errors="replace").strip() or f"search: ended with {status}")
        return given


class Processes(ThreadPoolExecutor):
    """An executor whose threads wait for processes, and which ends them where it is left by an exception."""

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs)
        self.begun: list[Process] = []

    def train(self, asked: bytes) -> bytes:
        """To be submitted: `trained_by_a_process`, of the project that lies here."""
        return trained_by_a_process(asked, Path.cwd(), self.begun.append)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind:
            self.shutdown(wait=False, cancel_futures=True)
            for process in self.begun:
                process.kill()  # nothing, to one that has ended
        super().__exit__(kind, error, traceback)
