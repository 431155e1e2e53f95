"""Read the raw files as one data set, and hold out validation images."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.common import RAW, InputError
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_LABELS, in_colour, read_idx
from stages.training.dataset import Dataset, Split


def read_split(folder: Path, images_file: str, labels_file: str) -> Split:
    """Read one part; its images are in colour if `folder` has the file for colour images.

    Raises InputError if there is not one label per image.
    """
    colour = folder / in_colour(images_file)
    images = read_idx(colour, 4) if colour.exists() else read_idx(folder / images_file, 3)
    labels = read_idx(folder / labels_file, 1)
    if len(images) != len(labels):
        raise InputError(f"{folder / labels_file}: expected {len(images)} labels, one per image, got {len(labels)}.")
    return Split(images, labels)


def held_out(train: Split, count: int, seed: int) -> np.ndarray:
    """Draw the training images to hold out by `seed`, in proportion to the classes.

    Returns their indices `[count]`, ascending. The counts per class are rounded by largest remainder. An image that
    occurs more than once is never drawn, so no held-out image is also in the training part. Raises InputError if a
    class has too few images.
    """
    pixels = pd.Series([image.tobytes() for image in train.images])
    unique = ~pixels.duplicated(keep=False).to_numpy()
    classes, sizes = np.unique(train.labels, return_counts=True)
    exact = count * sizes / len(train.labels)
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: count - counts.sum()]] += 1

    generator = np.random.default_rng(seed)
    drawn = []
    for label, number, size in zip(classes, counts, sizes, strict=True):
        candidates = np.flatnonzero((train.labels == label) & unique)
        if number > min(len(candidates), size - 1):
            raise InputError(
                f"params.yaml: data.validation: {count} of {len(train.labels)} images means {number} of class {label}; "
                f"expected at most {min(len(candidates), size - 1)}: the class has {size} images, {len(candidates)} of "
                "them only once, and must keep one. Hold out fewer."
            )
        drawn.append(generator.choice(candidates, size=number, replace=False))
    return np.sort(np.concatenate(drawn))


def split(train: Split, test: Split, validation: int, seed: int) -> Dataset:
    """Hold out `validation` training images; the others stay in their order.

    Raises InputError as `held_out` does, and if the parts differ in image shape or have fewer than two classes.
    """
    shapes, known = [part.images.shape[1:] for part in (train, test)], np.unique(train.labels)
    if shapes[0] != shapes[1]:
        fix = "Scale the test images as the training images."
        raise InputError(f"{RAW / TEST_IMAGES}: expected images of shape {shapes[0]}, got {shapes[1]}. {fix}")
    if len(unknown := np.setdiff1d(test.labels, known)):
        raise InputError(f"{RAW / TEST_LABELS}: expected only labels of training images, got label {unknown[0]}.")
    if len(known) < 2:
        raise InputError(f"{RAW / TRAIN_LABELS}: expected at least two classes, got one, label {known[0]}.")
    chosen = held_out(train, validation, seed)
    return Dataset(
        train=Split(*(np.delete(array, chosen, axis=0) for array in train)),
        validation=Split(*(array[chosen] for array in train)),
        test=test,
    )
