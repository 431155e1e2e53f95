"""Compare all architectures that params.yaml names.

Reads params.yaml, data/fashion_mnist.npz and data/models/NAME/ of each; writes `metrics/summary.json` (the two picks),
`metrics/study.json` (the study), `metrics/steps.json` (neighbours compared), `metrics/verdicts.json`, for each family
`plots/FAMILY_{accuracy,curves}.{csv,png}`, and the page `plots/report.html`.
"""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from stages.comparisons import Compared, steps_table
from stages.cost import training_flops
from stages.dataset import Dataset, read_dataset
from stages.errors import InputError, reported_in_one_line
from stages.files import DATA, MODELS, PACKED, write_json, write_text
from stages.params import FAMILIES, Family, Named, Params, load_params
from stages.plots import draw_accuracy, draw_curves
from stages.reference import reference_accuracy
from stages.report import Best, page
from stages.results import Results, read_history, read_layers, read_predictions, read_results, table_text
from stages.statistics import deviation, mean_interval, proportion_interval
from stages.verdicts import judge

METRICS = Path("metrics")
PLOTS = Path("plots")
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


def checked_results(named: Named, params: Params) -> Results:
    """The training's results. Raises InputError where they are of another architecture or of other seeds."""
    results = read_results(named.name)
    if results.architecture != named.architecture:
        raise InputError(
            f"{MODELS / named.name}: holds {results.architecture}, params.yaml describes {named.architecture}; "
            "`dvc repro` trains it"
        )
    if list(results.seeds) != [str(seed) for seed in params.train.seeds]:
        raise InputError(
            f"{MODELS / named.name}: holds seeds {', '.join(results.seeds)}, params.yaml asks for "
            f"{', '.join(map(str, params.train.seeds))}; `dvc repro` trains it"
        )
    return results


