"""Images that come as numbers, from a file of arrays or from a table."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from stages.common import InputError
from tools.own_images.pictures import Part, grey, scaled, with_progress

WHITE = 255


class Values(NamedTuple):
    """Training or test images, numbers `[N, H, W]` or `[N, H, W, 3]`, and the names of their classes, `[N]`."""

    pixels_in: str  # the file, and what in it, as messages name it
    pixels: np.ndarray
    labels_in: str
    labels: list[str]


def parts_of(read: Sequence[Values], size: int | None) -> list[Part]:
    """The training part and, where two are given, the test part. Raises InputError where values or sizes do not fit."""
    white = white_of(read[0])
    for other in read[1:]:
        if white_of(other) != white:
            raise InputError(
                f"{other.pixels_in}: holds values up to {other.pixels.max():g}, {read[0].pixels_in} up to "
                f"{read[0].pixels.max():g}; white may be {WHITE} in both, or 1"
            )
        if size is None and other.pixels.shape[1:3] != read[0].pixels.shape[1:3]:
            raise InputError(
                f"{other.pixels_in}: holds images of {size_of(other)}, {read[0].pixels_in} of {size_of(read[0])}; "
                "all may be of one size, or SIZE=28 scales them"
            )
    return [Part(one.labels_in, images_of(one, white, size), one.labels) for one in read]


def white_of(one: Values) -> int:
    """Which value is white, 1 or 255. Raises InputError where the values are in neither range."""
    low, high = one.pixels.min(), one.pixels.max()
    if not 0 <= low <= high <= WHITE:  # nor where they are not numbers
        raise InputError(
            f"{one.pixels_in}: holds values from {low:g} to {high:g}, may hold 0 to {WHITE}, or fractions from 0 to 1"
        )
    return 1 if high <= 1 else WHITE


def images_of(one: Values, white: int, size: int | None) -> np.ndarray:
    """All images in grey, uint8 `[N, H, W]`."""
    images = []
    for pixels in with_progress(one.pixels):
        levels = np.rint(pixels * (WHITE / white)).astype(np.uint8)
        images.append(scaled(grey(Image.fromarray(levels), one.pixels_in), size))
    return np.stack(images)


def size_of(one: Values) -> str:
    height, width = one.pixels.shape[1:3]
    return f"{width} x {height} pixels"
