"""What a model gets wrong: which classes it confuses, and the wrong images of which it was surest."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from stages.analysis.reference import is_fashion_mnist
from stages.common import RAW
from stages.data.class_names import class_names
from stages.training.dataset import Dataset, Split

IMAGES_SHOWN = 6
PAIRS_SHOWN = 15
THUMBNAIL = 84  # pixels of the longer side at most, so that the page stays small
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def names_of_classes(dataset: Dataset) -> list[str]:
    """Return the names of the data set's classes in the order of their labels. Raises InputError as `class_names`."""
    if is_fashion_mnist(dataset.test):
        return [FASHION_CLASSES[label] for label in dataset.labels]
    return class_names(RAW, dataset.labels)


def confusion_matrix(probabilities: np.ndarray, test: Split) -> np.ndarray:
    """Return the number of images per true and predicted class, `[classes, classes]`.

    Labels of `test` are indices of classes, the columns of `probabilities` `[N, classes]`.
    """
    matrix = np.zeros((probabilities.shape[1],) * 2, dtype=int)
    np.add.at(matrix, (test.labels, probabilities.argmax(axis=1)), 1)
    return matrix


def confused_pairs(matrix: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return the PAIRS_SHOWN most confused pairs of a `confusion_matrix` whose classes have these names.

    Columns truth, predicted (names), images, fraction of the true class.
    """
    truth, predicted = np.nonzero(matrix * ~np.eye(len(names), dtype=bool))
    table = pd.DataFrame({"truth": np.array(names)[truth], "predicted": np.array(names)[predicted]})
    table["images"] = matrix[truth, predicted]
    table["fraction"] = table["images"] / matrix.sum(axis=1)[truth]
    return table.sort_values(["images", "fraction"], ascending=False, kind="stable").head(PAIRS_SHOWN)


def confident_errors(probabilities: np.ndarray, test: Split, names: list[str]) -> list[dict[str, Any]]:
    """Return the IMAGES_SHOWN wrong test images of highest probability, each with its picture and classes.

    Arguments as in `confusion_matrix`, and the classes' names.
    """
    predicted, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != test.labels)
    worst = wrong[np.argsort(-surest[wrong], kind="stable")][:IMAGES_SHOWN]
    return [
        {
            "png": _png(test.images[k]),
            "truth": names[test.labels[k]],
            "predicted": names[predicted[k]],
            "probability": surest[k],
            "number": k,
        }
        for k in worst
    ]


def _png(image: np.ndarray) -> str:
    """Return an image, uint8 `[H, W]` or `[H, W, 3]`, as PNG in base64."""
    picture, file = Image.fromarray(image), io.BytesIO()
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    picture.save(file, format="png")
    return base64.b64encode(file.getvalue()).decode("ascii")
