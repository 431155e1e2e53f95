"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: its charts, numbers and pictures are in it. Its bytes follow from the results, so it has
no date and no commit; it says how Git finds the commit that it belongs to.
"""

from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from stages.analysis.headline import summarize_study
from stages.analysis.reference_verdicts import ReferenceVerdicts
from stages.analysis.runs import BestRun
from stages.analysis.verdicts import BEST, Verdict
from stages.common import DATASET_FILE, yaml_text
from stages.params import Params
from stages.report.charts import HEIGHT, VARIES, Chart, Scale, accuracy_chart, cost_chart, curves_chart, layers_chart
from stages.report.error_analysis import confident_errors, confused_pairs, confusion_matrix, names_of_classes
from stages.training.dataset import Dataset
from stages.training.files import sha256
from stages.training.results import LEARNED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SECTIONS = {
    "accuracy": "Test accuracy",
    "verdicts": "Verdicts",
    "curves": "Learning curves",
    "why": "Why training fails",
    "cost": "Accuracy against cost",
    "table": "All networks",
    "errors": "Wrong predictions",
    "provenance": "Provenance",
}
CHIPS = {
    "confirmed": ("yes", "✓"),
    "confirmed in part": ("part", "◐"),
    "contradicted in part": ("mixed", "◑"),
    "refuted": ("no", "✗"),
    "undecided": ("open", "?"),
}
COSTS = {"parameters": "parameters", "training_flops": "training FLOPs per image"}
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")
MOST_CLASSES = 20  # in a confusion matrix


def render_page(
    params: Params,
    dataset: Dataset,
    numbers: pd.DataFrame,
    verdicts: dict[str, Verdict],
    on_record: ReferenceVerdicts,
    tables: dict[str, pd.DataFrame],
    best: BestRun | None,
) -> str:
    """Return the whole page as HTML.

    `numbers` is from `summary.read_numbers`; `on_record` are the verdicts of the study on record that differ from
    `verdicts`. `tables`, all with `name`, `family` and the label `architecture`: `accuracy` (one row per run: seed,
    test_accuracy, learned, reference), `curves` (seed, epoch, loss, val_accuracy), `layers` (seed, epoch, layer,
    gradient_norm, saturated).
    """
    one_seed = len(params.train.seeds) == 1
    monitored = "validation" if params.data.validation else "test"
    table, best_cells = architecture_table(numbers, one_seed)
    names, test = names_of_classes(dataset), dataset.index_labels(dataset.test)
    matrix = confusion_matrix(best.probabilities, test) if best else np.zeros((0, 0))
    parts = (100 * matrix / matrix.sum(axis=1, keepdims=True).clip(1)).round().astype(int).tolist()
    validated = numbers.dropna(subset="validation_accuracy")
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        params=params,
        settings=yaml_text(params.model_dump(exclude_defaults=True, exclude={"search"})),
        dataset=dataset,
        data_file=sha256(DATASET_FILE),
        one_seed=one_seed,
        monitored=monitored,
        learned_below=LEARNED_BELOW * dataset.chance_loss,
        sections=SECTIONS,
        headline=summarize_study(params, numbers, verdicts[BEST].verdict, verdicts[BEST].sentence),
        verdicts=verdicts,
        on_record=on_record,
        chips=defaultdict(lambda: ("pick", "★"), CHIPS),
        failed=not tables["accuracy"]["learned"].all(),
        numbers=numbers,
        accuracy=accuracy_chart(tables["accuracy"], numbers),
        curves=_curves(tables["curves"], dataset.chance_loss, monitored),
        contrast=_contrast(tables["accuracy"], tables["layers"]),
        costs=[cost_chart(validated, cost, title) for cost, title in COSTS.items() if len(validated)],
        table=table,
        best_cells=best_cells,
        groups=Counter(table.columns.get_level_values(0)),
        best=best,
        names=names,
        matrix=list(zip(names, parts, strict=False)) if len(names) <= MOST_CLASSES else None,
        pairs=confused_pairs(matrix, names) if best else [],
        errors=confident_errors(best.probabilities, test, names) if best else [],
        versions={package: version(package) for package in PACKAGES},
    )


def _curves(curves: pd.DataFrame, chance_loss: float, monitored: str) -> dict[str, list[Chart]]:
    """Return the charts of loss and accuracy by family, on axes that all families share."""
    accuracy = 100 * curves["val_accuracy"]
    axis = Scale(accuracy.min(), min(accuracy.max() + 2, 100), HEIGHT, 0)
    curves = curves.assign(val_accuracy=accuracy)
    return {
        VARIES[str(family)]: [
            curves_chart(its, "loss", "training loss", Scale(0, 1.2 * chance_loss, HEIGHT, 0), chance_loss),
            curves_chart(its, "val_accuracy", f"{monitored} accuracy, %", axis),
        ]
        for family, its in curves.groupby("family", sort=False)
    }


def _contrast(accuracy: pd.DataFrame, layers: pd.DataFrame) -> list[tuple[str, str, list[Chart]]]:
    """Return title, what to say without such a run, and charts, of a run that learned and one that failed."""
    contrast = contrasted_runs(accuracy)
    inside = {
        outcome: layers[(layers["name"] == run["name"]) & (layers["seed"] == run["seed"])]
        for outcome, run in contrast.items()
    }
    norms = np.log10(pd.concat([layers.iloc[:0], *inside.values()])["gradient_norm"].replace(0, np.nan))
    gradient = Scale(np.floor(norms.min()), np.ceil(norms.max()), HEIGHT, 0)
    columns = []
    for outcome, title, absent in (
        ("learned", "A run that learned", "No run learned."),
        ("failed", "A run that never learned", "Every run learned."),
    ):
        if outcome in contrast:
            title += f": {contrast[outcome]['architecture']}, seed {contrast[outcome]['seed']}"
        charts = [
            layers_chart(inside[outcome], "gradient_norm", "gradient norm", gradient),
            layers_chart(inside[outcome], "saturated", "fraction of saturated units", Scale(0, 1, HEIGHT, 0)),
        ] if outcome in contrast and len(inside[outcome]) else []  # fmt: skip
        columns.append((title, absent, charts))
    return columns


def architecture_table(numbers: pd.DataFrame, one_seed: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of all networks as text, a label per row, and which cells are the best of their column.

    Columns are groups and titles; with one seed without the spread of several. A number that does not exist is "-"; a
    column without a number is left out, and so is the mean of the runs that learned if it says nothing new.
    """
    percent = (100 * numbers.select_dtypes(float)).map("{:.2f}".format).replace("nan", "-")
    number, part = ("learned", "runs"), ("learned", "likely fraction, %")
    mean, mean_learned = ("test accuracy, %", "mean of all runs"), ("test accuracy, %", "of those that learned")
    validation, parameters, flops = ("validation", "accuracy, %"), ("cost", "parameters"), ("cost", "FLOPs per image")
    table = pd.DataFrame(
        {
            number: numbers["learned"].astype(str) + " of " + numbers["seeds"].astype(str),
            part: _interval(numbers, "learned_fraction", decimals=0),
            mean: percent["test_accuracy"],
            mean_learned: percent["test_accuracy_learned"],
            (mean[0], "standard deviation"): percent["test_accuracy_learned_deviation"],
            (mean[0], "95 % interval"): _interval(numbers, "test_accuracy_learned", decimals=2),
            (mean[0], "notebook"): percent["reference"],
            validation: percent["validation_accuracy"],
            parameters: numbers["parameters"].map("{:,}".format),
            flops: (numbers["training_flops"] / 1e6).map("{:.1f} M".format),
        }
    )
    same = table[mean_learned].isin(["-"]) | (table[mean_learned] == table[mean])
    useless = [*([part] if one_seed else []), *([mean_learned] if same.all() else []), *table.columns[(table == "-").all()]]
    table = table.drop(columns=useless)
    scores = numbers[["test_accuracy", "test_accuracy_learned", "validation_accuracy"]].set_axis([mean, mean_learned, validation], axis=1)
    scores = scores.assign(**{}).join(-numbers[["parameters", "training_flops"]].set_axis([parameters, flops], axis=1))
    scores = scores[(numbers["learned"] > 0) & (len(numbers) > 1)]
    best = scores.eq(scores.max()).reindex(index=table.index, columns=table.columns, fill_value=False)
    return table, best


def _interval(numbers: pd.DataFrame, name: str, decimals: int) -> pd.Series:
    low, high = ((100 * numbers[f"{name}_{end}"]).map(f"{{:.{decimals}f}}".format) for end in ("low", "high"))
    return (low + " to " + high).replace("nan to nan", "-")


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the row of the run that `learned` with the best test accuracy, and of the first that `failed`, if any.

    A run that diverged has few layers or none, so it is shown only if no other failed.
    """
    learned = accuracy[accuracy["learned"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["learned"]].sort_values("test_accuracy", key=pd.isna, kind="stable")
    return {outcome: runs.iloc[0] for outcome, runs in (("learned", learned), ("failed", failed)) if len(runs)}
