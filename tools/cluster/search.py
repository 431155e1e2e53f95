"""Train a search's trials on a Dask cluster, rung by rung, and keep their states here.

    python -m tools.cluster.search SCHEDULER [GIT]

The addresses are those of `tools.cluster.run`. It leaves nothing but what is kept of the trainings, in which
`dvc repro search/dvc.yaml` then finds all that it asks for. A lost worker costs its trainings of that rung only.
"""

import subprocess
import sys
from pathlib import Path

from stages.common import DATASET_FILE, InputError, reported_in_one_line
from stages.params import load_params
from stages.search import checked_search, run_search
from stages.training.dataset import read_dataset
from stages.trials import processes
from stages.trials.processes import RungFailedError
from tools.cluster.clone import Study, TransferError, push
from tools.cluster.plan import MEMORY, Task, checked_study
from tools.cluster.run import PATIENCE, check_packages
from tools.common.console import ended_by_exception, tell


def search_on(scheduler: str, study: Study) -> None:
    """Every rung on the workers of that scheduler. Raises InputError, RungFailedError or TransferError."""
    import cloudpickle

    from tools.cluster import clone, rungs, worker
    from tools.cluster.driver import LOCK, RETRIES, check_workers, connected

    for module in (clone, processes, rungs, worker):  # workers do not have them
        cloudpickle.register_pickle_by_value(module)
    params = load_params()
    needed = {"threads": float(params.train.threads), "memory": MEMORY[True]}
    with ended_by_exception("search"), connected(scheduler, params.train.threads) as client:
        check_workers(client, {"search": Task([], needed)})
        executor = client.get_executor(resources=needed | {worker.environment(LOCK): 1}, retries=RETRIES)
        train = rungs.train_rung
        with executor:
            run_search(params, read_dataset(DATASET_FILE), executor, lambda asked: train(study, asked), travels=True)


def main() -> None:
    with reported_in_one_line("search"):
        if len(sys.argv) < 2 or not sys.argv[1]:
            raise InputError("usage: python -m tools.cluster.search SCHEDULER [GIT]")
        scheduler, address = [*sys.argv[1:], ""][:2]
        check_packages()
        checked_search(load_params())
        study = checked_study(address, embedded=False)
        if status := subprocess.run(["dvc", "repro", "prepare"], check=False).returncode:
            sys.exit(status)
        try:
            push(Path.cwd(), lambda what: tell(f"here: {what}"), "--with-deps", "prepare", patience=PATIENCE)
            search_on(scheduler, study)
        except TransferError as error:
            raise InputError(f"{error}; the same command goes on from here") from None
        except RungFailedError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
