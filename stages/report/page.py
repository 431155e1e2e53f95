"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: the charts' scripts, the numbers and the pictures are in it. Its bytes follow from the
results, so it has no date and no commit; it says how Git finds the commit that it belongs to.
"""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import altair as alt
import jinja2
import pandas as pd
import vl_convert

from stages.analysis.comparisons import Compared
from stages.analysis.reference_verdicts import ReferenceVerdicts
from stages.analysis.tables import BestRun
from stages.analysis.verdicts import Verdict
from stages.common import DATASET_FILE, yaml_text
from stages.params import Family, Params
from stages.report.charts import accuracy_chart, colours, cost_chart, curves_chart, layers_chart
from stages.report.error_analysis import confident_errors, confused_pairs, names_of_classes
from stages.report.report_tables import architecture_table, contrasted_runs, cost_table, means_table
from stages.training.dataset import PARTS, Dataset
from stages.training.files import sha256
from stages.training.results import LEARNED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SECTIONS = {
    "verdicts": "Verdicts",
    "accuracy": "Accuracy",
    "curves": "Learning curves",
    "why": "Why it fails",
    "cost": "Cost",
    "table": "All architectures",
    "errors": "Errors",
    "provenance": "Provenance",
}
AXES: dict[Family, str] = {
    "width": "filters of the two convolutions",
    "depth": "blocks",
    "custom": "architectures of study.custom",
}
FIRST_OF_ONE_SEED = ("table", "accuracy", "verdicts")
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")


def render_page(
    params: Params,
    dataset: Dataset,
    compared: list[Compared],
    verdicts: dict[str, Verdict],
    on_record: ReferenceVerdicts,
    tables: dict[str, pd.DataFrame],
    best: BestRun | None,
) -> str:
    """Return the whole page as HTML. With one seed it begins with accuracies, with several with the verdicts.

    `on_record` are the verdicts of the study on record that differ from `verdicts`. `tables`, all with `name` and the
    label `architecture`: `accuracy` (one row per run: family, seed, test_accuracy, learned, reference), `curves`
    (family, seed, epoch, loss, val_accuracy), `layers` (seed, epoch, layer, gradient_norm, saturated).
    """
    names = names_of_classes(dataset)
    test = dataset.indexed(dataset.test)
    one_seed = len(params.train.seeds) == 1
    order = [*FIRST_OF_ONE_SEED, *SECTIONS] if one_seed else SECTIONS
    architectures = list(dict.fromkeys(tables["curves"]["architecture"]))
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        scripts=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        charts={name: _as_json(chart) for name, chart in _charts(compared, tables, dataset, params).items()},
        verdicts=[(verdict, on_record.verdicts.get(claim)) for claim, verdict in verdicts.items()],
        seeds_on_record=on_record.seeds,
        referenced=bool(tables["accuracy"]["reference"].notna().any()),
        custom=bool(params.study.custom),
        table=architecture_table(compared, tables["accuracy"], one_seed),
        toggles=dict(zip(architectures, colours(architectures), strict=True)),
        best=best,
        monitored="validation" if params.data.validation else "test",
        pairs=confused_pairs(best.probabilities, test, names) if best else None,
        errors=confident_errors(best.probabilities, test, names) if best else [],
        contrast=contrasted_runs(tables["accuracy"]),
        classes=dataset.classes,
        chance_loss=dataset.chance_loss,
        learned_below=LEARNED_BELOW * dataset.chance_loss,
        params=yaml_text(params.model_dump(exclude_defaults=True, exclude={"search"})),
        data=list(_checksums(dataset)),
        data_file=sha256(DATASET_FILE),
        versions={package: version(package) for package in PACKAGES},
        images=len(dataset.train.labels),
        source=params.data.source,
        seeds=len(params.train.seeds),
        epochs=params.train.epochs,
        one_seed=one_seed,
        sections={section: SECTIONS[section] for section in order},
    )


def _charts(
    compared: list[Compared], tables: dict[str, pd.DataFrame], dataset: Dataset, params: Params
) -> dict[str, alt.LayerChart]:
    accuracy, curves, layers = tables["accuracy"], tables["curves"], tables["layers"]
    monitored = "validation" if params.data.validation else "test"
    charts = {}
    for family, title in AXES.items():
        members = [architecture for architecture in compared if architecture.family == family]
        if members:
            seeds = accuracy[accuracy["family"] == family]
            charts[f"accuracy-{family}"] = accuracy_chart(seeds, means_table(members), title)
    charts["curves-loss"] = curves_chart(curves, "loss", "training loss, nats", ".1f", dataset.chance_loss)
    charts["curves-accuracy"] = curves_chart(curves, "val_accuracy", f"{monitored} accuracy", ".0%")
    costs = cost_table(compared)
    for cost, title in (("parameters", "parameters"), ("training_flops", "training FLOPs per image")):
        if len(costs):
            charts[f"cost-{cost}"] = cost_chart(costs.assign(front=costs[f"{cost}_front"]), cost, title)
    for outcome, run in contrasted_runs(accuracy).items():
        inside = layers[(layers["name"] == run.name) & (layers["seed"] == run.seed)]
        charts[f"gradient-{outcome}"] = layers_chart(inside, "gradient_norm", "gradient norm", logarithmic=True)
        saturated = "fraction of saturated units"
        charts[f"saturated-{outcome}"] = layers_chart(inside, "saturated", saturated, logarithmic=False)
    return charts


def _as_json(chart: alt.LayerChart) -> str:
    return json.dumps(chart.to_dict(), separators=(",", ":")).replace("<", "\\u003c")  # nothing ends the script element


def _checksums(dataset: Dataset) -> Iterable[tuple[str, int, str]]:
    for name, part in zip(PARTS, dataset, strict=True):
        if len(part.labels):
            yield name, len(part.labels), hashlib.sha256(part.images.tobytes() + part.labels.tobytes()).hexdigest()
