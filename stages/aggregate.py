"""Compare all architectures that params.yaml names.

Reads params.yaml, data/fashion_mnist.npz, data/models/NAME/ of each and the record of the study. Writes to metrics/
`accuracy.json` (compared by DVC), `summary.json` (the two baselines), `study.json` (the study), `steps.json`
(neighbours compared) and `verdicts.json`. Writes to plots/ `FAMILY_{accuracy,curves}.{csv,png}` and the page
`report.html`. Prints the headline and a table.
"""

import os
from itertools import count
from typing import Any

from stages.analysis.comparisons import steps_by_label, steps_table, summarize_runs
from stages.analysis.reference import is_fashion_mnist
from stages.analysis.reference_verdicts import reference_verdicts
from stages.analysis.runs import (
    Training,
    accuracy_table,
    best_run,
    in_order,
    load_results,
    read_epochs,
    summarize,
    table_text,
)
from stages.analysis.verdicts import judge
from stages.common import (
    DATA,
    DATASET_FILE,
    METRICS,
    MODELS,
    PLOTS,
    REPORT_LIBRARIES,
    SUMMARY_FOLLOWS,
    check_libraries,
    reported_in_one_line,
)
from stages.flops import training_flops
from stages.params import BASELINES, FAMILIES, Params, load_params
from stages.report.figures import accuracy_figure, curves_figure, write_png
from stages.report.page import render_page
from stages.report.summary import PAGE, STUDY, SUMMARY, VERDICTS, accuracy_csv, read_numbers, summarize_run
from stages.training.dataset import Dataset, read_dataset
from stages.training.files import write_json, write_text
from stages.training.results import HISTORY_COLUMNS, LAYER_COLUMNS

SET_ASIDE = DATA / "set-aside"


def set_aside_unlisted(names: set[str]) -> None:
    """Move folders of architectures that params.yaml does not name out of data/models.

    DVC hashes that folder as a whole: otherwise leftovers of earlier trainings would change this stage's inputs.
    """
    for folder in sorted(MODELS.iterdir()):
        if folder.name not in names:
            places = (SET_ASIDE / f"{folder.name}-{number}" for number in count())
            place = next(place for place in places if not place.exists())
            place.parent.mkdir(parents=True, exist_ok=True)
            folder.replace(place)
            print(f"aggregate: {folder} is not in params.yaml; moved to {place}", flush=True)


def write_metrics(trainings: list[Training], dataset: Dataset) -> None:
    """Write the numbers of the baselines and of the study, and those that `dvc metrics` and `dvc exp show` compare.

    DVC compares three numbers per baseline and the test accuracy of every other architecture. They are means over all
    runs, failed ones included. Missing numbers are left out.
    """
    summary: dict[str, Any] = {}
    study: dict[str, Any] = {family: {} for family in BASELINES}
    compared: dict[str, Any] = {}
    for one, results, _ in trainings:
        numbers = summarize(results, training_flops(one.architecture, dataset.image_shape, dataset.classes))
        if one.is_baseline:
            summary[one.family] = numbers
            names = ("validation_accuracy", "test_accuracy", "learned")
            compared[one.name] = {name: numbers[name] for name in names if name in numbers}
        else:
            study.setdefault(one.family, {})[one.key] = numbers
            if "test_accuracy" in numbers:
                compared[one.name] = numbers["test_accuracy"]
    for path, content in ((SUMMARY, summary), (STUDY, study), (METRICS / "accuracy.json", compared)):
        write_json(path, content)


def write_comparison(params: Params, dataset: Dataset, trainings: list[Training]) -> None:
    """Write the steps, the verdicts, the tables and pictures of each family, and the page."""
    monitored = "validation" if params.data.validation else "test"
    known = {one.described.name: one for one in trainings}
    order = in_order(params, {name: one.results.parameters for name, one in known.items()})
    shown = [known[one.name] for one in order]
    compared = [summarize_runs(one, dataset, params) for one in shown]
    runs = {family: [one for one in compared if one.family == family] for family in FAMILIES}
    steps = {family: steps_table(runs[family]) for family in BASELINES}
    verdicts = judge(runs, steps, len(dataset.validation.labels))
    write_json(METRICS / "steps.json", {family: steps_by_label(steps[family]) for family in BASELINES})
    write_json(VERDICTS, {key: verdict._asdict() for key, verdict in verdicts.items()})

    tables = {
        "accuracy": accuracy_table(shown, is_fashion_mnist(dataset.test)),
        "curves": read_epochs(shown, HISTORY_COLUMNS),
        "layers": read_epochs(shown, LAYER_COLUMNS),
    }
    for family in FAMILIES:
        accuracy, curves = (table[table["family"] == family] for table in (tables["accuracy"], tables["curves"]))
        write_text(accuracy_csv(family), table_text(accuracy))
        write_text(PLOTS / f"{family}_curves.csv", table_text(curves))
        write_png(PLOTS / f"{family}_accuracy.png", accuracy_figure(accuracy, family))
        write_png(PLOTS / f"{family}_curves.png", curves_figure(curves, family, dataset, monitored))
    on_record, numbers = reference_verdicts(params, verdicts), read_numbers(params)
    write_text(PAGE, render_page(params, dataset, numbers, verdicts, on_record, tables, best_run(tables["accuracy"])))


def main() -> None:
    with reported_in_one_line("aggregate"):
        params = load_params()
        check_libraries(REPORT_LIBRARIES)
        dataset = read_dataset(DATASET_FILE)
        trainings = load_results(params)
        set_aside_unlisted({training.described.name for training in trainings})
        write_metrics(trainings, dataset)
        write_comparison(params, dataset, trainings)
        if SUMMARY_FOLLOWS not in os.environ:
            print(f"\n{summarize_run(params)}", flush=True)


if __name__ == "__main__":
    main()
