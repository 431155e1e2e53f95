"""Train one architecture from every seed of params.yaml.

    python -m stages.train width        the baseline of a family, as its section describes it
    python -m stages.train w10-20       one of the study, under its name there
    python -m stages.train depth-3
    python -m stages.train small        a custom architecture

Reads params.yaml and data/fashion_mnist.npz; writes data/models/NAME/, whole or not at all: `seed-K.keras` per seed,
and for all seeds `results.json`, `history.csv`, `layers.csv` (see stages/training/diagnosis.py) and `predictions.npz`
(test class probabilities float32 `[N, classes]` under `seed-K`, one column per label that occurs in training,
ascending). Its bytes follow from its input. Finished trainings are copied from the store (stages/checkpoints.py).
"""

import shutil
import sys

from stages.checkpoints import locked
from stages.common import (
    DATA,
    DATASET_FILE,
    MODELS,
    InputError,
    check_imported,
    check_libraries,
    reported_in_one_line,
)
from stages.jobs import Job, Trainings, count_usable_cores, make_printer, train_job
from stages.params import PARAMS_FILE, Params, StudyArchitecture, load_params
from stages.training.dataset import read_dataset
from stages.training.results import SeedOutput, write_outputs

UNFINISHED = DATA / "unfinished"


def select(arguments: list[str], params: Params) -> StudyArchitecture:
    """Return the architecture that the command line names. Raises InputError if params.yaml does not have it."""
    if len(arguments) != 1:
        raise InputError("usage: python -m stages.train NAME")
    known = {described.name: described for described in params.architectures()}
    if arguments[0] not in known:
        raise InputError(f"NAME: expected one of {', '.join(known)} ({PARAMS_FILE}), got {arguments[0]!r}")
    return known[arguments[0]]


def train_missing(jobs: list[Job], trainings: Trainings, params: Params) -> None:
    """Train the jobs that the store lacks, one after the other in this process."""
    dataset = read_dataset(DATASET_FILE)
    for described in params.architectures():
        described.check_fits(dataset.image_shape)
    missing = trainings.find_missing(jobs)
    if not missing:
        return
    threads, whole_batches = missing[0].kind
    if (cores := count_usable_cores()) < threads:
        print(f"train.threads is {threads} and this process may use {cores} cores: slower, with the same results")
    from stages.training.backend import start  # loads TensorFlow

    check_imported()
    start(threads, split_operations=whole_batches)
    for job in missing:
        train_job(job, trainings, dataset, make_printer(job))


def main(arguments: list[str]) -> None:
    with reported_in_one_line("train"):
        params = load_params()
        check_libraries()
        described = select(arguments, params)
        settings = params.settings(described)
        jobs = [Job(described.name, described.architecture, settings, seed, tested=True) for seed in settings.seeds]
        trainings, folder = Trainings(), UNFINISHED / described.name
        train_missing(jobs, trainings, params)
        with locked(
            UNFINISHED / f"{described.name}.lock", lambda: print(f"{described.name}: another process trains it")
        ):
            shutil.rmtree(folder, ignore_errors=True)
            outputs: dict[int, SeedOutput] = {}
            for job in jobs:
                found = trainings.open_store(job).load_output(settings.epochs)
                if not found:
                    raise InputError(f"{job.title}: its result is gone from the store. Run the same command again.")
                outputs[job.seed], note, _ = found
                if note:
                    print(f"{job.title}: {note}")
            write_outputs(folder, described.architecture, outputs)
            place = MODELS / described.name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(place, ignore_errors=True)
            folder.replace(place)


if __name__ == "__main__":
    main(sys.argv[1:])
