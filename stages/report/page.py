"""Render the page plots/report.html: the results, for someone who has never seen the project.

The page is one file with all charts, numbers and pictures, and needs no network. Its bytes depend only on the results,
so it has no date and no commit; it shows the command that finds its commit.
"""

import base64
import io
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from PIL import Image

from stages.analysis.headline import summarize_study
from stages.analysis.reference_verdicts import ReferenceVerdicts
from stages.analysis.runs import BestRun
from stages.analysis.verdicts import BEST, Verdict
from stages.common import DATASET_FILE, RAW, yaml_text
from stages.data.class_names import class_names
from stages.params import Params
from stages.report.charts import accuracy_chart, cost_chart, curves_charts, layers_charts
from stages.training.dataset import Dataset, Split
from stages.training.files import sha256
from stages.training.results import LEARNED_BELOW

TEMPLATE = Path(__file__).with_name("page.html.jinja")
COSTS = {"parameters": "parameters", "training_flops": "training FLOPs per image"}
PACKAGES = ("tensorflow", "keras", "numpy", "dvc")
PAIRS_SHOWN = 15
IMAGES_SHOWN = 6
THUMBNAIL = 84  # pixels of the longer side at most, so that the page stays small


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
    `verdicts`. All `tables` have `name`, `family` and the label `architecture`. `accuracy` has one row per run, with
    seed, test_accuracy, learned and reference. `curves` has seed, epoch, loss and val_accuracy; `layers` has seed,
    epoch, layer, gradient_norm and saturated.
    """
    monitored = "validation" if params.data.validation else "test"
    table = architecture_table(numbers)
    names = class_names(RAW, dataset.labels)
    validated = numbers.dropna(subset="validation_accuracy")
    template = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        settings=yaml_text(params.model_dump(exclude_defaults=True, exclude={"search"})),
        dataset=dataset,
        data_file=sha256(DATASET_FILE),
        monitored=monitored,
        learned_below=LEARNED_BELOW * dataset.chance_loss,
        headline=summarize_study(params, numbers, verdicts[BEST].verdict, verdicts[BEST].sentence),
        verdicts=verdicts,
        on_record=on_record,
        numbers=numbers,
        accuracy=accuracy_chart(tables["accuracy"], numbers),
        curves=curves_charts(tables["curves"], dataset.chance_loss, monitored),
        layers=layers_charts(tables["layers"], tables["accuracy"]),
        costs=[cost_chart(validated, cost, title) for cost, title in COSTS.items() if len(validated)],
        table=table,
        groups=Counter(table.columns.get_level_values(0)),
        best=best,
        names=names,
        errors=analyze_errors(best.probabilities, dataset.index_labels(dataset.test), names) if best else {},
        versions={package: version(package) for package in PACKAGES},
    )


def architecture_table(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return the table of all networks as text, a label per row; columns are groups and titles.

    A missing number is "-", and a star follows the best of a column. A column without numbers is left out. So are the
    mean of the runs that learned, if all did, and the likely fraction from one seed.
    """
    percent = (100 * numbers.select_dtypes(float)).map("{:.2f}".format).replace("nan", "-")
    known = numbers[(numbers["learned"] > 0) & (len(numbers) > 1)]
    fraction, flops = _interval(numbers, "learned_fraction", decimals=0), numbers["training_flops"] / 1e6
    repeats = (numbers["test_accuracy"] == numbers["test_accuracy_learned"])[numbers["learned"] > 0].all()
    accuracy = "test accuracy, %"
    table = pd.DataFrame(
        {
            ("learned", "runs"): numbers["learned"].astype(str) + " of " + numbers["seeds"].astype(str),
            ("learned", "likely fraction, %"): fraction.where(numbers["seeds"] > 1, "-"),
            (accuracy, "mean of all runs"): _starred(percent["test_accuracy"], known["test_accuracy"]),
            (accuracy, "of those that learned"): (
                "-" if repeats else _starred(percent["test_accuracy_learned"], known["test_accuracy_learned"])
            ),
            (accuracy, "standard deviation"): percent["test_accuracy_learned_deviation"],
            (accuracy, "95 % interval"): _interval(numbers, "test_accuracy_learned", decimals=2),
            (accuracy, "notebook"): percent["reference"],
            ("validation", "accuracy, %"): _starred(percent["validation_accuracy"], known["validation_accuracy"]),
            ("cost", "parameters"): _starred(numbers["parameters"].map("{:,}".format), -known["parameters"]),
            ("cost", "FLOPs per image"): _starred(flops.map("{:.1f} M".format), -known["training_flops"]),
        }
    )
    return table.loc[:, (table != "-").any()]


def _starred(texts: pd.Series, scores: pd.Series) -> pd.Series:
    return texts + scores.eq(scores.max()).reindex(texts.index, fill_value=False).map({True: "*", False: ""})


def _interval(numbers: pd.DataFrame, name: str, decimals: int) -> pd.Series:
    low, high = ((100 * numbers[f"{name}_{end}"]).map(f"{{:.{decimals}f}}".format) for end in ("low", "high"))
    return (low + " to " + high).replace("nan to nan", "-")


def analyze_errors(probabilities: np.ndarray, test: Split, names: list[str]) -> dict[str, Any]:
    """Return a model's confused classes, and the wrong images with the highest probability.

    Labels of `test` are indices of classes, the columns of `probabilities` `[N, classes]` and of `names`. `matrix` has
    fractions of a true class, `[true class, predicted class]`. `pairs` has the PAIRS_SHOWN most confused pairs: truth,
    predicted (names), images, fraction. `images` are the IMAGES_SHOWN wrong images of highest probability.
    """
    predicted, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (test.labels, predicted), 1)
    matrix = counts / counts.sum(axis=1, keepdims=True).clip(1)
    truth, said = np.nonzero(counts * ~np.eye(len(names), dtype=bool))
    of_names = {"truth": np.take(names, truth), "predicted": np.take(names, said)}
    pairs = pd.DataFrame({**of_names, "images": counts[truth, said], "fraction": matrix[truth, said]})
    wrong = np.flatnonzero(predicted != test.labels)
    images = [
        {
            "png": _png(test.images[k]),
            "truth": names[test.labels[k]],
            "predicted": names[predicted[k]],
            "probability": surest[k],
            "number": k,
        }
        for k in wrong[np.argsort(-surest[wrong], kind="stable")][:IMAGES_SHOWN]
    ]
    pairs = pairs.sort_values(["images", "fraction"], ascending=False, kind="stable")[:PAIRS_SHOWN]
    return {"matrix": matrix, "pairs": pairs, "images": images}


def _png(image: np.ndarray) -> str:
    """Return an image, uint8 `[H, W]` or `[H, W, 3]`, as PNG in base64."""
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    picture.save(file, format="png")
    return base64.b64encode(file.getvalue()).decode("ascii")
