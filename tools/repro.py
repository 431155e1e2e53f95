"""Bring the pipeline up to date, with parallel trainings.

    JOBS=2 python -m tools.repro

Runs `dvc repro prepare`, then the trainings that stale stages need and the store lacks, then `dvc repro`, which copies
their results. JOBS trainings run at a time (default: usable cores over train.threads, at least 1). Results are
byte-identical to `dvc repro` alone. The caller prints the table of results at the end.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from stages.common import DATASET_FILE, SUMMARY_FOLLOWS, check_libraries, reported_in_one_line
from stages.jobs import Job, Trainings, count_usable_cores
from stages.params import Params, load_params
from stages.runner import JobFailedError, LocalSlot, Runner, ended_by_exception, read_job_count, tell
from stages.training.dataset import read_dataset
from tools.pipeline import opened, stages_to_run


def list_study_jobs(params: Params, stages: Collection[str]) -> list[Job]:
    """Return the trainings of these stages."""
    jobs = []
    for described in params.architectures():
        family = "" if described.is_baseline else f"_{described.family}"
        if f"train{family}@{described.key}" in stages:
            settings = params.settings(described)
            jobs += [Job(described.name, described.architecture, settings, seed, True) for seed in settings.seeds]
    return jobs


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[Any]:
    """Start a command and yield its Popen object.

    An exception in the block, such as of `ended_by_exception`, ends the command and all processes that it started.
    """
    with ThreadPoolExecutor(1) as pool:  # a signal that arrives during the start is handled here, not in that thread
        started = pool.submit(partial(subprocess.Popen, command, start_new_session=True, **options))
        try:
            yield started.result()
        except BaseException:
            os.killpg(started.result().pid, signal.SIGTERM)
            started.result().wait()
            raise


def run_dvc(*arguments: str) -> int:
    """Run DVC and return its exit status, without the lines on stages that DVC skips."""
    with running(["dvc", *arguments], text=True, errors="replace", stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if not line.endswith(" didn't change, skipping\n"):
                print(line, end="", flush=True)
        return int(process.wait())


def prepare_data() -> None:
    """Prepare the data. Raises InputError; exits with the status of `dvc repro prepare` if it fails."""
    check_libraries()
    with opened():  # raises a one-line error if DVC cannot read the project
        pass
    if status := run_dvc("repro", "prepare"):
        sys.exit(status)


def find_missing_jobs(params: Params) -> list[Job]:
    """Return the trainings that stale stages need and that neither DVC nor the store has.

    Raises InputError if an architecture does not fit the images.
    """
    params.check_fits(read_dataset(DATASET_FILE).image_shape)
    return Trainings().find_missing(list_study_jobs(params, stages_to_run()))


def main() -> None:
    with reported_in_one_line("repro"), ended_by_exception("repro"):
        params = load_params()
        os.environ[SUMMARY_FOLLOWS] = "yes"
        count = read_job_count(max(count_usable_cores() // params.train.threads, 1))
        prepare_data()
        if jobs := find_missing_jobs(params):
            tell(f"{len(jobs)} trainings, {count} at a time; their output: data/logs/")
            try:
                with Runner([LocalSlot() for _ in range(count)]) as runner:
                    runner.run(jobs)
            except JobFailedError as error:
                sys.exit(f"repro: {error}")
        sys.exit(run_dvc("repro"))


if __name__ == "__main__":
    main()