def summarize(results: Results, flops: int) -> dict[str, float | None]:
    """The numbers of one architecture. A failed start counts in `test_accuracy`, not in `test_accuracy_started`.

    Means are over the seeds that have the number: one that diverged has none, and is told by `diverged`. What does not
    exist is left out: a mean over no seed, a deviation or an interval (`_low`, `_high`, 95 %) of a mean over one.
    """
    seeds = pd.DataFrame([result.model_dump() for result in results.seeds.values()])
    started = seeds[seeds["started"]]
    means = {
        "test_accuracy": seeds["test_accuracy"],
        "test_accuracy_started": started["test_accuracy"],
        "test_loss": seeds["test_loss"],
        "test_loss_started": started["test_loss"],
        "validation_accuracy": seeds["validation_accuracy"],
        "validation_loss": seeds["validation_loss"],
        "epochs_to_start": started["started_epoch"],
    }
    spread: dict[str, float | None] = {}
    for name in ("test_accuracy_started", "test_loss_started"):
        values = list(means[name].astype(float))
        if interval := mean_interval(values):
            spread |= {
                f"{name}_deviation": deviation(values),
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
    share = proportion_interval(len(started), len(seeds))
    return (
        {
            "parameters": results.parameters,
            "training_flops": flops,
            "seeds": len(seeds),
            "started": len(started),
            "started_share_low": share.low,
            "started_share_high": share.high,
            "diverged": int(seeds["diverged_epoch"].notna().sum()),
        }
        | {name: float(values.astype(float).mean()) for name, values in means.items() if values.notna().any()}
        | spread
    )


def compared_runs(named: Named, results: Results, dataset: Dataset) -> Compared:
    """What the statistics need of one architecture."""
    runs = list(results.seeds.values())
    first = next((seed for seed, run in results.seeds.items() if run.started), None)
    correct = None
    if first is not None:
        correct = read_predictions(named.name, int(first)).argmax(axis=1) == dataset.test.labels
    return Compared(
        label=label(named),
        family=named.family,
        parameters=results.parameters,
        training_flops=training_flops(named.architecture, dataset.image_shape, dataset.classes),
        runs=len(runs),
        started=sum(run.started for run in runs),
        accuracies=[run.test_accuracy for run in runs if run.started and run.test_accuracy is not None],
        overall=[run.test_accuracy for run in runs if run.test_accuracy is not None],
        validation=[run.validation_accuracy for run in runs if run.validation_accuracy is not None],
        correct=correct,
    )


def best_run(compared: list[tuple[Named, Results]]) -> Best | None:
    """The run of highest accuracy on the held-out images, or on the test images where none are held out.

    None where every run diverged.
    """
    runs = [
        (run.test_accuracy if run.validation_accuracy is None else run.validation_accuracy, named, int(seed))
        for named, results in compared
        for seed, run in results.seeds.items()
        if run.test_accuracy is not None
    ]
    if not runs:
        return None
    _, named, seed = max(runs, key=lambda run: run[0] or 0)
    return Best(label(named), seed, read_predictions(named.name, seed))


def accuracy_table(compared: list[tuple[Named, Results]], source: str) -> pd.DataFrame:
    """One row an architecture and seed: test accuracy as a fraction, whether it started, the reference's accuracy."""
    return pd.DataFrame(
        [
            {
                "architecture": label(named),
                "parameters": results.parameters,
                "seed": int(seed),
                "test_accuracy": result.test_accuracy,
                "started": result.started,
                "reference": reference_accuracy(named.architecture, source),
            }
            for named, results in compared
            for seed, result in results.seeds.items()
        ]
    ).astype({"test_accuracy": float, "reference": float})


def curves_table(compared: list[tuple[Named, Results]]) -> pd.DataFrame:
    """One row an architecture, seed and epoch, with the training's and the watched part's loss and accuracy."""
    return _together(compared, read_history)


def layers_table(compared: list[tuple[Named, Results]]) -> pd.DataFrame:
    """One row an architecture, seed, epoch and layer, with what stages/diagnostics.py measured."""
    return _together(compared, read_layers)


def _together(compared: list[tuple[Named, Results]], read: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    tables = []
    for named, _ in compared:
        table = read(named.name)
        table.insert(0, "architecture", label(named))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def label(named: Named) -> str:
    """What a plot calls an architecture: what its family varies."""
    filters, blocks = named.architecture.filters, named.architecture.blocks
    if named.family == "width":
        return f"({filters[0]}, {filters[1]})"
    return f"{blocks} block{'s' if blocks > 1 else ''}"


def members(family: Family, compared: list[tuple[Named, Results]]) -> list[tuple[Named, Results]]:
    """A family's architectures by kernels or blocks; its pick among them where the study does not hold it."""
    all_of_it = [(named, results) for named, results in compared if named.family == family]
    studied = [(named, results) for named, results in all_of_it if not named.is_pick]
    known = [named.architecture for named, _ in studied]
    shown = studied + [(named, results) for named, results in all_of_it if named.architecture not in known]
    return sorted(shown, key=lambda one: (one[0].architecture.blocks, sum(one[0].architecture.filters)))


def write_comparison(params: Params, dataset: Dataset, compared: list[tuple[Named, Results]]) -> None:
    """The pictures of each family, the verdicts, and the page."""
    classes = dataset.classes
    watched = "validation" if params.data.validation else "test"
    shown = {family: members(family, compared) for family in FAMILIES}
    runs = {family: [compared_runs(*one, dataset) for one in shown[family]] for family in FAMILIES}
    steps = {family: steps_table(runs[family]) for family in FAMILIES}
    verdicts = judge(runs, steps, len(dataset.validation.labels))
    write_json(METRICS / "steps.json", {family: _by_step(steps[family]) for family in FAMILIES})
    write_json(METRICS / "verdicts.json", {key: verdict._asdict() for key, verdict in verdicts.items()})

    tables: dict[str, list[pd.DataFrame]] = {"accuracy": [], "curves": [], "layers": []}
    for family in FAMILIES:
        accuracy, curves = accuracy_table(shown[family], params.data.source), curves_table(shown[family])
        write_text(PLOTS / f"{family}_accuracy.csv", table_text(accuracy))
        write_text(PLOTS / f"{family}_curves.csv", table_text(curves))
        draw_accuracy(PLOTS / f"{family}_accuracy.png", accuracy, family)
        draw_curves(PLOTS / f"{family}_curves.png", curves, family, classes, watched)
        tables["accuracy"].append(accuracy.assign(family=family))
        tables["curves"].append(curves.assign(family=family))
        tables["layers"].append(layers_table(shown[family]))

    together = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    everything = [*runs["width"], *runs["depth"]]
    write_text(PLOTS / "report.html", page(params, dataset, everything, verdicts, together, best_run(compared)))


def _by_step(steps: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """A step's numbers under its name; those that do not exist are left out."""
    numbers = steps.drop(columns=["from", "to"])
    names = steps["from"] + " to " + steps["to"]
    return {
        name: {str(key): value for key, value in row.items() if pd.notna(value)}
        for name, row in zip(names, numbers.to_dict("records"), strict=True)
    }


def main() -> None:
    with reported_in_one_line("aggregate"):
        params = load_params()
        dataset = read_dataset(PACKED)
        named = [*params.picks(), *params.studied()]
        compared = [(one, checked_results(one, params)) for one in named]
        set_aside_unlisted({one.name for one in named})

        summary: dict[str, Any] = {family: {} for family in FAMILIES}
        study: dict[str, Any] = {family: {} for family in FAMILIES}
        for one, results in compared:
            numbers = summarize(results, training_flops(one.architecture, dataset.image_shape, dataset.classes))
            if one.is_pick:
                summary[one.family] = numbers
            else:
                study[one.family][one.key] = numbers
        write_json(METRICS / "summary.json", summary)
        write_json(METRICS / "study.json", study)
        write_comparison(params, dataset, compared)


if __name__ == "__main__":
    main()
