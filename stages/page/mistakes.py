"""What a model gets wrong: class by class, and the images of which it was surest."""

import base64
import io
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd

from stages.data.dataset import Split
from stages.params import FASHION_MNIST, Params

IMAGES_SHOWN = 18
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


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
