"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: the charts' scripts, the numbers and the pictures are in it. Its bytes follow from the
results, so it names no time and no commit; it tells how Git finds the commit that it belongs to.
"""

import hashlib
import json
import math
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import jinja2
import pandas as pd
import vl_convert

from stages.analysis.comparisons import Compared, mean, pareto_front
from stages.analysis.statistics import deviation, mean_interval, proportion_interval
from stages.analysis.tables import BestRun
from stages.analysis.verdicts import Verdict
from stages.common.files import sha256
from stages.common.places import PACKED
from stages.common.strict_yaml import write_yaml
from stages.data.dataset import PARTS, Dataset
from stages.page.charts import accuracy_chart, cost_chart, errors_chart, start_chart
from stages.page.courses import curves_chart, layers_chart
from stages.page.mistakes import class_errors, class_names, confident_errors, spans
from stages.page.style import colours
from stages.params import Params
from stages.training.results import STARTED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")


def page(
    params: Params,
    dataset: Dataset,
    compared: list[Compared],
    verdicts: dict[str, Verdict],
    tables: dict[str, pd.DataFrame],
    best: BestRun | None,
) -> str:
    """The whole page as HTML.

    `tables`, all with `name` and the label `architecture`: `accuracy` (a seed a row: family, seed, test_accuracy,
    started, reference), `curves` (family, seed, epoch, loss, val_accuracy), `layers` (seed, epoch, layer,
    gradient_norm, saturated). `best` is the run of highest accuracy on the watched images, if any has one.
    """
    names = class_names(dataset)
    architectures = list(dict.fromkeys(tables["curves"]["architecture"]))
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        scripts=vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        charts={name: _as_json(chart) for name, chart in _charts(compared, tables, dataset, params, best).items()},
        verdicts=list(verdicts.values()),
        architectures=architecture_rows(compared, tables["accuracy"]),
        toggles=dict(zip(architectures, colours(architectures), strict=True)),
        best=best,
        watched="validation" if params.data.validation else "test",
        errors=confident_errors(best.probabilities, dataset.indexed(dataset.test), names) if best else [],
        contrast=contrasted_runs(tables["accuracy"]),
        classes=dataset.classes,
        labels=spans(dataset.labels),
        plateau=dataset.label_entropy,
        started_below=STARTED_BELOW * dataset.label_entropy,
        params=write_yaml(params.model_dump(exclude_defaults=True)),
        data=list(_checksums(dataset)),
        packed=sha256(PACKED),
        versions={package: version(package) for package in PACKAGES},
        seeds=len(params.train.seeds),
        epochs=params.train.epochs,
        one_seed=len(params.train.seeds) == 1,
    )


def _charts(
    compared: list[Compared],
    tables: dict[str, pd.DataFrame],
    dataset: Dataset,
    params: Params,
    best: BestRun | None,
) -> dict[str, alt.LayerChart]:
    accuracy, curves, layers = tables["accuracy"], tables["curves"], tables["layers"]
    watched = "validation" if params.data.validation else "test"
    charts = {}
    for family, title in (("width", "kernels of the two convolutions"), ("depth", "blocks")):
        means = pd.DataFrame([_mean_row(one) for one in compared if one.family == family])
        if len(means):
            charts[f"accuracy-{family}"] = accuracy_chart(accuracy[accuracy["family"] == family], means, title)
    charts["starts"] = start_chart(pd.DataFrame([_start_row(one) for one in compared]))
    charts["curves-loss"] = curves_chart(curves, "loss", "training loss, nats", ".1f", dataset.label_entropy)
    charts["curves-accuracy"] = curves_chart(curves, "val_accuracy", f"{watched} accuracy", ".0%")
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
        names = class_names(dataset)
        charts["errors"] = errors_chart(class_errors(best.probabilities, dataset.indexed(dataset.test), names))
    return charts


def _as_json(chart: alt.LayerChart) -> str:
    return json.dumps(chart.to_dict(), separators=(",", ":")).replace("</", "<\\/")  # no end of the script element


def _mean_row(one: Compared) -> dict[str, Any]:
    low, high = mean_interval(one.accuracies) or (math.nan, math.nan)
    return {"architecture": one.label, "mean": mean(one.accuracies), "low": low, "high": high}


def _start_row(one: Compared) -> dict[str, Any]:
    low, high = proportion_interval(one.started, one.runs)
    rate = one.started / one.runs
    return {"architecture": one.label, "started": one.started, "runs": one.runs, "rate": rate, "low": low, "high": high}


def architecture_rows(compared: list[Compared], accuracy: pd.DataFrame) -> list[dict[str, Any]]:
    """The table of all architectures: numbers to sort by, None where there is none."""
    references = accuracy.drop_duplicates("name").set_index("name")["reference"]
    rows = []
    for one in compared:
        interval = mean_interval(one.accuracies)
        rows.append(
            {
                "label": one.label,
                "family": one.family,
                "parameters": one.parameters,
                "training_flops": one.training_flops,
                "started": one.started,
                "runs": one.runs,
                "start_interval": proportion_interval(one.started, one.runs),
                "accuracy": _or_none(mean(one.accuracies)),
                "deviation": deviation(one.accuracies),
                "interval": interval,
                "overall": _or_none(mean(one.overall)),
                "validation": _or_none(mean(one.validation)),
                "reference": _or_none(references[one.name]),
            }
        )
    return rows


def cost_table(compared: list[Compared]) -> pd.DataFrame:
    """Architectures with a validation accuracy over all runs, and whether they are on the front for each cost."""
    known = [one for one in compared if one.validation]
    accuracies = [mean(one.validation) for one in known]
    return pd.DataFrame(
        {
            "architecture": [one.label for one in known],
            "family": [one.family for one in known],
            "validation_accuracy": accuracies,
            "parameters": [one.parameters for one in known],
            "parameters_front": pareto_front([one.parameters for one in known], accuracies),
            "training_flops": [one.training_flops for one in known],
            "training_flops_front": pareto_front([one.training_flops for one in known], accuracies),
        }
    )


class ContrastedRun(NamedTuple):
    """A run whose layers are shown."""

    label: str
    seed: int
    name: str


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, ContrastedRun]:
    """A run that `started`, of the best test accuracy, and one that `failed`, where there are such."""
    runs = {}
    started = accuracy[accuracy["started"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["started"]]
    for outcome, table in (("started", started), ("failed", failed)):
        if len(table):
            first = table.iloc[0]
            runs[outcome] = ContrastedRun(str(first["architecture"]), int(first["seed"]), str(first["name"]))
    return runs


def _checksums(dataset: Dataset) -> Iterable[tuple[str, int, str]]:
    for name, part in zip(PARTS, dataset, strict=True):
        if len(part.labels):
            yield name, len(part.labels), hashlib.sha256(part.images.tobytes() + part.labels.tobytes()).hexdigest()


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
