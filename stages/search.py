"""Search for the architectures that are best for their size, as the section `search` of params.yaml says.

Reads params.yaml and data/fashion_mnist.npz, of which it sees no test image; writes `plots/search_trials.csv` (a trial
and rung a row), `metrics/search.json`, and the pictures `plots/search_front.png` and `plots/search_progress.png`. What
it trains is kept (stages/checkpoints.py), so that a search that ended at any moment goes on from there.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from time import monotonic

from stages.common import (
    DATASET_FILE,
    METRICS,
    PLOTS,
    REPORT_LIBRARIES,
    SEARCH_LIBRARIES,
    TRIALS,
    InputError,
    check_libraries,
    reported_in_one_line,
)
from stages.cores import usable_cores
from stages.params import PARAMS_FILE, Params, Search, load_params
from stages.report.figures import write_png
from stages.report.search_pictures import front_figure, progress_figure
from stages.training.dataset import Dataset, read_dataset
from stages.training.files import write_json, write_text
from stages.trials.evaluation import Rungs
from stages.trials.generations import searched
from stages.trials.processes import Processes, RungFailedError
from stages.trials.proposals import Images
from stages.trials.summary import generation_line, numbers, outcome
from stages.trials.table import trials_text
from stages.trials.trial import Trial

NUMBERS = METRICS / "search.json"


class Told:
    """A line after every generation for which something was trained, with the time left."""

    def __init__(self, search: Search, rungs: Rungs) -> None:
        self.search, self.rungs = search, rungs
        self.generations, self.epochs = 0, 0  # for which something was trained here, and so many
        self.began = monotonic()

    def __call__(self, trials: list[Trial]) -> None:
        if self.rungs.trained_epochs == self.epochs:
            self.began = monotonic()  # what was found took no time worth telling
            return
        self.epochs = self.rungs.trained_epochs
        self.generations += 1
        to_come = (self.search.trials - len(trials)) / self.search.trials_per_round
        left = (monotonic() - self.began) / self.generations * to_come
        print(generation_line(trials, self.search, left), flush=True)


def checked_search(params: Params) -> Search:
    """The section `search`. Raises InputError where params.yaml has none, or holds out no images."""
    if params.search is None:
        raise InputError(f"{PARAMS_FILE}: search is missing: what is searched, and for how long")
    if not params.data.validation:
        raise InputError(
            f"{PARAMS_FILE}: data.validation holds 0, may hold a number from 1: those images judge a search"
        )
    return params.search


def run_search(
    params: Params, dataset: Dataset, executor: Executor, train: Callable[[bytes], bytes], travels: bool = False
) -> list[Trial]:
    """All trials, trained by `executor`, which does `train` (stages/trials/evaluation.py)."""
    search = checked_search(params)
    rungs = Rungs(params.train, dataset.chance_loss, executor, train, travels=travels)
    return searched(search, Images(dataset.image_shape, dataset.classes), rungs, Told(search, rungs))


def write_outputs(trials: list[Trial], search: Search, classes: int) -> None:
    write_text(TRIALS, trials_text(trials))
    write_json(NUMBERS, numbers(trials, search, classes))
    write_png(PLOTS / "search_front.png", front_figure(trials, search))
    write_png(PLOTS / "search_progress.png", progress_figure(trials, search))


def jobs() -> int:
    """How many trainings run at a time: `make search JOBS=n`, or as many as there are cores for this process.

    Not the fewer that have `train.threads` cores each: two of them on two cores take a fifth less time together.
    """
    asked = os.environ.get("JOBS") or str(usable_cores())
    if not asked.isdecimal() or int(asked) < 1:
        raise InputError(f"JOBS holds {asked!r}, may hold a number of trainings from 1")
    return int(asked)


def main() -> None:
    with reported_in_one_line("search"):
        params = load_params()
        search = checked_search(params)
        check_libraries(REPORT_LIBRARIES, SEARCH_LIBRARIES)
        dataset = read_dataset(DATASET_FILE)
        try:
            with Processes(jobs()) as processes:
                trials = run_search(params, dataset, processes, processes.train)
        except RungFailedError as error:
            sys.exit(str(error))
        write_outputs(trials, search, dataset.classes)
        print(f"\n{outcome(trials, search, len(trials) < search.trials)}", flush=True)


if __name__ == "__main__":
    main()
