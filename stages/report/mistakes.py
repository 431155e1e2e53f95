"""What a model gets wrong: class by class, and the images of which it was surest."""

import base64
import io
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd

from stages.analysis.reference import is_fashion_mnist
from stages.common import RAW
from stages.data.class_names import class_names
from stages.training.dataset import Dataset, Split

IMAGES_SHOWN = 18
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def names_of_classes(dataset: Dataset) -> list[str]:
    """What to call the data set's classes, in the order of their labels. Raises InputError as `class_names`."""
    if is_fashion_mnist(dataset.test):
        return [FASHION_CLASSES[label] for label in dataset.labels]
    return class_names(RAW, dataset.labels)


def spans(labels: np.ndarray) -> str:
    """Ascending labels in words: "1 to 26", "0, 25, 50"."""
    parts = []
    for run in np.split(labels, np.flatnonzero(np.diff(labels.astype(int)) > 1) + 1):
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(label) for label in run]
    return ", ".join(parts)


def class_errors(probabilities: np.ndarray, test: Split, names: list[str]) -> pd.DataFrame:
    """Columns name, wrong (share of the class's test images), mistaken_for (the class most often said instead).

    Labels are indices of classes, in whose order are the columns of `probabilities` `[N, classes]` and `names`.
    """
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
    """The test images that are wrong with the highest probability: picture, true class, said class, probability.

    Labels as in `class_errors`.
    """
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
