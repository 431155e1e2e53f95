"""Bring the pipeline up to date on a Dask cluster, one task a stage, and check the results out here.

    python -m tools.cluster.run [SCHEDULER [GIT]]

SCHEDULER is the address of a Dask scheduler (default: none, a cluster is started on this machine), GIT an address from
which its workers can take this revision (default: that of the Git remote `origin`, or this folder). Every stale stage
whose outputs DVC caches becomes a task (tools/cluster/worker.py), as its dependencies allow; results travel through
the project's DVC remote and its run-cache. What they lead to runs here, in `dvc repro --pull`, which trains nothing.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from stages.common import InputError, reported_in_one_line
from stages.params import load_params
from tools.cluster.clone import Study, TransferError, push, restored
from tools.cluster.plan import Task, checked_study, has_remote, planned
from tools.common.console import ended_by_exception, tell
from tools.common.pipeline import stale_stages

PACKAGES = {"distributed": "distributed", "dvc_s3": "dvc-s3"}  # of the optional group, by module
PATIENCE = 60  # seconds with the remote before and after the run; a worker has more


def run_study(scheduler: str, tasks: dict[str, Task], others: list[str], study: Study, threads: int) -> None:
    """Send the tasks, wait, and check their outputs out. `others` are stages that they read and nobody runs.

    Exits with the errors of the stages that failed. Raises InputError where the remote stays away.
    """
    import cloudpickle

    from tools.cluster import clone, worker
    from tools.cluster.driver import check_workers, connected, run_on_workers

    for module in (clone, worker):  # workers do not have them
        cloudpickle.register_pickle_by_value(module)

    def say(what: str) -> None:
        tell(f"here: {what}")

    try:
        if study.remote and others:
            push(Path.cwd(), say, "--with-deps", *others, patience=PATIENCE)
        with ended_by_exception("cluster"), connected(scheduler, threads) as client:
            check_workers(client, tasks)
            failed = run_on_workers(client, tasks, study, worker.run_stage)
        if failed:
            sys.exit("\n".join(f"cluster: {stage} failed; the end of its log:\n{why}" for stage, why in failed.items()))
        said = restored(study, Path.cwd(), say, "--single-item", *tasks, patience=PATIENCE)
    except TransferError as error:
        raise InputError(f"{error}; the same command goes on from here") from None
    if not said:
        raise InputError("a stage's outputs are not in the remote, though a worker has pushed them")
    tell(said)


def check_packages() -> None:
    """Raise InputError where a package is missing that only clusters need."""
    if any(find_spec(module) is None for module in PACKAGES):
        raise InputError(
            f"{' and '.join(PACKAGES.values())} are needed, the optional group `cluster` of pyproject.toml: "
            ".venv/bin/uv pip install --requirement pyproject.toml --extra cluster"
        )


def main() -> None:
    with reported_in_one_line("cluster"):
        scheduler, address = [*sys.argv[1:], "", ""][:2]
        check_packages()
        threads = load_params().train.threads
        tasks, others = planned(list(stale_stages()), threads)
        if tasks:
            study = checked_study(address, embedded=not scheduler)
            run_study(scheduler, tasks, others, study, threads)
        pull = ["--pull"] if has_remote() else []
        os.execvp("dvc", ["dvc", "repro", *pull])  # noqa: S606 - Ctrl-C and SIGTERM are DVC's own from here


if __name__ == "__main__":
    main()
