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
    """Return what a file is called when the images have colour: `train-images-idx4-ubyte`, and the same for labels."""
    return name.replace("-idx3-", "-idx4-")


COLOUR_FILES = tuple(map(in_colour, FILES))


def dimensions_of(name: str) -> int:
    """Return the number of dimensions that a name of FILES or COLOUR_FILES announces."""
    return int(name.partition("-idx")[2][0])


def header_bytes(dimensions: int) -> int:
    """Return the length of the header of a file with this number of dimensions."""
    return 4 + 4 * dimensions


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes: labels `[N]`, images `[N, H, W]` or `[N, H, W, 3]`, uint8.

    Raises InputError if the file is missing or anything else. Its length is compared with its header before memory is
    allocated.
    """
    try:
        with path.open("rb") as file:
            shape = read_header(file.read(header_bytes(dimensions)), dimensions, path)
        length = path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: missing") from None
    expected = header_bytes(dimensions) + math.prod(shape)
    if length != expected:
        raise InputError(f"{path}: dimensions {list(shape)} need {expected} bytes, got {length}")
    return np.fromfile(path, dtype=np.uint8, offset=header_bytes(dimensions)).reshape(shape)


def read_header(start: bytes, dimensions: int, name: object) -> tuple[int, ...]:
    """Return the dimensions in the first bytes of an IDX file. Raises InputError if they are no whole header.

    The format: two zero bytes, the type, the number of dimensions, each dimension as a big-endian 32-bit number, then
    the values (Yann LeCun, "The MNIST database", file formats).
    """
    expected = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if start[:4] != expected:
        integers = start[:4] == bytes([0, 0, INTEGER, dimensions])
        fix = ". It has 32-bit integers: write them as unsigned bytes, with type 08" if integers else ""
        got = start[:4].hex() or "an empty file"
        raise InputError(f"{name}: not an IDX file of this kind: expected header {expected.hex()}, got {got}{fix}")
    if len(start) < header_bytes(dimensions):
        raise InputError(f"{name}: expected a header of {header_bytes(dimensions)} bytes, got {len(start)}")
    shape = struct.unpack(f">{dimensions}I", start[4 : header_bytes(dimensions)])
    if 0 in shape:
        raise InputError(f"{name}: no data, its dimensions are {list(shape)}")
    if shape[3:] not in ((), (CHANNELS,)):
        raise InputError(f"{name}: expected images [N, H, W, {CHANNELS}], got {list(shape)}")
    return shape


def as_idx(array: np.ndarray) -> bytes:
    """Return the file of which `read_idx` returns `array`, uint8."""
    return _header(array) + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write that file, whole or not at all, without a second copy of a large array in memory. Raises OSError."""
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(_header(array))
        array.tofile(file)


def _header(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
