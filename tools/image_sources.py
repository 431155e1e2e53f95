"""Read images in common forms: folders of pictures, .npz files, CSV tables, CIFAR's archives."""

import math
import re
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from PIL import Image, ImageColor, ImageOps
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, NonNegativeInt
from tqdm.contrib.concurrent import thread_map

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES
from stages.jobs import count_usable_cores
from stages.training.files import read_npz

warnings.filterwarnings("ignore", module="PIL")  # about pictures that it can read
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM")  # none can run code
SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in (*FORMATS, "MPO")}
DRAFT = 3  # a JPEG file is decoded at an eighth, a quarter or a half, if that is at least three times the final size
MOST_SIDE = 1024  # pixels; a larger picture is not decoded unless it is scaled
MOST_THREADS = 8  # each needs 300 MB for a photo of 24 megapixels, or 700 MB with 16 bits per colour
REPAIR = "write it with numpy.savez; arrays of Python objects are refused, as only pickle reads them"
EXPECTED = (
    "a folder with one folder of pictures per class, an .npz file, a CSV file, a folder of two CSV files, one with "
    "test in its name, or CIFAR's .bin files (a folder of IDX files is already a data.source)"
)
COLUMNS = ["item", "title", "label", "test"]  # an image, its name in messages, its class, whether in the test part

Item = Path | np.ndarray  # a file, or uint8 [H, W] or [H, W, 3]
Span = tuple[float, float]  # the least and the greatest value of pictures with more than 8 bits
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]  # pixels


def shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def note(text: str) -> None:
    print(f"images: {text}".replace("\n", "\\n"), file=sys.stderr)


def read_source(source: Path, labels: str | None) -> tuple[pd.DataFrame, list[str], Path]:
    """Read or list the images of FROM. Raises InputError for other forms, OSError.

    Returns one row per image with COLUMNS, the classes, and the path of a file with their names if they are numbers.
    That file need not exist. A file outside the folders of the classes has the label None.
    """
    folder, files = (source, source.iterdir()) if source.is_dir() else (source.parent, [source])
    files = sorted(files, key=lambda path: (is_test(path), path.name))
    arrays, bins, tables = ([path for path in files if path.suffix.lower() == end] for end in (".npz", ".bin", ".csv"))
    hundred, names_file = folder / "train.bin" in bins, folder / CLASS_NAMES
    if labels and not hundred:
        raise InputError(f"LABELS: expected the archive of CIFAR-100, got {source}. Leave LABELS out.")
    if list_folders(source):
        return *read_folders(source), names_file
    if bins:
        names_file = folder / (f"{labels or 'fine'}_label_names.txt" if hundred else "batches.meta.txt")
        parts = [read_cifar(path, 1 + hundred, int(hundred and labels != "coarse")) for path in bins]
    elif len(arrays) == 1:
        parts = read_arrays(arrays[0])
    elif [is_test(path) for path in tables] in ([False], [True], [False, True]):
        parts = [read_table(path, test=path != tables[0]) for path in tables]
    else:
        raise InputError(f"FROM: expected {EXPECTED}, got {source}{'' if source.exists() else ', which is missing'}.")
    table = pd.concat(parts, ignore_index=True)
    return table, sorted(set(table["label"])), names_file


def is_test(path: Path) -> bool:
    return "test" in path.name.lower()


def read_folders(source: Path) -> tuple[pd.DataFrame, list[str]]:
    """List the files of CLASS/, or of train/CLASS/ and test/CLASS/, in the order of the names of classes and files."""
    inner = {path.name.lower(): path for path in list_folders(source)}
    train, test = (inner.get(name) or inner.get(f"{name}ing") for name in ("train", "test"))
    places = [source]
    if train and (test or list_folders(train)):
        places = [train, test] if test else [train]
        if others := [str(path) for path in list_folders(source) if path not in places]:
            fix = "Move" if test else "Name it test, or move"
            raise InputError(
                f"{shorten(others)}: expected only folders called train and test. {fix} its pictures into {train}: the "
                "study draws its own validation images from there."
            )
    loose = [path for place in {source, *places} for path in place.iterdir() if not path.is_dir()]
    rows: list[Any] = [(path, str(path), None, False) for path in sorted(loose) if path.name != CLASS_NAMES]
    classes = set()
    for place in places:
        for folder in list_folders(place):
            if inside := list_folders(folder):
                raise InputError(
                    f"{inside[0]}: a folder inside a class; expected only pictures in CLASS, or in train/CLASS and "
                    f"test/CLASS. If {folder} contains the classes, set FROM to it."
                )
            label = unicodedata.normalize("NFC", folder.name)  # macOS writes some characters as two
            classes.add(label)
            rows += [(path, str(path), label, place == test) for path in sorted(folder.iterdir())]
    return pd.DataFrame(rows, columns=COLUMNS), sorted(classes)


