"""Read images as people have them: folders of pictures, .npz files, CSV tables, CIFAR's archives."""

import math
import os
import re
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, ImageColor, ImageOps
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from tqdm.contrib.concurrent import thread_map

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES
from stages.training.files import read_npz

Image.init()
warnings.filterwarnings("ignore", module="PIL")  # of pictures that it reads nevertheless
KNOWN = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")  # none runs a program
FORMATS = tuple(name for name in KNOWN if name in Image.OPEN)
SUFFIXES = {suffix for suffix, name in Image.EXTENSION.items() if name in FORMATS}
DRAFT = 3  # a JPEG file is decoded at an eighth, a quarter or a half, if that is three times the final size at least
MOST_SIDE = 1024  # pixels; a larger picture is not decoded unless it is scaled
MOST_THREADS = 8  # Pillow lets threads run side by side; each needs some 300 MB for a photo of 24 megapixels
PARTS = (("train", "training"), ("test", "testing"))
REPAIR = "numpy.savez writes such a file; arrays of Python objects, which only pickle reads, are not taken"
LINES = 5_000  # converted at a time: meanwhile a number takes eight bytes
EXPECTED = (
    "a folder with a folder of pictures for each class, an .npz file, a CSV file, a folder of two of which one has "
    "test in its name, or CIFAR's .bin files (a folder of IDX files is a data.source as it is)"
)
SHOWN = 5  # names in a message
COLUMNS = ["item", "title", "label", "test"]  # an image, as messages call it, its class, whether in the test part

Item = Path | np.ndarray  # a file, or uint8 [H, W] or [H, W, 3]
Span = tuple[float, float]  # the least and the greatest value of pictures with more than 8 bits


def some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def note(text: str) -> None:
    print(f"images: {text}".replace("\n", "\\n"), file=sys.stderr)


class Source(NamedTuple):
    """What FROM is."""

    table: pd.DataFrame  # a row per image, with COLUMNS
    classes: set[str]  # also of empty folders
    names_file: Path  # names of the classes if these are numbers; need not exist
    others: Sequence[Path] = ()  # files next to the class folders


def read_source(source: Path, labels: str | None) -> Source:
    """Find out what FROM is, and list or read it. Raises InputError, which names what does not fit."""
    folder = source if source.is_dir() else source.parent
    files = [path for path in (source.iterdir() if source.is_dir() else [source]) if path.is_file()]
    files.sort(key=lambda path: (is_test(path), path.name))
    arrays, bins, tables = ([path for path in files if path.suffix.lower() == end] for end in (".npz", ".bin", ".csv"))
    hundred, names_file = folder / "train.bin" in bins, folder / CLASS_NAMES
    if labels and not hundred:
        raise InputError(f"LABELS: only the archive of CIFAR-100 has two kinds, {source} is none. Leave LABELS out.")
    if source.is_dir() and subfolders(source):
        return read_folders(source)
    if bins:
        names_file = folder / (f"{labels or 'fine'}_label_names.txt" if hundred else "batches.meta.txt")
        parts = read_cifar(bins, 1 + hundred, int(hundred and labels != "coarse"))
    elif len(arrays) == 1:
        parts = read_arrays(arrays[0])
    elif len(tables) == 1 or list(map(is_test, tables)) == [False, True]:
        parts = [read_table(path, test=path != tables[0]) for path in tables]
    else:
        raise InputError(f"FROM: expected {EXPECTED}, got {source}{'' if source.exists() else ', which is missing'}.")
    table = pd.concat(parts, ignore_index=True)
    return Source(table, set(table["label"]), names_file)


def is_test(path: Path) -> bool:
    return "test" in path.name.lower()


def read_folders(source: Path) -> Source:
    """List the files of CLASS/, or of train/CLASS/ and test/CLASS/, in the order of the names of classes and files."""
    inner = {path.name.lower(): path for path in subfolders(source)}
    train, test = (next((inner[name] for name in names if name in inner), None) for names in PARTS)
    places = [source]
    if train and (test or subfolders(train)):
        places = [train, test] if test else [train]
        for other in inner.values():
            if other not in places:
                raise InputError(
                    f"{other}: neither the training nor the test part, which are called train and test. Move its "
                    f"pictures into {train}: the study draws its own validation images from there."
                )
    rows, classes = [], set()
    for place in places:
        for folder in subfolders(place):
            if inside := subfolders(folder):
                raise InputError(
                    f"{inside[0]}: a folder inside that of a class; expected CLASS, or train/CLASS and test/CLASS, of "
                    f"pictures alone. If {folder} contains the classes, set FROM to it."
                )
            name = os.fsencode(folder.name).decode(errors="surrogateescape")  # UTF-8 whatever the locale
            label = unicodedata.normalize("NFC", name)  # one character for what macOS writes as two
            classes.add(label)
            paths = sorted(path for path in folder.iterdir() if not path.is_dir())
            rows += [(path, str(path), label, place == test) for path in paths]
    others = [path for place in {source, *places} for path in place.iterdir() if not path.is_dir()]
    others = [path for path in others if path.name != CLASS_NAMES]
    return Source(pd.DataFrame(rows, columns=COLUMNS), classes, source / CLASS_NAMES, others)


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders, in the order of their names."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir() and path.name != "__MACOSX")


