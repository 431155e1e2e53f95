"""Search for the best architectures for their size, by the section `search` of params.yaml.

Reads params.yaml and data/fashion_mnist.npz, but no test image; writes `plots/search_trials.csv` (one row per trial and
rung), `metrics/search.json`, `plots/search_front.png` and `plots/search_progress.png`. Every training leaves a
checkpoint, so an interrupted search resumes.
"""

import sys
from collections.abc import Sequence
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
from stages.jobs import Job, Trainings, count_usable_cores
from stages.params import PARAMS_FILE, Params, Search, load_params
from stages.report.figures import write_png
from stages.report.search_figures import front_figure, progress_figure
from stages.runner import JobFailedError, LocalSlot, Runner, ended_by_exception, read_job_count
from stages.training.dataset import read_dataset
from stages.training.files import write_json, write_text
from stages.training.results import State
from stages.trials.rounds import run_rounds
from stages.trials.trial import Trial, compute_metrics, describe_round, format_trials, summarize


def checked_search(params: Params) -> Search:
    """Return the section `search`. Raises InputError if it is missing or there are no validation images."""
    if params.search is None:
        raise InputError(f"{PARAMS_FILE}: search: missing. Add it, with the space to search and the number of trials.")
    if not params.data.validation:
        raise InputError(f"{PARAMS_FILE}: data.validation: expected at least 1, got 0. These images rank the trials.")
    return params.search


def run_search(params: Params, runner: Runner, trainings: Trainings) -> list[Trial]:
    """Run the search and return all trials; `runner` trains those not in the store. Prints a line after every round.

    Raises InputError if there is nothing to search, JobFailedError.
    """
    search, trials, rounds, began = checked_search(params), list[Trial](), 0, monotonic()

    def train(jobs: Sequence[Job]) -> list[State]:
        runner.run(trainings.find_missing(jobs))
        return [trainings.open_store(job).load(job.settings.epochs).state for job in jobs]

    for trials in run_rounds(search, read_dataset(DATASET_FILE), train, params.train):
        if runner.trained_epochs:
            rounds += 1
        else:  # the store had every result so far
            began = monotonic()
        rounds_left = (search.trials - len(trials)) / search.trials_per_round
        print(describe_round(trials, search, (monotonic() - began) / max(rounds, 1) * rounds_left), flush=True)
    return trials


def main() -> None:
    with reported_in_one_line("search"):
        params = load_params()
        search = checked_search(params)
        check_libraries(REPORT_LIBRARIES, SEARCH_LIBRARIES)
        # One per core, although a training takes `train.threads`: two in parallel on two cores save a fifth of the time
        slots = [LocalSlot() for _ in range(read_job_count(count_usable_cores()))]
        try:
            with ended_by_exception("search"), Runner(slots) as runner:
                trials = run_search(params, runner, Trainings())
        except JobFailedError as error:
            sys.exit(f"search: {error}")
        write_text(TRIALS, format_trials(trials))
        write_json(METRICS / "search.json", compute_metrics(trials, search, read_dataset(DATASET_FILE).classes))
        write_png(PLOTS / "search_front.png", front_figure(trials, search))
        write_png(PLOTS / "search_progress.png", progress_figure(trials, search))
        print(f"\n{summarize(trials, search)}", flush=True)


if __name__ == "__main__":
    main()
