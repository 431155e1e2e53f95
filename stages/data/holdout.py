"""The raw files as one data set, and which of its training images are held out."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.common import RAW, InputError
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_LABELS, read_idx
from stages.training.dataset import Dataset, Split


def read_split(folder: Path, images_file: str, labels_file: str) -> Split:
    """Images and labels of one part. Raises InputError where there is not one label an image."""
    images = read_idx(folder / images_file, dimensions=3)
    labels = read_idx(folder / labels_file, dimensions=1)
    if len(images) != len(labels):
        raise InputError(f"{folder / labels_file}: holds {len(labels)} labels for {len(images)} images")
    return Split(images, labels)


def check_parts(train: Split, test: Split) -> None:
    """Raise InputError where the parts do not make one data set of at least two classes."""
    if train.images.shape[1:] != test.images.shape[1:]:
        raise InputError(
            f"{RAW / TEST_IMAGES}: holds images of {test.images.shape[1:]} pixels, "
            f"the training images have {train.images.shape[1:]}"
        )
    known = np.unique(train.labels)
    unknown = np.setdiff1d(test.labels, known)
    if len(unknown):
        raise InputError(f"{RAW / TEST_LABELS}: holds label {unknown[0]}, which no training image has")
    if len(known) < 2:
        raise InputError(f"{RAW / TRAIN_LABELS}: holds one class only, label {known[0]}; two at least are needed")


def held_out(train: Split, count: int, seed: int) -> np.ndarray:
    """Indices `[count]`, ascending, of the training images to hold out: of every class its share, drawn by `seed`.

    Shares are rounded by largest remainder. An image that occurs more than once is never drawn, so that none of the
    held-out ones is left in the training part. Raises InputError where a class cannot give its share.
    """
    pixels = pd.Series([image.tobytes() for image in train.images])
    unique = ~pixels.duplicated(keep=False).to_numpy()
    classes, sizes = np.unique(train.labels, return_counts=True)
    if count > len(train.labels) - len(classes):
        raise InputError(
            f"params.yaml: data.validation holds {count}, may hold up to {len(train.labels) - len(classes)}: there are "
            f"{len(train.labels)} training images, and each of {len(classes)} classes keeps one"
        )
    exact = count * sizes / len(train.labels)
    shares = np.floor(exact).astype(int)
    shares[np.argsort(shares - exact, kind="stable")[: count - shares.sum()]] += 1

    generator = np.random.default_rng(seed)
    drawn = []
    for label, share, size in zip(classes, shares, sizes, strict=True):
        candidates = np.flatnonzero((train.labels == label) & unique)
        if share > min(len(candidates), size - 1):
            raise InputError(
                f"params.yaml: data.validation holds {count}, which asks for {share} images of class {label}; "
                f"it has {size}, {len(candidates)} of them only once, and keeps one"
            )
        drawn.append(generator.choice(candidates, size=share, replace=False))
    return np.sort(np.concatenate(drawn))


def split(train: Split, test: Split, validation: int, seed: int) -> Dataset:
    """The data set with `validation` training images held out; the order of the others stays as it was."""
    chosen = np.zeros(len(train.labels), dtype=bool)
    chosen[held_out(train, validation, seed)] = True
    return Dataset(
        train=Split(train.images[~chosen], train.labels[~chosen]),
        validation=Split(train.images[chosen], train.labels[chosen]),
        test=test,
    )
