"""A picture as the networks take it: grey, upright, of the size that is asked for."""

import shutil
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from stages.common import InputError

OPAQUE = 255
Item = TypeVar("Item")


class Part(NamedTuple):
    """Training or test images, uint8 `[N, H, W]`, and the names of their classes, `[N]`."""

    where: str  # the labels come from, as messages name it
    images: np.ndarray
    labels: list[str]


def read_picture(path: Path, size: int | None) -> np.ndarray:
    """The picture of a file, uint8 `[H, W]`, upright, as `grey` and `scaled` make it.

    Raises InputError for anything but one whole, opaque PNG or JPEG picture.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
                raise InputError(f"{path}: is animated, may be one picture")
            return scaled(grey(ImageOps.exif_transpose(image), str(path)), size)
    except InputError:
        raise
    except Exception as error:  # Pillow raises many kinds on foreign bytes
        raise InputError(f"{path}: not read as a whole PNG or JPEG picture ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is neither, or is cut"
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def grey(image: Image.Image, where: str) -> Image.Image:
    """In 8-bit grey: of colours the luma of ITU-R BT.601, (299 R + 587 G + 114 B) / 1000; of 16 bits the upper 8.

    Raises InputError where a pixel is transparent: it has the grey of a ground that the file does not know.
    """
    sixteen_bits = image.mode.startswith("I")
    if image.has_transparency_data and (sixteen_bits or _opacity(image) < OPAQUE):
        raise InputError(
            f"{where}: is transparent in places, may be opaque; ImageMagick lays it on white by "
            "`mogrify -background white -alpha remove FILE`"
        )
    if sixteen_bits:  # of which Pillow's own conversion takes the lower ones
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB").convert("L")


def _opacity(image: Image.Image) -> int:
    """That of the most transparent pixel."""
    return int(np.asarray(image.convert("RGBA"))[..., 3].min())


def scaled(image: Image.Image, size: int | None) -> np.ndarray:
    """The pixels, uint8 `[H, W]`; with a size those of a square of so many pixels a side, whatever the shape was.

    By bicubic interpolation, which takes every pixel into account where it makes a picture smaller.
    """
    return np.asarray(image if size is None else image.resize((size, size), Image.Resampling.BICUBIC))


def with_progress(items: Iterable[Item]) -> "tqdm[Item]":
    columns, rows = shutil.get_terminal_size()  # tqdm shows nothing on a terminal that does not tell its size
    hidden = not sys.stderr.isatty()
    return tqdm(items, desc="images", unit="", leave=False, disable=hidden, ncols=columns, nrows=rows)
