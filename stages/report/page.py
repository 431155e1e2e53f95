"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: the charts' scripts, the numbers and the pictures are in it. Its bytes follow from the
results, so it has no date and no commit; it says how Git finds the commit that it belongs to.
"""

import json
from importlib.metadata import version
from pathlib import Path

import altair as alt
import jinja2
import pandas as pd
import vl_convert

from stages.analysis.reference_verdicts import ReferenceVerdicts
from stages.analysis.runs import BestRun
from stages.analysis.verdicts import Verdict
from stages.common import DATASET_FILE, yaml_text
from stages.params import Params
from stages.report.charts import accuracy_chart, colours, cost_chart, curves_chart, layers_chart
from stages.report.error_analysis import confident_errors, confused_pairs, names_of_classes
from stages.training.dataset import Dataset
from stages.training.files import sha256
from stages.training.results import LEARNED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
AXES = {
    "width": "filters of the two convolutions",
    "depth": "blocks",
    "custom": "architectures of study.custom",
}
COSTS = {"parameters": "parameters", "training_flops": "training FLOPs per image"}
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")


def chart_scripts() -> str:
    """Return the JavaScript that draws the charts; it takes a second or two without Python's lock."""
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def render_page(
    params: Params,
    dataset: Dataset,
    numbers: pd.DataFrame,
    verdicts: dict[str, Verdict],
    on_record: ReferenceVerdicts,
    tables: dict[str, pd.DataFrame],
    best: BestRun | None,
    scripts: str,
) -> str:
    """Return the whole page as HTML. With one seed it begins with accuracies, with several with the verdicts.

    `numbers` is from `summary.read_numbers`; `on_record` are the verdicts of the study on record that differ from
    `verdicts`. `tables`, all with `name`, `family` and the label `architecture`: `accuracy` (one row per run: seed,
    test_accuracy, learned, reference), `curves` (seed, epoch, loss, val_accuracy), `layers` (seed, epoch, layer,
    gradient_norm, saturated). `scripts` is from `chart_scripts`.
    """
    monitored = "validation" if params.data.validation else "test"
    contrast = contrasted_runs(tables["accuracy"])
    charts = _charts(numbers, tables, contrast, dataset.chance_loss, monitored)
    architectures = list(tables["curves"]["architecture"].unique())
    names, test = names_of_classes(dataset), dataset.index_labels(dataset.test)
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        params=params,
        settings=yaml_text(params.model_dump(exclude_defaults=True, exclude={"search"})),
        dataset=dataset,
        data_file=sha256(DATASET_FILE),
        one_seed=len(params.train.seeds) == 1,
        monitored=monitored,
        learned_below=LEARNED_BELOW * dataset.chance_loss,
        verdicts=verdicts,
        on_record=on_record,
        table=architecture_table(numbers, one_seed=len(params.train.seeds) == 1),
        scripts=scripts,
        charts={name: _as_json(chart) for name, chart in charts.items()},
        toggles=dict(zip(architectures, colours(architectures), strict=True)),
        contrast=contrast,
        best=best,
        pairs=confused_pairs(best.probabilities, test, names) if best else [],
        errors=confident_errors(best.probabilities, test, names) if best else [],
        versions={package: version(package) for package in PACKAGES},
    )


def _charts(
    numbers: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    contrast: dict[str, pd.Series],
    chance_loss: float,
    monitored: str,
) -> dict[str, alt.LayerChart]:
    accuracy, curves, layers = tables["accuracy"], tables["curves"], tables["layers"]
    charts = {
        f"accuracy-{family}": accuracy_chart(seeds, numbers[numbers["family"] == family], AXES[str(family)])
        for family, seeds in accuracy.groupby("family")
    }
    charts["curves-loss"] = curves_chart(curves, "loss", "training loss, nats", ".1f", chance_loss)
    charts["curves-accuracy"] = curves_chart(curves, "val_accuracy", f"{monitored} accuracy", ".0%")
    costs = numbers.dropna(subset="validation_accuracy")
    charts |= {f"cost-{cost}": cost_chart(costs, cost, title) for cost, title in COSTS.items() if len(costs)}
    for outcome, run in contrast.items():
        inside = layers[(layers["name"] == run["name"]) & (layers["seed"] == run["seed"])]
        charts[f"gradient-{outcome}"] = layers_chart(inside, "gradient_norm", "gradient norm", logarithmic=True)
        saturated = "fraction of saturated units"
        charts[f"saturated-{outcome}"] = layers_chart(inside, "saturated", saturated, logarithmic=False)
    return charts


def _as_json(chart: alt.LayerChart) -> str:
    return json.dumps(chart.to_dict(), separators=(",", ":")).replace("<", "\\u003c")  # nothing ends the script element


def architecture_table(numbers: pd.DataFrame, one_seed: bool) -> pd.DataFrame:
    """Return the table of all architectures as text, a label per row; with one seed without the spread of several.

    A number that does not exist is "-"; a column without a number is left out.
    """
    percent = (100 * numbers.select_dtypes(float)).map("{:.2f}".format).replace("nan", "-")
    table = pd.DataFrame(
        {
            "test accuracy": percent["test_accuracy"],
            "learned": numbers["learned"].astype(str) + " of " + numbers["seeds"].astype(str),
            "learned, 95 %": _interval(numbers, "learned_fraction", decimals=0),
            "of those that learned": percent["test_accuracy_learned"],
            "standard deviation": percent["test_accuracy_learned_deviation"],
            "95 %": _interval(numbers, "test_accuracy_learned", decimals=2),
            "validation": percent["validation_accuracy"],
            "notebook": percent["reference"],
            "parameters": numbers["parameters"].map("{:,}".format),
            "FLOPs per image": (numbers["training_flops"] / 1e6).map("{:.1f} M".format),
            "family": numbers["family"],
        }
    )
    known = table.loc[:, (table != "-").any()]
    return known.drop(columns=["learned, 95 %", "of those that learned"], errors="ignore") if one_seed else known


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
