"""The IDX format of MNIST and its relatives, read with care: the file may be anything."""

import math
import struct
from pathlib import Path

import numpy as np

from stages.common.errors import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)  # of every data set of this format

UNSIGNED_BYTE = 0x08  # the format's code of the only type that images and labels come in


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes with so many dimensions: images `[N, H, W]` or labels `[N]`, uint8.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit number,
    then the bytes (Yann LeCun, "The MNIST database", file formats). Raises InputError where the file is missing or
    is not exactly that; what its header promises is held against its length before anything is allocated.
    """
    header_bytes = 4 + 4 * dimensions
    try:
        with path.open("rb") as file:
            header = file.read(header_bytes)
        length = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: missing") from None
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if header[:4] != expected:
        raise InputError(
            f"{path}: starts with {header[:4].hex() or 'nothing'}, an IDX file of it with {expected.hex()}"
        )
    if len(header) < header_bytes:
        raise InputError(f"{path}: holds {length} bytes, less than an IDX header")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if 0 in shape:
        raise InputError(f"{path}: holds no data, its dimensions are {list(shape)}")
    if length != header_bytes + math.prod(shape):
        raise InputError(
            f"{path}: holds {length} bytes, its dimensions {list(shape)} ask for {header_bytes + math.prod(shape)}"
        )
    return np.fromfile(path, dtype=np.uint8, offset=header_bytes).reshape(shape)