def list_folders(folder: Path) -> list[Path]:
    """Return the visible folders, in the order of their names."""
    return sorted(path for path in folder.glob("[!.]*") if path.is_dir() and path.name != "__MACOSX")


def read_cifar(path: Path, label_bytes: int, column: int) -> pd.DataFrame:
    """Read records of 1 or 2 labels (CIFAR-100: a coarse and a fine one) and 32 x 32 red, green, then blue bytes.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    record, content = label_bytes + 3 * 32 * 32, np.fromfile(path, np.uint8)
    if content.size % record:
        raise InputError(f"{path}: expected records of {record} bytes, as CIFAR has them, got {content.size}.")
    rows = content.reshape(-1, record)
    images = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return make_part(str(path), images, rows[:, column], test=is_test(path))


def read_arrays(path: Path) -> list[pd.DataFrame]:
    """Read x_train, y_train and, if present, x_test and y_test, as Keras has them."""
    arrays, parts = read_npz(path, REPAIR), []
    for name in ("train", "test") if {"x_test", "y_test"} & arrays.keys() else ("train",):
        if not {f"x_{name}", f"y_{name}"} <= arrays.keys():
            raise InputError(f"{path}: expected x_train, y_train, x_test and y_test, got {', '.join(arrays)}.")
        parts.append(make_part(f"{path}: {name}", arrays[f"x_{name}"], arrays[f"y_{name}"], test=name == "test"))
    return parts


def read_table(path: Path, *, test: bool) -> pd.DataFrame:
    """Read a column `label` and one per pixel, of square images row by row, as Kaggle has them."""
    try:
        table = pd.read_csv(path, dtype={"label": str}, keep_default_na=False, encoding="utf-8-sig")
        pixels = table.drop(columns="label", errors="ignore").to_numpy(np.float32)
    except ValueError as error:  # pandas' errors are subclasses of it
        raise InputError(f"{path}: not a table of numbers ({' '.join(str(error).split())}).") from None
    side, width = math.isqrt(pixels.shape[1]), len(table.columns)
    whole = isinstance(table.index, pd.RangeIndex)  # else pandas took values of longer lines as row names
    if "label" not in table or not pixels.size or side * side != pixels.shape[1] or not whole:
        raise InputError(
            f"{path}: expected a column label, one per pixel of a square, and a row per image, "
            f"got {len(table)} rows and {width} columns: {shorten(list(table.columns))}."
        )
    return make_part(str(path), pixels.reshape(-1, side, side), table["label"].to_numpy(), test=test)


def make_part(where: str, x: np.ndarray, y: np.ndarray, *, test: bool) -> pd.DataFrame:
    """Return a row per image of `[N, H, W]`, `[N, H, W, 1]` or `[N, H, W, 3]`.

    Labels are numbers or text `[N]` or `[N, 1]`, or one-hot `[N, K]`. Values are from 0 to 255 or, if none is above 1,
    from 0 to 1. Raises InputError for others.
    """
    x = x[..., 0] if x.shape[3:] == (1,) else x
    if x.ndim < 3 or x.shape[3:] not in ((), (3,)) or not x.size or x.dtype.kind not in "buif":
        raise InputError(f"{where}: expected images [N, H, W] or [N, H, W, 3], got {x.dtype}{list(x.shape)}.")
    if not 0 <= x.min() <= x.max() <= 255:  # refuses NaN, too
        raise InputError(f"{where}: expected values from 0 to 255, or to 1, got {x.min():g} to {x.max():g}.")
    table = y.ndim == 2 and y.shape[1] > 1 and y.dtype.kind in "buif"
    if table and (np.sort(y) == np.eye(y.shape[1])[-1]).all():  # one 1 per row
        y = y.argmax(axis=1)
    if y.shape not in ((len(x),), (len(x), 1)):
        raise InputError(f"{where}: expected {len(x)} labels or one-hot rows, got {y.dtype}{list(y.shape)}.")
    y = np.char.decode(y, errors="backslashreplace") if y.dtype.kind == "S" else y.astype(str)
    labels = [re.sub(r"^(-?\d+)\.0*$", r"\1", label.strip()) for label in y.ravel().tolist()]
    scale = 255.0 if x.max() <= 1 else 1.0
    rows = [
        (np.rint(image * scale).astype(np.uint8), f"{where}: image {number}", label, test)
        for number, (image, label) in enumerate(zip(x, labels, strict=True), 1)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def split_size(text: str) -> list[str]:
    """Read `28`, a square's side, or `64x48`, width and height."""
    return text.split("x") if "x" in text else [text, text]


def check_colour(name: str) -> str:
    try:
        ImageColor.getrgb(name)
    except ValueError:
        raise ValueError("a colour such as white, black or #ff8800") from None
    return name


