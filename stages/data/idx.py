"""The IDX format of MNIST and its relatives, read with care: the file may be anything."""

import math
import struct
from pathlib import Path

import numpy as np

from stages.common import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

DIMENSIONS = {TRAIN_IMAGES: 3, TRAIN_LABELS: 1, TEST_IMAGES: 3, TEST_LABELS: 1}
FILES = tuple(DIMENSIONS)  # of every data set of this format

UNSIGNED_BYTE = 0x08  # the format's code of the only type that images and labels come in


def header_bytes(dimensions: int) -> int:
    """How long the header of a file of so many dimensions is."""
    return 4 + 4 * dimensions


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes with so many dimensions: images `[N, H, W]` or labels `[N]`, uint8.

    Raises InputError where the file is missing or is not exactly that; what its header promises is held against its
    length before anything is allocated.
    """
    try:
        with path.open("rb") as file:
            shape = read_header(file.read(header_bytes(dimensions)), dimensions, path)
        length = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: missing") from None
    promised = header_bytes(dimensions) + math.prod(shape)
    if length != promised:
        raise InputError(f"{path}: holds {length} bytes, its dimensions {list(shape)} ask for {promised}")
    return np.fromfile(path, dtype=np.uint8, offset=header_bytes(dimensions)).reshape(shape)


def read_header(start: bytes, dimensions: int, name: object) -> tuple[int, ...]:
    """The dimensions that the start of an IDX file tells. Raises InputError where that is no whole header.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit number, then
    the bytes (Yann LeCun, "The MNIST database", file formats).
    """
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if start[:4] != expected:
        raise InputError(f"{name}: starts with {start[:4].hex() or 'nothing'}, an IDX file of it with {expected.hex()}")
    if len(start) < header_bytes(dimensions):
        raise InputError(f"{name}: holds {len(start)} bytes, less than an IDX header")
    shape = struct.unpack(f">{dimensions}I", start[4 : header_bytes(dimensions)])
    if 0 in shape:
        raise InputError(f"{name}: holds no data, its dimensions are {list(shape)}")
    return shape


def as_idx(array: np.ndarray) -> bytes:
    """The file whose content `read_idx` gives as `array`, uint8."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()
