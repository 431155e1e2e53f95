"""Images in a file of arrays as Keras publishes MNIST: x_train, y_train, x_test and y_test in an .npz."""

from pathlib import Path

import numpy as np

from stages.common import InputError
from stages.training.files import read_npz
from tools.own_images.values import Values

NUMBERS = "buif"  # NumPy's letters for truth values, whole numbers and fractions
REPAIR = "numpy.savez writes such a file; arrays of Python objects, which only pickle reads, are not taken"


def read_arrays(path: Path) -> list[Values]:
    """The training part and, where there is one, the test part. Raises InputError, which names what does not fit."""
    arrays = read_npz(path, REPAIR)
    parts = ["train", "test"] if {"x_test", "y_test"} & arrays.keys() else ["train"]
    for name in (f"{kind}_{part}" for part in parts for kind in "xy"):
        if name not in arrays:
            held = ", ".join(arrays) or "nothing"
            raise InputError(f"{path}: holds {held}; may hold x_train, y_train, x_test and y_test, and lacks {name}")
    read = []
    for part in parts:
        pixels_in, labels_in = f"{path}: x_{part}", f"{path}: y_{part}"
        pixels = pixels_of(arrays[f"x_{part}"], pixels_in)
        labels = labels_of(arrays[f"y_{part}"], labels_in)
        if len(labels) != len(pixels):
            raise InputError(f"{labels_in}: holds {len(labels)} labels for {len(pixels)} images")
        read.append(Values(pixels_in, pixels, labels_in, labels))
    return read


def pixels_of(array: np.ndarray, where: str) -> np.ndarray:
    """Images `[N, H, W]`, `[N, H, W, 1]` or `[N, H, W, 3]` as `Values` have them."""
    channels = array.shape[3] if array.ndim == 4 else 1
    if array.ndim not in (3, 4) or channels not in (1, 3) or not array.size or array.dtype.kind not in NUMBERS:
        raise InputError(
            f"{where}: holds {array.dtype}{list(array.shape)}, may hold numbers [N, H, W], [N, H, W, 1] or [N, H, W, 3]"
        )
    return array[..., 0] if array.ndim == 4 and channels == 1 else array


def labels_of(array: np.ndarray, where: str) -> list[str]:
    """Names of classes: from whole numbers or text, `[N]` or `[N, 1]`; or one-hot, a 1 in a column of `[N, K]`."""
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in NUMBERS:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise InputError(f"{where}: holds {list(array.shape)} numbers, may hold a single 1 in each row, and zeros")
        array = array.argmax(axis=1)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    whole = array.dtype.kind in "bui" or (array.dtype.kind == "f" and bool(np.all(array % 1 == 0)))
    if array.ndim != 1 or not (whole or array.dtype.kind in "SU"):
        raise InputError(
            f"{where}: holds {array.dtype}{list(array.shape)}, may hold whole numbers or text [N], or one-hot [N, K]"
        )
    try:
        text = np.strings.decode(array, "utf-8") if array.dtype.kind == "S" else array
    except UnicodeDecodeError:
        raise InputError(f"{where}: holds text that is not UTF-8") from None
    return [str(int(label)) if whole else str(label) for label in text.tolist()]
