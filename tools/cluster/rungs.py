"""What a Dask worker does for one rung of a search: a training, in a process of its own, in a clone of its own.

`tools.cluster.search` sends this module to the workers, with tools/cluster/clone.py and worker.py, and
stages/trials/processes.py. The data come through DVC's remote; a training's state with what is asked, and back.
"""

from pathlib import Path

from distributed import get_worker

from stages.trials.processes import Process, trained_by_a_process
from tools.cluster.clone import Study, TransferError, check_out, restored
from tools.cluster.worker import TOPIC, free_clone

PREPARE = "prepare"  # the stage that packs the data


def train_rung(study: Study, asked: bytes) -> bytes:
    """What stages/trials/rung.py gives for what it is asked. Raises RungFailedError, or TransferError without data."""
    worker = get_worker()

    def say(what: str) -> None:
        worker.log_event(TOPIC, {"stage": "search", "what": what, "name": str(worker.name)})

    def begun(_: Process) -> None:
        """It ends with this process."""

    with free_clone(Path(worker.local_directory)) as clone:
        check_out(study, clone, say)
        if not restored(study, clone, say, PREPARE):
            raise TransferError(f"the outputs of {PREPARE} are not in the remote")
        return trained_by_a_process(asked, clone, begun)
