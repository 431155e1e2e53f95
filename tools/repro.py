"""Bring the pipeline up to date, with independent stages side by side.

    python -m tools.repro [JOBS]

JOBS stages at a time (default: the cores that this process may use over train.threads, at least 1), each as `dvc repro
--single-item` with its output in data/logs/STAGE.log and, on a terminal, a line that shows where it is; then `dvc
repro` over the whole, which finds nothing left to do. The results are a serial run's to the byte. When a stage fails,
the others are stopped and the end of its log is shown.
"""

import os
import signal
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path
from threading import Lock
from time import monotonic

from rich.progress import Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from stages.common import InputError, reported_in_one_line
from stages.cores import usable_cores
from stages.params import Params, load_params
from tools.common.console import ENDINGS, counted, ended_by_exception, tell
from tools.common.pipeline import stale_stages

LOGS = Path("data/logs")
LOG_LINES = 15  # of a failed stage, shown
PATIENCE = 10  # seconds between asking a stage to end and ending it


class StageFailedError(Exception):
    """A stage that ended with an error of its own."""


class LastLine(ProgressColumn):
    """The last line of a running stage's log: of a training its epoch."""

    def render(self, task: Task) -> Text:
        lines = _last_lines(task.fields["log"]).splitlines() or [""]
        return Text(lines[-1], no_wrap=True, overflow="ellipsis")


class Stages:
    """The processes of the stages that are running, so that all of them can be ended."""

    def __init__(self, display: Progress) -> None:
        self.display = display
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = False  # from the first failure on: no stage starts any more
        self.starting = Lock()

    def run(self, stage: str) -> None:
        """One stage, to its end. Raises StageFailedError."""
        began, log = monotonic(), LOGS / f"{stage.replace('@', '-')}.log"
        command = ["dvc", "--wait-for-lock", "repro", "--single-item", stage]
        with log.open("wb") as output:
            with self.starting:
                if self.stopping:
                    return
                process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
                self.running[stage] = process
            line = self.display.add_task(stage, log=log)
            status = process.wait()
            del self.running[stage]
            self.display.remove_task(line)
        if status:
            _signal_group(process, signal.SIGKILL)  # what it has started goes on where DVC itself was killed
        if self.stopping:
            return
        if status:
            self.stopping = True
            raise StageFailedError(f"{stage} failed; the end of {log}:\n{_last_lines(log)}")
        tell(f"{stage}: done in {monotonic() - began:.0f} s")

    def stop(self) -> None:
        """End every process that is running, and all that it has started, whatever the user's impatience."""
        for number in ENDINGS:
            signal.signal(number, lambda *_: None)  # what is ignored altogether the stages would inherit
        with self.starting:
            self.stopping = True
            processes = list(self.running.values())
        for process in processes:
            _signal_group(process, signal.SIGTERM)
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            _signal_group(process, signal.SIGKILL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])


def run_side_by_side(stale: dict[str, set[str]], jobs: int) -> None:
    """Every stage as soon as what it needs is there, at most `jobs` at a time. Raises StageFailedError."""
    LOGS.mkdir(parents=True, exist_ok=True)
    tell(f"{counted(len(stale), 'stage')}, {jobs} at a time; their output: {LOGS}/")
    columns = TextColumn("{task.description}"), TimeElapsedColumn(), LastLine()
    display = Progress(*columns, disable=not sys.stdout.isatty())
    order, stages = TopologicalSorter(stale), Stages(display)
    order.prepare()
    waiting: dict[Future[None], str] = {}
    with ended_by_exception("repro"), display, ThreadPoolExecutor(jobs) as pool:
        try:
            while order.is_active():
                for stage in order.get_ready():
                    waiting[pool.submit(stages.run, stage)] = stage
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    future.result()
                    order.done(waiting.pop(future))
        finally:
            stages.stop()


def one_by_one(stale: dict[str, set[str]], params: Params) -> dict[str, set[str]]:
    """The stages and what has to end before each, a training that another stage does as well after that one.

    It finds there what is kept; beside it, it would only wait, and take the place of another.
    """
    first: dict[tuple[str, str], str] = {}
    needs = dict(stale)
    for described in params.architectures():
        stage = f"train@{described.name}" if described.is_baseline else f"train_{described.family}@{described.key}"
        if stage in stale:
            training = described.architecture.model_dump_json(), params.settings(described).model_dump_json()
            if (earlier := first.setdefault(training, stage)) != stage:
                needs[stage] = needs[stage] | {earlier}
    return needs


def _jobs(arguments: list[str], threads: int) -> int:
    if not arguments:
        return max(usable_cores() // threads, 1)
    if len(arguments) > 1 or not arguments[0].isdecimal() or int(arguments[0]) < 1:
        raise InputError(f"JOBS holds {' '.join(arguments)!r}, may hold a number of stages from 1")
    return int(arguments[0])


def main() -> None:
    with reported_in_one_line("repro"):
        params = load_params()
        jobs = _jobs(sys.argv[1:], params.train.threads)
        stale = one_by_one(stale_stages(), params)
        try:
            if stale:
                run_side_by_side(stale, jobs)
        except StageFailedError as error:
            sys.exit(f"repro: {error}")
        os.execvp("dvc", ["dvc", "repro"])  # noqa: S606 - Ctrl-C and SIGTERM are DVC's own from here


if __name__ == "__main__":
    main()
