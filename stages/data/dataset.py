"""A data set: its three parts, and what a training sees of them."""

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
    def classes(self) -> int:
        """One more than the highest label of any part: a label is the number of its class, from 0."""
        return 1 + max(int(part.labels.max(initial=0)) for part in self)

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
