"""Is our sampler worth its while: the hypervolume that it and random draws reach for as many epochs, seed by seed.

    python -m tools.samplers SEEDS

Runs the search of params.yaml with both samplers and the seeds 0 to SEEDS - 1; what it trains is kept, so that it may
be ended and begun again. Writes records/samplers/: README.md, courses.csv (a search and generation a row), the picture
courses.png, and params.yaml.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from stages.common import (
    DATASET_FILE,
    REPORT_LIBRARIES,
    SEARCH_LIBRARIES,
    InputError,
    check_libraries,
    reported_in_one_line,
)
from stages.params import PARAMS_FILE, Params, Search, load_params
from stages.report.figures import FAILED, LEARNED, own_style, write_png
from stages.search import checked_search, jobs, run_search
from stages.training.dataset import read_dataset
from stages.training.files import csv_text, write_text
from stages.trials.processes import Processes, RungFailedError
from stages.trials.summary import dominated_area
from stages.trials.trial import Trial
from tools.common.markdown import table
from tools.measuring.machine import machine

RECORD = Path("records/samplers")
SAMPLERS = {"tpe": LEARNED, "random": FAILED}  # with their colours


class Point(NamedTuple):
    """A search after one of its generations."""

    epochs: int  # trained so far
    hypervolume: float


class Course(NamedTuple):
    sampler: str
    seed: int
    points: list[Point]

    def reached(self, epochs: int) -> float:
        """The hypervolume after the last generation that ended within so many epochs; 0 before the first."""
        return max((point.hypervolume for point in self.points if point.epochs <= epochs), default=0.0)


def course(trials: Sequence[Trial], search: Search, classes: int) -> Course:
    """The epochs and the hypervolume after every generation of a search."""
    points = []
    for generation in sorted({trial.generation for trial in trials}):
        so_far = [trial for trial in trials if trial.generation <= generation]
        points.append(Point(sum(trial.epochs for trial in so_far), dominated_area(so_far, search, classes)))
    return Course(search.sampler, search.seed, points)


def common_epochs(courses: Sequence[Course]) -> int:
    """The epochs that all of these searches have trained."""
    return min(one.points[-1].epochs for one in courses)


def page(command: str, courses: Sequence[Course]) -> str:
    """The record: a row a seed, hypervolumes at its samplers' equal epochs, and the means."""
    seeds = sorted({one.seed for one in courses})
    epochs = {seed: common_epochs([one for one in courses if one.seed == seed]) for seed in seeds}
    reached = {
        sampler: [one.reached(epochs[one.seed]) for one in courses if one.sampler == sampler] for sampler in SAMPLERS
    }
    rows = [
        [str(seed), str(trained), *(f"{value:.4f}" for value in values)]
        for (seed, trained), values in zip(epochs.items(), zip(*reached.values(), strict=True), strict=True)
    ]
    rows.append(["mean", "", *(f"{sum(values) / len(values):.4f}" for values in reached.values())])
    parts = [
        "# samplers",
        f"Made by `{command}`, with params.yaml as it lies here. Hypervolume after the epochs of training that both "
        "searches of a seed had; after every generation it is in [courses.csv](courses.csv).",
        table(["seed", "epochs", *reached], rows).rstrip(),
        "![Hypervolume against epochs](courses.png)",
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    return "\n\n".join(parts) + "\n"


def courses_figure(courses: Sequence[Course]) -> Figure:
    """Hypervolume against the epochs trained, a line a search."""
    with own_style():
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for one in courses:
            label = one.sampler if one.seed == 0 else None
            axes.step(
                *zip(*one.points, strict=True), where="post", color=SAMPLERS[one.sampler], marker=".", label=label
            )
        axes.set_xlabel("epochs trained")
        axes.set_ylabel("hypervolume")
        axes.set_title("What the samplers find, a line a seed")
        axes.legend()
    return figure


def searched_by_all(params: Params, seeds: int) -> list[Course]:
    """A search with each sampler from each seed. Raises RungFailedError, InputError."""
    search, dataset = checked_search(params), read_dataset(DATASET_FILE)
    courses = []
    with Processes(jobs()) as processes:
        for seed in range(seeds):
            for sampler in SAMPLERS:
                print(f"{sampler}, seed {seed}", flush=True)
                asked = search.model_copy(update={"sampler": sampler, "seed": seed})
                trials = run_search(params.model_copy(update={"search": asked}), dataset, processes, processes.train)
                courses.append(course(trials, asked, dataset.classes))
    return courses


def main() -> None:
    with reported_in_one_line("samplers"):
        seeds, *others = sys.argv[1:] or [""]
        if others or not seeds.isdecimal() or int(seeds) < 1:
            raise InputError(f"holds {' '.join(sys.argv[1:])!r}, may hold a number of seeds from 1")
        check_libraries(REPORT_LIBRARIES, SEARCH_LIBRARIES)
        try:
            courses = searched_by_all(load_params(), int(seeds))
        except RungFailedError as error:
            sys.exit(str(error))
        rows = [[one.sampler, one.seed, *point] for one in courses for point in one.points]
        write_text(RECORD / "courses.csv", csv_text(rows, ["sampler", "seed", *Point._fields]))
        write_png(RECORD / "courses.png", courses_figure(courses))
        shutil.copyfile(PARAMS_FILE, RECORD / PARAMS_FILE)
        write_text(RECORD / "README.md", page(f"python -m tools.samplers {seeds}", courses))
        print(f"record: {RECORD}")


if __name__ == "__main__":
    main()
