"""A data set: its three parts, and what a training sees of them."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

PARTS = ("train", "validation", "test")


class Split(NamedTuple):
    """Images uint8 `[N, H, W]` and their labels uint8 `[N]`."""

    images: np.ndarray
    labels: np.ndarray


class Dataset(NamedTuple):
    """The three parts. `validation` has no images where `data.validation` is 0."""

    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.train.images.shape[1:]
        return height, width

    @property
    def labels(self) -> np.ndarray:
        """The labels that occur in training, uint8 `[classes]`, ascending: a model's output k is of the label at k."""
        return np.unique(self.train.labels)

    @property
    def classes(self) -> int:
        """How many labels occur in training; no other part has others."""
        return len(self.labels)

    @property
    def label_entropy(self) -> float:
        """Entropy of the training labels' distribution in nats (Shannon, 1948): the plateau.

        The least mean cross-entropy of a model that looks at no image, and says how often each label occurs.
        """
        counts = np.unique(self.train.labels, return_counts=True)[1]
        evenness = counts * self.classes / counts.sum()  # 1 everywhere: then ln(classes) to the bit, not just nearly
        return math.log(self.classes) - float(np.mean(evenness * np.log(evenness)))

    def indexed(self, part: Split) -> Split:
        """A part with the index of each label in `labels` instead of the label itself, uint8 `[N]`."""
        return Split(part.images, np.searchsorted(self.labels, part.labels).astype(np.uint8))

    @property
    def watched(self) -> Split:
        """The part that is evaluated after every epoch: validation, or test where nothing is held out."""
        return self.validation if len(self.validation.labels) else self.test


def as_arrays(dataset: Dataset) -> dict[str, np.ndarray]:
    """The arrays `PART_images` and `PART_labels`, shaped as in `Split`."""
    return {
        f"{name}_{kind}": array
        for name, part in zip(PARTS, dataset, strict=True)
        for kind, array in part._asdict().items()
    }


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Dataset:
    """What `as_arrays` was given. Raises KeyError where an array is missing."""
    return Dataset(*(Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in PARTS))
