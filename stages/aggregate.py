"""Compare all architectures that params.yaml names.

Reads params.yaml and data/models/NAME/{results.json,history.csv} of each; writes `metrics/summary.json` (the two
picks), `metrics/study.json` (the study) and, for each family, `plots/FAMILY_{accuracy,curves}.{csv,png}`.
"""

from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from stages.errors import InputError, reported_in_one_line
from stages.files import DATA, MODELS, write_json, write_text
from stages.params import FAMILIES, Family, Named, Params, load_params
from stages.plots import draw_accuracy, draw_curves
from stages.reference import reference_accuracy
from stages.results import Results, read_history, read_results, table_text

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


def summarize(results: Results) -> dict[str, float]:
    """The numbers of one architecture. A failed start counts in `test_accuracy`, not in `test_accuracy_started`.

    Means are over the seeds that have the number: one that diverged has none, and is told by `diverged`. A mean over
    no seed is left out.
    """
    seeds = pd.DataFrame([result.model_dump() for result in results.seeds.values()])
    started = seeds[seeds["started"]]
    means = {
        "test_accuracy": seeds["test_accuracy"],
        "test_accuracy_started": started["test_accuracy"],
        "test_loss": seeds["test_loss"],
        "validation_accuracy": seeds["validation_accuracy"],
        "validation_loss": seeds["validation_loss"],
        "epochs_to_start": started["started_epoch"],
    }
    return {
        "parameters": results.parameters,
        "seeds": len(seeds),
        "started": len(started),
        "diverged": int(seeds["diverged_epoch"].notna().sum()),
    } | {name: float(values.astype(float).mean()) for name, values in means.items() if values.notna().any()}


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
    tables = []
    for named, _ in compared:
        history = read_history(named.name)
        history.insert(0, "architecture", label(named))
        tables.append(history)
    return pd.concat(tables, ignore_index=True)


def label(named: Named) -> str:
    """What a plot calls an architecture: what its family varies."""
    filters, blocks = named.architecture.filters, named.architecture.blocks
    if named.family == "width":
        return f"({filters[0]}, {filters[1]})"
    return f"{blocks} block{'s' if blocks > 1 else ''}"


def members(family: Family, compared: list[tuple[Named, Results]]) -> list[tuple[Named, Results]]:
    """A family's architectures in the study's order, and its pick last where that is none of them."""
    all_of_it = [(named, results) for named, results in compared if named.family == family]
    studied = [(named, results) for named, results in all_of_it if not named.is_pick]
    known = [named.architecture for named, _ in studied]
    return studied + [(named, results) for named, results in all_of_it if named.architecture not in known]


def main() -> None:
    with reported_in_one_line("aggregate"):
        params = load_params()
        named = [*params.picks(), *params.studied()]
        compared = [(one, checked_results(one, params)) for one in named]
        set_aside_unlisted({one.name for one in named})

        summary: dict[str, Any] = {family: {} for family in FAMILIES}
        study: dict[str, Any] = {family: {} for family in FAMILIES}
        for one, results in compared:
            if one.is_pick:
                summary[one.family] = summarize(results)
            else:
                study[one.family][one.key] = summarize(results)
        write_json(METRICS / "summary.json", summary)
        write_json(METRICS / "study.json", study)

        classes = compared[0][1].classes
        watched = "validation" if params.data.validation else "test"
        for family in FAMILIES:
            shown = members(family, compared)
            accuracy, curves = accuracy_table(shown, params.data.source), curves_table(shown)
            write_text(PLOTS / f"{family}_accuracy.csv", table_text(accuracy))
            write_text(PLOTS / f"{family}_curves.csv", table_text(curves))
            draw_accuracy(PLOTS / f"{family}_accuracy.png", accuracy, family)
            draw_curves(PLOTS / f"{family}_curves.png", curves, family, classes, watched)


if __name__ == "__main__":
    main()
