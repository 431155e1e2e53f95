"""A Dask cluster and an S3 server of real processes on loopback, for tests to break."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests

from tests.conftest import ENVIRONMENT, run

S3 = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", int(sys.argv[1]), verbose=False)
server.start()
port = server.get_host_and_port()[1]
print(port, flush=True)
for line in sys.stdin:
    if line.strip() == "start":
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
    else:
        server.stop()  # what it stores stays in this process
    print("done", flush=True)
"""
# A worker's shell, through which DVC runs the commands of stages: each leaves a line when it begins and when it ends
SHELL = """#!/bin/sh
echo "begin $$ $PWD $*" >>{log}
sh "$@"
status=$?
echo "end $status $PWD $*" >>{log}
exit $status
"""
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Cluster:
    """Three workers in folders of their own. What their stages ran is in `log`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.shell = folder / "shell"
        self.shell.write_text(SHELL.format(log=self.log))
        self.shell.chmod(0o755)
        self.environment = ENVIRONMENT | KEYS
        self.processes: list[subprocess.Popen[str]] = []
        self.workers: dict[str, subprocess.Popen[str]] = {}
        self.s3 = self._start(sys.executable, "-c", S3, "0", cwd=folder)
        self.address = self._start_scheduler()
        self.s3_address = f"http://127.0.0.1:{_line(self.s3.stdout)}"
        for name in ("one", "two", "three"):
            self.start_worker(name)

    def _start(self, *command: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
        cwd.mkdir(exist_ok=True)
        with (cwd / "output").open("a") as output:
            process = subprocess.Popen(
                command, cwd=cwd, env=self.environment | variables, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE if "-c" in command else output, stderr=output,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def _start_scheduler(self) -> str:
        folder = self.folder / "of-scheduler"
        self._start(
            "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0", cwd=folder
        )
        output = folder / "output"
        until(lambda: "Scheduler at:" in output.read_text(), "the scheduler's start")
        return output.read_text().partition("Scheduler at:")[2].split()[0]

    def start_worker(self, name: str, *options: str) -> None:
        folder = self.folder / name
        self.workers[name] = self._start(
            "dask", "worker", self.address, "--name", name, "--nthreads", "1", "--no-nanny", *options,
            "--local-directory", str(folder), cwd=folder, SHELL=str(self.shell),
        )  # fmt: skip

    def kill_worker(self, name: str) -> None:
        self.workers[name].kill()
        self.workers.pop(name).wait()

    def tell_s3(self, word: str) -> None:
        assert self.s3.stdin
        self.s3.stdin.write(f"{word}\n")
        self.s3.stdin.flush()
        assert _line(self.s3.stdout) == "done"

    def give_remote(self, project: Path, name: str) -> None:
        """Configure and commit a bucket of the project's own as its remote."""
        requests.put(f"{self.s3_address}/{name}", timeout=10).raise_for_status()
        run("dvc", "remote", "add", "--default", "store", f"s3://{name}/store", cwd=project)
        run("dvc", "remote", "modify", "store", "endpointurl", self.s3_address, cwd=project)
        run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=project)

    def begun(self, what: str = "stages.train") -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith("begin") and what in line]

    def ended(self, what: str = "stages.train") -> list[str]:
        """The names of the trainings that ended well, in order."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("end 0") and what in line]
        return [line.partition(f"{what} ")[2].split()[0] for line in lines]

    def worker_of(self, line: str) -> str:
        return Path(line.split()[2]).relative_to(self.folder).parts[0]

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()


@contextmanager
def cluster_in(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()


def _line(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline().strip()
