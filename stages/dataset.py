"""The packed data set: what `prepare` writes and every training reads."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.errors import InputError
from stages.files import read_npz, write_npz

SPLITS = ("train", "validation", "test")
REPAIR = "`dvc checkout --force data/fashion_mnist.npz` or `dvc repro prepare` brings it back"


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
        return 1 + max(int(part.labels.max(initial=0)) for part in self)

    @property
    def watched(self) -> Split:
        """The part that is evaluated after every epoch: validation, or test where nothing is held out."""
        return self.validation if len(self.validation.labels) else self.test


def write_dataset(path: Path, dataset: Dataset) -> None:
    arrays = {}
    for name, part in zip(SPLITS, dataset, strict=True):
        arrays[f"{name}_images"], arrays[f"{name}_labels"] = part
    write_npz(path, arrays)


def read_dataset(path: Path) -> Dataset:
    """Raises InputError where the file is missing, damaged, or not what `write_dataset` writes."""
    arrays = read_npz(path, REPAIR)
    parts = [_part(path, arrays, name) for name in SPLITS]
    shapes = {part.images.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise InputError(f"{path}: holds images of different sizes, {sorted(shapes)}; {REPAIR}")
    if not len(parts[0].labels) or not len(parts[2].labels):
        raise InputError(f"{path}: holds no training or no test images; {REPAIR}")
    return Dataset(*parts)


def _part(path: Path, arrays: dict[str, np.ndarray], name: str) -> Split:
    images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
    if images is None or labels is None:
        raise InputError(f"{path}: holds no {name}_images or no {name}_labels; {REPAIR}")
    fits = images.ndim == 3 and labels.shape == images.shape[:1] and images.dtype == labels.dtype == np.uint8
    if not fits:
        raise InputError(
            f"{path}: {name} holds images {images.dtype}{list(images.shape)} and labels {labels.dtype}"
            f"{list(labels.shape)}, may hold uint8 [N, H, W] and [N]; {REPAIR}"
        )
    return Split(images, labels)
