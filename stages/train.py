"""Train one architecture from every seed of params.yaml.

    python -m stages.train width        the baseline of a family
    python -m stages.train w10-20       an architecture of study.width
    python -m stages.train depth-3      an architecture of study.depth
    python -m stages.train small        an architecture of study.custom

Reads params.yaml and data/fashion_mnist.npz. Writes data/models/NAME/, whole or not at all: `seed-K.keras` per seed,
`results.json`, `history.csv`, `layers.csv` (see stages/training/diagnosis.py) and `predictions.npz`. The last has test
class probabilities under `seed-K`: float32 `[N, classes]`, one column per training label, ascending. Equal input gives
equal bytes. Finished trainings are copied from the store (stages/checkpoints.py).
"""

import os
import shutil
import sys

from stages.common import DATA, DATASET_FILE, MODELS, InputError, check_libraries, reported_in_one_line
from stages.jobs import Job, Trainings, count_usable_cores, make_printer, train_job
from stages.params import PARAMS_FILE, load_params
from stages.training.dataset import Dataset, read_dataset
from stages.training.results import write_outputs

UNFINISHED = DATA / "unfinished"


def train_missing(jobs: list[Job], trainings: Trainings, dataset: Dataset) -> None:
    """Train the jobs that the store lacks, one after the other in this process."""
    missing = trainings.find_missing(jobs)
    if not missing:
        return
    threads, whole_batches = missing[0].kind
    if (cores := count_usable_cores()) < threads:
        print(f"train.threads is {threads}, but this process can use {cores} cores: slower, with the same results")
    from stages.training.backend import start  # loads TensorFlow

    check_libraries()  # again, now that they are imported
    start(threads, split_operations=whole_batches)
    for job in missing:
        train_job(job, trainings, dataset, make_printer(job))


def main(arguments: list[str]) -> None:
    with reported_in_one_line("train"):
        params = load_params()
        check_libraries()
        known, name = {one.name: one for one in params.architectures()}, " ".join(arguments)
        if name not in known:
            names = f"one of {', '.join(known)} ({PARAMS_FILE})"
            raise InputError(f"NAME: expected {names}, got {name!r}. Run `python -m stages.train NAME`.")
        dataset = read_dataset(DATASET_FILE)
        params.check_fits(dataset.image_shape)
        described, settings = known[name], params.settings(known[name])
        jobs = [Job(name, described.architecture, settings, seed, tested=True) for seed in settings.seeds]
        trainings = Trainings()
        train_missing(jobs, trainings, dataset)
        outputs = {}
        for job in jobs:
            found = trainings.open_store(job).load_output(settings.epochs)
            if not found:
                raise InputError(f"{job.title}: the store lost its result. Run the same command again.")
            outputs[job.seed], note, _ = found
            if note:
                print(f"{job.title}: {note}")
        folder, place = UNFINISHED / name, MODELS / name
        with trainings.open_store(jobs[0]).lock(lambda: None):  # a killed DVC may leave a process with the same NAME
            shutil.rmtree(folder, ignore_errors=True)
            write_outputs(folder, described.architecture, outputs)
            shutil.rmtree(place, ignore_errors=True)
            os.renames(folder, place)


if __name__ == "__main__":
    main(sys.argv[1:])