def read_cifar(files: list[Path], label_bytes: int, column: int) -> list[pd.DataFrame]:
    """Read records of 1 or 2 labels (CIFAR-100: a coarse and a fine one) and 32 x 32 red, green, then blue bytes.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    record, parts = label_bytes + 3 * 32 * 32, []
    for path in files:
        content = np.fromfile(path, np.uint8)
        if content.size % record or not content.size:
            raise InputError(f"{path}: expected records of {record} bytes, as CIFAR has them, got {content.size}.")
        rows = content.reshape(-1, record)
        images = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts.append(as_part(str(path), images, rows[:, column], test=is_test(path)))
    return parts


def read_arrays(path: Path) -> list[pd.DataFrame]:
    """Read x_train, y_train and, if they are there, x_test and y_test, as Keras has them."""
    arrays, parts = read_npz(path, REPAIR), []
    for name in ("train", "test") if {"x_test", "y_test"} & arrays.keys() else ("train",):
        if not {f"x_{name}", f"y_{name}"} <= arrays.keys():
            raise InputError(f"{path}: expected x_train, y_train, x_test and y_test, got {', '.join(arrays)}.")
        parts.append(as_part(f"{path}: {name}", arrays[f"x_{name}"], arrays[f"y_{name}"], test=name == "test"))
    return parts


def read_table(path: Path, *, test: bool) -> pd.DataFrame:
    """Read a column `label` and one per pixel, of square images row by row, as Kaggle has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the first lose their end
        try:
            table = pd.read_csv(
                path, dtype={"label": str}, index_col=False, keep_default_na=False, encoding="utf-8-sig"
            )
            pixels = table.drop(columns="label", errors="ignore").to_numpy(np.float32)
        except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors are kinds of ValueError
            raise InputError(f"{path}: not a table of numbers ({' '.join(str(error).split())}).") from None
    side = math.isqrt(pixels.shape[1])
    if "label" not in table or not pixels.size or side * side != pixels.shape[1]:
        raise InputError(
            f"{path}: expected a column label, one per pixel of a square, and a row per image, "
            f"got {len(table)} rows and {len(table.columns)} columns: {some(list(table.columns))}."
        )
    return as_part(str(path), pixels.reshape(-1, side, side), table["label"].to_numpy(), test=test)


