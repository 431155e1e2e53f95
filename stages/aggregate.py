"""Compare all architectures that params.yaml names.

Reads params.yaml, data/fashion_mnist.npz, data/models/NAME/ of each and the record of the study; writes
`metrics/accuracy.json` (what DVC compares), `metrics/summary.json` (the two picks), `metrics/study.json` (the study),
`metrics/steps.json` (neighbours compared), `metrics/verdicts.json`, for each family
`plots/FAMILY_{accuracy,curves}.{csv,png}`, and the page `plots/report.html`. Ends with what came out, in a table.
"""

from itertools import count
from typing import Any

import pandas as pd

from stages.analysis.comparisons import steps_table
from stages.analysis.outcome import ACCURACY, PAGE, STUDY, SUMMARY, VERDICTS, accuracy_csv, compared_numbers, outcome
from stages.analysis.recorded import recorded
from stages.analysis.reference import is_fashion_mnist
from stages.analysis.runs import Trained, trained
from stages.analysis.tables import (
    accuracy_table,
    best_run,
    by_step,
    compared_runs,
    curves_table,
    layers_table,
    members,
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
    check_libraries,
    reported_in_one_line,
)
from stages.flops import training_flops
from stages.params import BASELINES, FAMILIES, Params, load_params
from stages.report.page import page
from stages.report.pictures import accuracy_figure, curves_figure, write_png
from stages.training.dataset import Dataset, read_dataset
from stages.training.files import write_json, write_text

SET_ASIDE = DATA / "set-aside"


def set_aside_unlisted(names: set[str]) -> None:
    """Move folders of architectures that params.yaml no longer names out of data/models, a dependency as a whole.

    Otherwise what this stage depends on would be told by what was once trained here, not by params.yaml.
    """
    for folder in sorted(MODELS.iterdir()):
        if folder.name not in names:
            places = (SET_ASIDE / f"{folder.name}-{number}" for number in count())
            place = next(place for place in places if not place.exists())
            place.parent.mkdir(parents=True, exist_ok=True)
            folder.replace(place)
            print(f"aggregate: {folder} is not in params.yaml; moved to {place}", flush=True)


def write_metrics(params: Params, every: list[Trained], dataset: Dataset) -> None:
    """The numbers of the picks and of the study, and those of them that DVC compares."""
    summary: dict[str, Any] = {family: {} for family in BASELINES}
    study: dict[str, Any] = {family: {} for family in BASELINES}
    for described, results in every:
        flops = training_flops(described.architecture, dataset.image_shape, dataset.classes)
        numbers = summarize(results, flops)
        if described.is_baseline:
            summary[described.family] = numbers
        else:
            study.setdefault(described.family, {})[described.key] = numbers
    write_json(SUMMARY, summary)
    write_json(STUDY, study)
    write_json(ACCURACY, compared_numbers(params, summary, study))


def write_comparison(params: Params, dataset: Dataset, every: list[Trained]) -> None:
    """The pictures of each family, the verdicts, and the page."""
    monitored = "validation" if params.data.validation else "test"
    shown = {family: members(family, every) for family in FAMILIES}
    runs = {family: [compared_runs(one, dataset, params) for one in shown[family]] for family in FAMILIES}
    steps = {family: steps_table(runs[family]) for family in BASELINES}
    verdicts = judge(runs, steps, len(dataset.validation.labels))
    write_json(METRICS / "steps.json", {family: by_step(steps[family]) for family in BASELINES})
    write_json(VERDICTS, {key: verdict._asdict() for key, verdict in verdicts.items()})

    tables: dict[str, list[pd.DataFrame]] = {"accuracy": [], "curves": [], "layers": []}
    for family in FAMILIES:
        accuracy, curves = accuracy_table(shown[family], is_fashion_mnist(dataset.test)), curves_table(shown[family])
        write_text(accuracy_csv(family), table_text(accuracy))
        write_text(PLOTS / f"{family}_curves.csv", table_text(curves))
        write_png(PLOTS / f"{family}_accuracy.png", accuracy_figure(accuracy, family))
        write_png(PLOTS / f"{family}_curves.png", curves_figure(curves, family, dataset, monitored))
        if shown[family]:
            tables["accuracy"].append(accuracy.assign(family=family))
            tables["curves"].append(curves.assign(family=family))
            tables["layers"].append(layers_table(shown[family]))

    together = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    everything = [architecture for family in FAMILIES for architecture in runs[family]]
    known = recorded(params, verdicts)
    write_text(PAGE, page(params, dataset, everything, verdicts, known, together, best_run(every)))


def main() -> None:
    with reported_in_one_line("aggregate"):
        params = load_params()
        check_libraries(REPORT_LIBRARIES)
        dataset = read_dataset(DATASET_FILE)
        every = [trained(described, params) for described in params.architectures()]
        set_aside_unlisted({described.name for described, _ in every})
        write_metrics(params, every, dataset)
        write_comparison(params, dataset, every)
        print(f"\n{outcome(params)}", flush=True)


if __name__ == "__main__":
    main()
