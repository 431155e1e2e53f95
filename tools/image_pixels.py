"""Pictures and arrays as uint8 pixels of one size, decoded side by side."""

import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.contrib.concurrent import thread_map

Image.init()
warnings.filterwarnings("ignore", module="PIL")  # of pictures that it reads nevertheless
KNOWN = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")  # none runs a program
FORMATS = tuple(name for name in KNOWN if name in Image.OPEN)
SUFFIXES = {suffix for suffix, name in Image.EXTENSION.items() if name in FORMATS}
DRAFT = 3  # a JPEG file is decoded at an eighth, a quarter or a half, if that is three times the final size at least
MOST_SIDE = 1024  # pixels; a larger picture is not decoded unless it is scaled
MOST_THREADS = 8  # Pillow lets threads run side by side; each needs some 300 MB for a photo of 24 megapixels

Item = Path | np.ndarray  # a file, or uint8 [H, W] or [H, W, 3]
Span = tuple[float, float]  # the least and the greatest value of pictures with more than 8 bits


class Look(NamedTuple):
    """The size and the colours that pictures are brought to."""

    size: tuple[int, int] | None  # width and height; None keeps a picture's own
    fit: Literal["crop", "pad"]
    background: str  # under transparent pixels and around padded pictures, as Pillow names colours
    grey: bool


class Pictures(NamedTuple):
    """What became of each item, and which items have more than 8 bits, and the range that they use together."""

    read: list[np.ndarray | str | None]  # uint8 [H, W, 1 or 3]; the reason if damaged; None if no picture
    deep: list[int]
    span: Span | None


def read_pictures(items: Sequence[Item], look: Look) -> Pictures:
    """Decode all items, those with more than 8 bits twice: their common range becomes 0 to 255. Show the time left."""
    seconds = 0.1 if sys.stderr.isatty() else 10
    side_by_side = partial(
        thread_map, max_workers=min(os.cpu_count() or 1, MOST_THREADS),
        desc="images", unit="", leave=False, delay=1, mininterval=seconds,
    )  # fmt: skip
    read = side_by_side(partial(read_item, look), items)
    deep = [index for index, picture in enumerate(read) if isinstance(picture, tuple)]
    span = (min(read[index][0] for index in deep), max(read[index][1] for index in deep)) if deep else None
    again = side_by_side(partial(read_item, look, span=span), [items[index] for index in deep])
    for index, picture in zip(deep, again, strict=True):
        read[index] = picture
    return Pictures(read, deep, span)


def read_item(look: Look, item: Item, span: Span | None = None) -> np.ndarray | Span | str | None:
    """Return an item's picture as in `Pictures`, or its range if it has more than 8 bits and no `span` is given.

    The first picture of an animation counts, and of a file of several.
    """
    if isinstance(item, np.ndarray):
        return brought_to(look, Image.fromarray(item))
    has_suffix = item.suffix.lower() in SUFFIXES
    if item.name.startswith(".") or not (has_suffix or item.is_file()):
        return None
    try:
        with Image.open(item, formats=FORMATS) as image:
            if not look.size and max(image.size) > MOST_SIDE:
                return np.broadcast_to(np.uint8(0), (image.height, image.width, 1))
            if image.mode[:3] == "RGB" and ";16" in str(image.tile):
                return "16 bits per colour, of which Pillow reads 8. Save it with 8 bits"
            if look.size:
                image.draft(None, (DRAFT * max(look.size),) * 2)
            upright = ImageOps.exif_transpose(image)
        if upright.mode[0] in "IF":
            values = np.asarray(upright, dtype=np.float64)
            if span is None:
                return float(values.min()), float(values.max())
            levels = (values - span[0]) * 255 / ((span[1] - span[0]) or 1)
            upright = Image.fromarray(np.rint(levels).astype(np.uint8))
        return brought_to(look, upright)
    except Exception as error:  # Pillow raises many kinds on foreign bytes
        unknown = "empty, or of a kind that Pillow does not know" if isinstance(error, UnidentifiedImageError) else None
        reason = unknown or getattr(error, "strerror", None) or str(error) or type(error).__name__
        return " ".join(reason.split()) if has_suffix else None


def brought_to(look: Look, image: Image.Image) -> np.ndarray:
    """Return uint8 `[H, W, C]` as `look` wants it: grey is the luma of ITU-R BT.601, scaling is bicubic."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, look.background), image)
    image = image.convert("RGB")
    image = image.convert("L") if look.grey else image
    if look.size and look.fit == "pad":
        image = ImageOps.pad(image, look.size, color=look.background)
    elif look.size:
        image = ImageOps.fit(image, look.size)
    return np.atleast_3d(np.asarray(image))
