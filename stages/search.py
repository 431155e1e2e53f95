"""Search for the architectures that are best for their size, as the section `search` of params.yaml asks.

Reads params.yaml and data/fashion_mnist.npz, but no test image; writes `plots/search_trials.csv` (one row per trial and
rung), `metrics/search.json`, `plots/search_front.png` and `plots/search_progress.png`. Every training leaves a
checkpoint, so an interrupted search resumes.
"""

from statistics import mean
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
from stages.jobs import trainer
from stages.params import PARAMS_FILE, Params, Search, load_params
from stages.report.pictures import write_png
from stages.report.search_figures import front_figure, progress_figure
from stages.training.dataset import read_dataset
from stages.training.files import write_json, write_text
from stages.trials.rounds import run_search
from stages.trials.search_summary import round_line, search_metrics, summarize
from stages.trials.table import trials_text
from stages.trials.trial import Trial

WORTH_COUNTING = 1.0  # seconds: a round whose trainings are in the store takes less


class RoundPrinter:
    """Print a line after every round, with the time left."""

    def __init__(self, search: Search) -> None:
        self.search, self.began = search, monotonic()
        self.durations: list[float] = []  # seconds of each round that trained

    def __call__(self, trials: list[Trial]) -> None:
        took, self.began = monotonic() - self.began, monotonic()
        self.durations += [took] if took > WORTH_COUNTING else []
        rounds_left = (self.search.trials - len(trials)) / self.search.trials_per_round
        seconds_left = rounds_left * mean(self.durations) if self.durations else 0.0
        print(round_line(trials, self.search, seconds_left), flush=True)


def checked_search(params: Params) -> Search:
    """Return the section `search`. Raises InputError if params.yaml has none, or holds out no images."""
    if params.search is None:
        raise InputError(f"{PARAMS_FILE}: search: missing. It names the space to search and the number of trials.")
    if not params.data.validation:
        raise InputError(f"{PARAMS_FILE}: data.validation: expected at least 1, got 0. These images rank the trials.")
    return params.search


def write_outputs(trials: list[Trial], search: Search, classes: int) -> None:
    """Write the table, the numbers and both figures."""
    write_text(TRIALS, trials_text(trials))
    write_json(METRICS / "search.json", search_metrics(trials, search, classes))
    write_png(PLOTS / "search_front.png", front_figure(trials, search))
    write_png(PLOTS / "search_progress.png", progress_figure(trials, search))


def main() -> None:
    with reported_in_one_line("search"):
        params = load_params()
        search = checked_search(params)
        check_libraries(REPORT_LIBRARIES, SEARCH_LIBRARIES)
        dataset = read_dataset(DATASET_FILE)
        with trainer(dataset) as train:
            trials = run_search(search, dataset, train, params.train, RoundPrinter(search))
        write_outputs(trials, search, dataset.classes)
        print(f"\n{summarize(trials, search)}", flush=True)


if __name__ == "__main__":
    main()
