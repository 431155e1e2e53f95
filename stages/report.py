"""The page plots/report.html: what came out, for someone who has never seen the project.

One file that needs no network: the charts' scripts, the numbers and the pictures are in it. Its bytes follow from the
results, so it names no time and no commit; it tells how Git finds the commit that it belongs to.
"""

import base64
import hashlib
import io
import json
import math
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import jinja2
import matplotlib.image
import numpy as np
import pandas as pd
import vl_convert

from stages.charts import (
    accuracy_chart,
    colours,
    cost_chart,
    curves_chart,
    errors_chart,
    layers_chart,
    start_chart,
)
from stages.comparisons import Compared, mean, pareto_front
from stages.dataset import SPLITS, Dataset, Split
from stages.files import PACKED, sha256
from stages.params import FASHION_MNIST, PARAMS_FILE, Params
from stages.statistics import deviation, mean_interval, proportion_interval
from stages.verdicts import Verdict

TEMPLATE = Path(__file__).with_name("report.html.jinja")
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")
IMAGES_SHOWN = 18
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


class Best(NamedTuple):
    """The run whose errors are shown."""

    label: str
    seed: int
    probabilities: np.ndarray  # of the test images, [N, classes]


def page(
    params: Params,
    dataset: Dataset,
    compared: list[Compared],
    verdicts: dict[str, Verdict],
    tables: dict[str, pd.DataFrame],
    best: Best | None,
) -> str:
    """The whole page as HTML.

    `tables`: `accuracy` (an architecture and seed a row: architecture, family, seed, test_accuracy, started,
    reference), `curves` (architecture, family, seed, epoch, loss, val_accuracy), `layers` (architecture, seed, epoch,
    layer, gradient_norm, saturated). `best` is the run of highest accuracy on the watched images, if any has one.
    """
    names = class_names(params, dataset.classes)
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
        errors=confident_errors(best.probabilities, dataset.test, names) if best else [],
        contrast=contrasted_runs(tables["accuracy"]),
        classes=dataset.classes,
        params=PARAMS_FILE.read_text(encoding="utf-8"),
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
    best: Best | None,
) -> dict[str, alt.LayerChart]:
    accuracy, curves, layers = tables["accuracy"], tables["curves"], tables["layers"]
    watched = "validation" if params.data.validation else "test"
    charts = {}
    for family, title in (("width", "kernels of the two convolutions"), ("depth", "blocks")):
        means = pd.DataFrame([_mean_row(one) for one in compared if one.family == family])
        if len(means):
            charts[f"accuracy-{family}"] = accuracy_chart(accuracy[accuracy["family"] == family], means, title)
    charts["starts"] = start_chart(pd.DataFrame([_start_row(one) for one in compared]))
    plateau = math.log(dataset.classes)
    charts["curves-loss"] = curves_chart(curves, "loss", "training loss, nats", ".1f", plateau)
    charts["curves-accuracy"] = curves_chart(curves, "val_accuracy", f"{watched} accuracy", ".0%")
    costs = cost_table(compared)
    for cost, title in (("parameters", "parameters"), ("training_flops", "training operations an image")):
        if len(costs):
            charts[f"cost-{cost}"] = cost_chart(costs.assign(front=costs[f"{cost}_front"]), cost, title)
    for outcome, (architecture, seed) in contrasted_runs(accuracy).items():
        one = layers[(layers["architecture"] == architecture) & (layers["seed"] == seed)]
        charts[f"gradient-{outcome}"] = layers_chart(one, "gradient_norm", "gradient norm", logarithmic=True)
        charts[f"saturated-{outcome}"] = layers_chart(one, "saturated", "share of saturated units", logarithmic=False)
    if best:
        names = class_names(params, dataset.classes)
        charts["errors"] = errors_chart(class_errors(best.probabilities, dataset.test, names))
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
    references = accuracy.drop_duplicates("architecture").set_index("architecture")["reference"]
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
                "reference": _or_none(references[one.label]),
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


def contrasted_runs(accuracy: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """A run that started, of the best test accuracy, and one that did not, where there are such: label and seed."""
    runs = {}
    started = accuracy[accuracy["started"]].sort_values("test_accuracy", ascending=False)
    failed = accuracy[~accuracy["started"]]
    for outcome, table in (("started", started), ("failed", failed)):
        if len(table):
            first = table.iloc[0]
            runs[outcome] = (str(first["architecture"]), int(first["seed"]))
    return runs


def class_names(params: Params, classes: int) -> list[str]:
    if params.data.source == FASHION_MNIST:
        return list(FASHION_CLASSES)
    return [f"class {number}" for number in range(classes)]


def class_errors(probabilities: np.ndarray, test: Split, names: list[str]) -> pd.DataFrame:
    """Columns name, wrong (share of the class's test images), mistaken_for (the class most often said instead)."""
    said = probabilities.argmax(axis=1)
    rows = []
    for number, name in enumerate(names):
        own = said[test.labels == number]
        if len(own):
            others = np.bincount(own[own != number], minlength=len(names))
            mistaken = names[int(others.argmax())] if others.any() else ""
            rows.append((name, float(np.mean(own != number)), mistaken))
    return pd.DataFrame(rows, columns=["name", "wrong", "mistaken_for"])


def confident_errors(probabilities: np.ndarray, test: Split, names: list[str]) -> list[dict[str, Any]]:
    """The test images that are wrong with the highest probability: picture, true class, said class, probability."""
    said, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(said != test.labels)
    worst = wrong[np.argsort(-surest[wrong], kind="stable")][:IMAGES_SHOWN]
    return [
        {
            "png": _png(test.images[k]),
            "truth": names[test.labels[k]],
            "said": names[said[k]],
            "probability": float(surest[k]),
            "number": int(k),
        }
        for k in worst
    ]


def _png(image: np.ndarray) -> str:
    file = io.BytesIO()
    matplotlib.image.imsave(file, image, cmap="gray", vmin=0, vmax=255, format="png", metadata={"Software": ""})
    return base64.b64encode(file.getvalue()).decode("ascii")


def _checksums(dataset: Dataset) -> Iterable[tuple[str, int, str]]:
    for name, part in zip(SPLITS, dataset, strict=True):
        if len(part.labels):
            yield name, len(part.labels), hashlib.sha256(part.images.tobytes() + part.labels.tobytes()).hexdigest()


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
