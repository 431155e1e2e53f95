"""A data set in three parts, and the file data/fashion_mnist.npz that stores it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.training.files import InputError, read_npz, write_npz

PARTS = ("train", "validation", "test")
REPAIR = "`dvc checkout --force data/fashion_mnist.npz` or `dvc repro prepare` restores it"


class Split(NamedTuple):
    """Images uint8 `[N, H, W]`, or `[N, H, W, 3]` in colour, and their labels uint8 `[N]`."""

    images: np.ndarray
    labels: np.ndarray


class Dataset(NamedTuple):
    """The three parts. `validation` has no images if `data.validation` is 0."""

    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        height, width, *channels = self.train.images.shape[1:]
        return height, width, channels[0] if channels else 1

    @property
    def labels(self) -> np.ndarray:
        """The labels that occur in training, uint8 `[classes]`, ascending: a model's output k is for label k here."""
        return np.unique(self.train.labels)

    @property
    def classes(self) -> int:
        """The number of labels that occur in training; the other parts have no others."""
        return len(self.labels)

    @property
    def chance_loss(self) -> float:
        """Entropy of the training labels in nats (Shannon, 1948): the best loss possible without looking at the image.

        A model that predicts only class frequencies stays at this loss.
        """
        counts = np.unique(self.train.labels, return_counts=True)[1]
        evenness = counts * self.classes / counts.sum()  # 1 everywhere: then ln(classes) to the bit, not just nearly
        return math.log(self.classes) - float(np.mean(evenness * np.log(evenness)))

    def index_labels(self, part: Split) -> Split:
        """Return the part with each label replaced by its index in `labels`, uint8 `[N]`."""
        return Split(part.images, np.searchsorted(self.labels, part.labels).astype(np.uint8))

    @property
    def monitored(self) -> Split:
        """The part that is evaluated after every epoch: validation, or test if no images are held out."""
        return self.validation if len(self.validation.labels) else self.test


def as_arrays(dataset: Dataset) -> dict[str, np.ndarray]:
    """Return the arrays `PART_images` and `PART_labels`, shaped as in `Split`."""
    return {
        f"{name}_{kind}": array
        for name, part in zip(PARTS, dataset, strict=True)
        for kind, array in part._asdict().items()
    }


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Dataset:
    """Return the data set of these arrays. Raises KeyError if one is missing."""
    return Dataset(*(Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in PARTS))


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Write the data set file, whole or not at all; equal data sets give equal bytes. Raises OSError."""
    write_npz(path, as_arrays(dataset))


def read_dataset(path: Path) -> Dataset:
    """Read the data set file. Raises InputError if it is missing or damaged, or has other content."""
    arrays = read_npz(path, REPAIR)
    for name in PARTS:
        _check_part(path, arrays, name)
    dataset = from_arrays(arrays)
    shapes = {part.images.shape[1:] for part in dataset}
    if len(shapes) > 1:
        raise InputError(f"{path}: images of different shapes: {sorted(shapes)}; {REPAIR}")
    if not len(dataset.train.labels) or not len(dataset.test.labels):
        raise InputError(f"{path}: no training or no test images; {REPAIR}")
    for name, part in dataset._asdict().items():
        if not np.isin(part.labels, dataset.labels).all():
            raise InputError(f"{path}: {name}_labels: a label that no training image has; {REPAIR}")
    return dataset


def _check_part(path: Path, arrays: dict[str, np.ndarray], name: str) -> None:
    images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
    if images is None or labels is None:
        raise InputError(f"{path}: {name}_images or {name}_labels is missing; {REPAIR}")
    shape_fits = images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)
    if not (shape_fits and labels.shape == images.shape[:1] and images.dtype == labels.dtype == np.uint8):
        raise InputError(
            f"{path}: {name}: expected uint8 images [N, H, W] or [N, H, W, 3] and labels [N], got "
            f"{images.dtype}{list(images.shape)} and {labels.dtype}{list(labels.shape)}; {REPAIR}"
        )
