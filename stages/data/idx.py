"""The IDX format of MNIST and its relatives, and the four files of a data set in it."""

import math
import struct
from pathlib import Path

import numpy as np

from stages.common import InputError
from stages.training.files import whole_file

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)  # of a data set in grey

UNSIGNED_BYTE = 0x08  # the format's code of the only type that images and labels have
INTEGER = 0x0C  # labels are 32-bit integers in some files
CHANNELS = 3  # red, green, blue


def in_colour(name: str) -> str:
    """Return a file's name if images have colour: `train-images-idx4-ubyte`; the names of labels do not change."""
    return name.replace("-idx3-", "-idx4-")


COLOUR_FILES = tuple(map(in_colour, FILES))


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes: labels `[N]`, images `[N, H, W]` or `[N, H, W, 3]`, uint8.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit number, the
    values. Source: Yann LeCun, "The MNIST database", file formats. Raises InputError for other files, OSError. The
    length is compared with the header before memory is allocated.
    """
    expected, header = bytes([0, 0, UNSIGNED_BYTE, dimensions]), 4 + 4 * dimensions
    with path.open("rb") as file:
        start = file.read(header)
    if start[:4] != expected:
        integers = start[:4] == bytes([0, 0, INTEGER, dimensions])
        fix = ". It has 32-bit integers: write them as unsigned bytes, with type 08" if integers else ""
        got = start[:4].hex() or "an empty file"
        raise InputError(f"{path}: not an IDX file of this kind: expected header {expected.hex()}, got {got}{fix}")
    if len(start) < header:
        raise InputError(f"{path}: expected a header of {header} bytes, got {len(start)}")
    shape, length = struct.unpack(f">{dimensions}I", start[4:]), path.stat().st_size
    if 0 in shape:
        raise InputError(f"{path}: expected dimensions above 0, got {list(shape)}")
    if shape[3:] not in ((), (CHANNELS,)):
        raise InputError(f"{path}: expected images [N, H, W, {CHANNELS}], got {list(shape)}")
    if length != header + math.prod(shape):
        raise InputError(f"{path}: dimensions {list(shape)} need {header + math.prod(shape)} bytes, got {length}")
    return np.fromfile(path, dtype=np.uint8, offset=header).reshape(shape)


def as_idx(array: np.ndarray) -> bytes:
    """Return the content of an IDX file of a uint8 array."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape) + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an IDX file, whole or not at all. Raises OSError."""
    with whole_file(path) as partial:
        partial.write_bytes(as_idx(array))
