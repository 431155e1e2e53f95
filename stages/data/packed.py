"""data/fashion_mnist.npz: what `prepare` writes and every training reads."""

from pathlib import Path

import numpy as np

from stages.common.errors import InputError
from stages.common.files import write_npz
from stages.common.reading import read_npz
from stages.data.dataset import PARTS, Dataset, as_arrays, from_arrays

REPAIR = "`dvc checkout --force data/fashion_mnist.npz` or `dvc repro prepare` brings it back"


def write_dataset(path: Path, dataset: Dataset) -> None:
    """The arrays of `as_arrays`, whole or not at all; equal data sets give equal bytes. Raises OSError."""
    write_npz(path, as_arrays(dataset))


def read_dataset(path: Path) -> Dataset:
    """Raises InputError where the file is missing, damaged, or not what `write_dataset` writes."""
    arrays = read_npz(path, REPAIR)
    for name in PARTS:
        _check_part(path, arrays, name)
    dataset = from_arrays(arrays)
    shapes = {part.images.shape[1:] for part in dataset}
    if len(shapes) > 1:
        raise InputError(f"{path}: holds images of different sizes, {sorted(shapes)}; {REPAIR}")
    if not len(dataset.train.labels) or not len(dataset.test.labels):
        raise InputError(f"{path}: holds no training or no test images; {REPAIR}")
    for name, part in dataset._asdict().items():
        if not np.isin(part.labels, dataset.labels).all():
            raise InputError(f"{path}: {name}_labels holds a label that no training image has; {REPAIR}")
    return dataset


def _check_part(path: Path, arrays: dict[str, np.ndarray], name: str) -> None:
    images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
    if images is None or labels is None:
        raise InputError(f"{path}: holds no {name}_images or no {name}_labels; {REPAIR}")
    fits = images.ndim == 3 and labels.shape == images.shape[:1] and images.dtype == labels.dtype == np.uint8
    if not fits:
        raise InputError(
            f"{path}: {name} holds images {images.dtype}{list(images.shape)} and labels {labels.dtype}"
            f"{list(labels.shape)}, may hold uint8 [N, H, W] and [N]; {REPAIR}"
        )
