"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: the charts' scripts, the numbers and the pictures are in it. Its bytes follow from the
results, so it names no time and no commit; it tells how Git finds the commit that it belongs to.
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
from stages.analysis.recorded import Recorded
from stages.analysis.tables import BestRun
from stages.analysis.verdicts import Verdict
from stages.common import DATASET_FILE, yaml_text
from stages.params import Family, Params
from stages.report.charts import accuracy_chart, cost_chart, errors_chart, start_chart
from stages.report.courses import curves_chart, layers_chart
from stages.report.mistakes import class_errors, confident_errors, names_of_classes, spans
from stages.report.rows import architecture_columns, contrasted_runs, cost_table, found_in_words, mean_row, start_row
from stages.report.style import colours
from stages.training.dataset import PARTS, Dataset
from stages.training.files import sha256
from stages.training.results import LEARNED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
SECTIONS = {
    "verdicts": "Verdicts",
    "accuracy": "Accuracy",
    "starting": "Starting",
    "curves": "Learning curves",
    "why": "Why it fails",
    "cost": "Cost",
    "table": "All architectures",
    "errors": "Errors",
    "provenance": "Provenance",
}
AXES: dict[Family, str] = {
    "width": "kernels of the two convolutions",
    "depth": "blocks",
    "custom": "architectures of study.custom",
}
FIRST_OF_ONE_SEED = ("table", "accuracy", "verdicts")
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")


def page(
    params: Params,
    dataset: Dataset,
    compared: list[Compared],
    verdicts: dict[str, Verdict],
    known: Recorded,
    tables: dict[str, pd.DataFrame],
    best: BestRun | None,
) -> str:
    """The whole page as HTML. With one seed it begins with what that shows, with several with the verdicts.

    `known` are the verdicts of the study on record, to stand beside those that are otherwise here.
    `tables`, all with `name` and the label `architecture`: `accuracy` (a seed a row: family, seed, test_accuracy,
    learned, reference), `curves` (family, seed, epoch, loss, val_accuracy), `layers` (seed, epoch, layer,
    gradient_norm, saturated). `best` is the run of highest accuracy on the monitored images, if any has one.
    """
    names = names_of_classes(dataset)
    one_seed = len(params.train.seeds) == 1
    order = [*FIRST_OF_ONE_SEED, *SECTIONS] if one_seed else SECTIONS
    architectures = list(dict.fromkeys(tables["curves"]["architecture"]))
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        scripts=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        charts={name: _as_json(chart) for name, chart in _charts(compared, tables, dataset, params, best).items()},
        verdicts=[(verdict, known.verdicts.get(claim)) for claim, verdict in verdicts.items()],
        seeds_on_record=known.seeds,
        referenced=bool(tables["accuracy"]["reference"].notna().any()),
        labels=[architecture.label for architecture in compared],
        found=found_in_words(compared, params),
        columns=architecture_columns(compared, tables["accuracy"], one_seed),
        toggles=dict(zip(architectures, colours(architectures), strict=True)),
        best=best,
        monitored="validation" if params.data.validation else "test",
        errors=confident_errors(best.probabilities, dataset.indexed(dataset.test), names) if best else [],
        contrast=contrasted_runs(tables["accuracy"]),
        classes=dataset.classes,
        class_labels=spans(dataset.labels),
        plateau=dataset.chance_loss,
        started_below=LEARNED_BELOW * dataset.chance_loss,
        params=yaml_text(params.model_dump(exclude_defaults=True)),
        data=list(_checksums(dataset)),
        packed=sha256(DATASET_FILE),
        versions={package: version(package) for package in PACKAGES},
        images=len(dataset.train.labels),
        source=params.data.source,
        seeds=len(params.train.seeds),
        epochs=params.train.epochs,
        one_seed=one_seed,
        sections={section: SECTIONS[section] for section in order},
    )


def _charts(
    compared: list[Compared],
    tables: dict[str, pd.DataFrame],
    dataset: Dataset,
    params: Params,
    best: BestRun | None,
) -> dict[str, alt.LayerChart]:
    accuracy, curves, layers = tables["accuracy"], tables["curves"], tables["layers"]
    monitored = "validation" if params.data.validation else "test"
    charts = {}
    for family, title in AXES.items():
        means = pd.DataFrame([mean_row(architecture) for architecture in compared if architecture.family == family])
        if len(means):
            charts[f"accuracy-{family}"] = accuracy_chart(accuracy[accuracy["family"] == family], means, title)
    charts["starts"] = start_chart(pd.DataFrame([start_row(architecture) for architecture in compared]))
    charts["curves-loss"] = curves_chart(curves, "loss", "training loss, nats", ".1f", dataset.chance_loss)
    charts["curves-accuracy"] = curves_chart(curves, "val_accuracy", f"{monitored} accuracy", ".0%")
    costs = cost_table(compared)
    for cost, title in (("parameters", "parameters"), ("training_flops", "training operations an image")):
        if len(costs):
            charts[f"cost-{cost}"] = cost_chart(costs.assign(front=costs[f"{cost}_front"]), cost, title)
    for outcome, run in contrasted_runs(accuracy).items():
        inside = layers[(layers["name"] == run.name) & (layers["seed"] == run.seed)]
        charts[f"gradient-{outcome}"] = layers_chart(inside, "gradient_norm", "gradient norm", logarithmic=True)
        charts[f"saturated-{outcome}"] = layers_chart(
            inside, "saturated", "share of saturated units", logarithmic=False
        )
    if best:
        names = names_of_classes(dataset)
        charts["errors"] = errors_chart(class_errors(best.probabilities, dataset.indexed(dataset.test), names))
    return charts


def _as_json(chart: alt.LayerChart) -> str:
    return json.dumps(chart.to_dict(), separators=(",", ":")).replace("</", "<\\/")  # no end of the script element


def _checksums(dataset: Dataset) -> Iterable[tuple[str, int, str]]:
    for name, part in zip(PARTS, dataset, strict=True):
        if len(part.labels):
            yield name, len(part.labels), hashlib.sha256(part.images.tobytes() + part.labels.tobytes()).hexdigest()