class Options(BaseModel, extra="forbid"):
    """The options of `make images`."""

    FROM: str
    TO: str
    SIZE: Annotated[tuple[Side, Side] | None, BeforeValidator(split_size)] = None  # None: each picture's own
    FIT: Literal["crop", "pad"] = "crop"
    BACKGROUND: Annotated[str, AfterValidator(check_colour)] = "white"  # of transparent pixels and of borders
    GREY: bool = False
    SKIP: bool = False
    LABELS: Literal["fine", "coarse"] | None = None
    SEED: NonNegativeInt = 0
    TEST: Annotated[float, Field(gt=0, lt=1)] = 0.2


def read_pictures(items: Sequence[Item], options: Options) -> list[Any]:
    """Return for each item uint8 `[H, W, 1 or 3]`, the reason if it is damaged, or None if it is no picture.

    Pictures with over 8 bits are decoded twice: their common range becomes 0 to 255. Shows the time left.
    """
    threads = min(count_usable_cores(), MOST_THREADS)
    side_by_side = partial(thread_map, max_workers=threads, desc="images", leave=False, delay=1, mininterval=1)
    read = side_by_side(partial(read_item, options), items)
    if deep := [index for index, picture in enumerate(read) if isinstance(picture, tuple)]:
        lows, highs = zip(*(read[index] for index in deep), strict=True)
        span = min(lows), max(highs)
        again = side_by_side(partial(read_item, options, span=span), [items[index] for index in deep])
        for index, picture in zip(deep, again, strict=True):
            read[index] = picture
        note(f"pictures with more than 8 bits: {len(deep)}; their values {span[0]:g} to {span[1]:g} became 0 to 255")
    return read


def read_item(options: Options, item: Item, span: Span | None = None) -> np.ndarray | Span | str | None:
    """Return an item as `read_pictures` does, or its range if it has more than 8 bits and no `span` is given.

    Only the first picture of an animation, or of a file of several, is read.
    """
    if isinstance(item, np.ndarray):
        return fit(options, Image.fromarray(item))
    has_suffix = item.suffix.lower() in SUFFIXES
    if item.name.startswith(".") or not (item.is_file() or (has_suffix and not item.exists())):
        return None
    try:
        with Image.open(item, formats=FORMATS) as image:
            if not options.SIZE and max(image.size) > MOST_SIDE:
                return f"larger than {MOST_SIDE} pixels a side; SIZE=28 scales all"
            deep, tags = re.search(r"'(\w+);16[BLN]'", str(image.tile)), getattr(image, "tag_v2", {})
            foreign = deep and (deep[1] not in ("I", "RGB", "RGBA") or "transparency" in image.info)
            if foreign or (16 in tags.get(258, ()) and tags.get(284) == 2):
                return "16 bits per channel in a form that Pillow does not read. Save it with 8 bits"
            if options.SIZE:
                image.draft(None, (DRAFT * max(options.SIZE),) * 2)
            picture = ImageOps.exif_transpose(image)
        if picture.mode[0] in "IF":
            values = np.asarray(picture)
        elif deep:
            values = np.asarray(picture.convert("RGB"), np.uint16) * 256 + lower_bytes(item)
        else:
            return fit(options, picture)
        if not np.isfinite(values).all():
            return "a value is NaN or infinite"
        if span is None:
            return float(values.min()), float(values.max())
        scale = (span[1] - span[0] or 1) / 255
        levels = Image.fromarray(np.stack([np.rint((row - span[0]) / scale).astype(np.uint8) for row in values]))
        if picture.mode == "RGBA":
            levels.putalpha(picture.getchannel("A"))
        return fit(options, levels)
    except Exception as error:  # Pillow raises many kinds on foreign bytes
        return " ".join(str(error).split()) or type(error).__name__ if has_suffix else None


def lower_bytes(path: Path) -> np.ndarray:
    """Return the lower bytes of 16-bit colours, uint8 `[H, W, 3]`.

    Pillow keeps the upper byte of the byte order that a tile names, so the other order yields the lower byte.
    """
    with Image.open(path, formats=FORMATS) as image:
        for index, tile in enumerate(image.tile):
            order, *rest = tile.args if isinstance(tile.args, tuple) else (tile.args,)
            other = order[:-1] + {"B": "L"}.get(order[-1], "B")
            image.tile[index] = tile._replace(args=(other, *rest))
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def fit(options: Options, image: Image.Image) -> np.ndarray:
    """Return uint8 `[H, W, C]` by the options: grey is the luma of ITU-R BT.601, scaling is bicubic."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, options.BACKGROUND), image)
    image = image.convert("RGB")
    image = image.convert("L") if options.GREY else image
    if options.SIZE and options.FIT == "pad":
        image = ImageOps.pad(image, options.SIZE, color=options.BACKGROUND)
    elif options.SIZE:
        image = ImageOps.fit(image, options.SIZE)
    return np.atleast_3d(np.asarray(image))