def as_part(where: str, x: np.ndarray, y: np.ndarray, *, test: bool) -> pd.DataFrame:
    """Return a row per image of `[N, H, W]`, `[N, H, W, 1]` or `[N, H, W, 3]`.

    Labels are numbers or text `[N]` or `[N, 1]`, or one-hot `[N, K]`. Values are from 0 to 255 or, if none is above 1,
    from 0 to 1. Raises InputError for others.
    """
    x = x[..., 0] if x.shape[3:] == (1,) else x
    if x.ndim not in (3, 4) or x.shape[3:] not in ((), (3,)) or not x.size or x.dtype.kind not in "buif":
        raise InputError(f"{where}: expected images [N, H, W] or [N, H, W, 3], got {x.dtype}{list(x.shape)}.")
    if not 0 <= x.min() <= x.max() <= 255:  # nor if one is not a number
        raise InputError(f"{where}: expected values from 0 to 255, or to 1, got {x.min():g} to {x.max():g}.")
    if y.ndim == 2 and y.shape[1] > 1 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.shape not in ((len(x),), (len(x), 1)):
        raise InputError(f"{where}: expected {len(x)} labels or one-hot rows, got {y.dtype}{list(y.shape)}.")
    labels = [re.sub(r"^(-?\d+)\.0*$", r"\1", label.strip()) for label in y.ravel().astype(str).tolist()]
    scale = 255 if x.max() <= 1 else 1
    pieces = np.array_split(x, max(1, len(x) // LINES))
    levels = np.concatenate([np.rint(piece * float(scale)).astype(np.uint8) for piece in pieces])
    titles = [f"{where}: image {number}" for number in range(1, len(x) + 1)]
    return pd.DataFrame(zip(levels, titles, labels, [test] * len(x), strict=True), columns=COLUMNS)


def sides(text: str) -> tuple[int, int]:
    """Read `28`, a square's side, or `64x48`, width and height."""
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text)
    size = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < min(size) <= max(size) <= MOST_SIDE:
        raise ValueError(f"28 or, as width and height, 64x48, each up to {MOST_SIDE}")
    return size


def colour(name: str) -> str:
    try:
        ImageColor.getrgb(name)
    except ValueError:
        raise ValueError("a colour such as white, black or #ff8800") from None
    return name


class Look(BaseModel):
    """The size and the colours that pictures get: options of the command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    SIZE: Annotated[tuple[int, int] | None, BeforeValidator(sides)] = None  # None keeps a picture's own
    FIT: Literal["crop", "pad"] = "crop"
    BACKGROUND: Annotated[str, AfterValidator(colour)] = "white"  # under transparent pixels and around padded pictures
    GREY: bool = False


def read_pictures(items: Sequence[Item], look: Look) -> list[np.ndarray | str | None]:
    """Return for each item uint8 `[H, W, 1 or 3]`, the reason if it is damaged, or None if it is no picture.

    Those with more than 8 bits are decoded twice: their common range becomes 0 to 255. Shows the time left.
    """
    side_by_side = partial(
        thread_map, max_workers=min(os.cpu_count() or 1, MOST_THREADS), desc="images", unit="", leave=False, delay=1,
        mininterval=0.1 if sys.stderr.isatty() else 10,
    )  # fmt: skip
    read = side_by_side(partial(read_item, look), items)
    if deep := {index: picture for index, picture in enumerate(read) if isinstance(picture, tuple)}:
        span = min(low for low, _ in deep.values()), max(high for _, high in deep.values())
        again = side_by_side(partial(read_item, look, span=span), [items[index] for index in deep])
        for index, picture in zip(deep, again, strict=True):
            read[index] = picture
        note(f"pictures with more than 8 bits: {len(deep)}; their values {span[0]:g} to {span[1]:g} became 0 to 255")
    return read


def read_item(look: Look, item: Item, span: Span | None = None) -> np.ndarray | Span | str | None:
    """Return an item as `read_pictures` does, or its range if it has more than 8 bits and no `span` is given.

    The first picture of an animation counts, and of a file of several.
    """
    if isinstance(item, np.ndarray):
        return brought_to(look, Image.fromarray(item))
    has_suffix = item.suffix.lower() in SUFFIXES
    if item.name.startswith(".") or not (has_suffix or item.is_file()):
        return None
    try:
        with Image.open(item, formats=FORMATS) as image:
            if not look.SIZE and max(image.size) > MOST_SIDE:
                return f"larger than {MOST_SIDE} pixels a side; SIZE=28 scales all"
            if image.mode[:3] == "RGB" and ";16" in str(image.tile):
                return "16 bits per colour, of which Pillow reads 8. Save it with 8 bits"
            if look.SIZE:
                image.draft(None, (DRAFT * max(look.SIZE),) * 2)
            upright = ImageOps.exif_transpose(image)
        if upright.mode[0] in "IF":
            values = np.asarray(upright, dtype=np.float64)
            if span is None:
                return float(values.min()), float(values.max())
            levels = (values - span[0]) * 255 / ((span[1] - span[0]) or 1)
            upright = Image.fromarray(np.rint(levels).astype(np.uint8))
        return brought_to(look, upright)
    except Exception as error:  # Pillow raises many kinds on foreign bytes
        return " ".join(str(error).split()) or type(error).__name__ if has_suffix else None


def brought_to(look: Look, image: Image.Image) -> np.ndarray:
    """Return uint8 `[H, W, C]` as `look` wants it: grey is the luma of ITU-R BT.601, scaling is bicubic."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, look.BACKGROUND), image)
    image = image.convert("RGB")
    image = image.convert("L") if look.GREY else image
    if look.SIZE and look.FIT == "pad":
        image = ImageOps.pad(image, look.SIZE, color=look.BACKGROUND)
    elif look.SIZE:
        image = ImageOps.fit(image, look.SIZE)
    return np.atleast_3d(np.asarray(image))
