"""The forms in which people have images: folders of pictures, .npz files, CSV tables, and CIFAR's binary archives."""

import math
import os
import re
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, check_class_names
from stages.training.files import read_npz
from tools.image_pixels import SUFFIXES

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
REPAIR = "numpy.savez writes such a file; arrays of Python objects, which only pickle reads, are not taken"
LINES = 5_000  # converted at a time: meanwhile a number takes eight bytes
EXPECTED = "a folder with a folder of pictures for each class, an .npz file, CSV files, or CIFAR's .bin files"


class Part(NamedTuple):
    """The training or the test part."""

    where: str  # as messages name it
    items: list[Path] | np.ndarray  # files, or uint8 [N, H, W] or [N, H, W, 3]
    labels: list[str]  # the class of each item
    classes: set[str]  # of folders the empty ones too

    def title(self, index: int) -> str:
        """Return what messages call an item."""
        item = self.items[index]
        return str(item) if isinstance(item, Path) else f"{self.where}: image {index + 1}"


class Source(NamedTuple):
    """One or two parts, the training part first."""

    parts: list[Part]
    names_file: Path  # names of the classes if these are numbers; need not exist
    others: Sequence[Path] = ()  # files beside the classes' folders


def read_source(source: Path, labels: str | None) -> Source:
    """Find out what FROM is, and list or read it. Raises InputError, which names what does not fit."""
    folder = source if source.is_dir() else source.parent
    files = sorted(path for path in folder.iterdir() if path.is_file()) if source.is_dir() else [source]
    bins, tables = ([path for path in files if path.suffix.lower() == suffix] for suffix in (".bin", ".csv"))
    if labels and "train.bin" not in [path.name for path in bins]:
        raise InputError(f"LABELS: only the archive of CIFAR-100 has two kinds, {source} is none. Leave LABELS out.")
    if source.is_dir() and subfolders(source):
        places = part_folders(source)
        beside = [path for place in {source, *places} for path in place.iterdir() if not path.is_dir()]
        others = [path for path in beside if path.name != CLASS_NAMES]
        return Source([folder_part(place) for place in places], folder / CLASS_NAMES, others)
    if bins:
        return cifar(folder, bins, labels or "fine")
    if source.is_file() and source.suffix.lower() == ".npz":
        return Source(array_parts(source), folder / CLASS_NAMES)
    if tables and tables[0].exists():
        test = [path for path in tables if "test" in path.name.lower() and len(tables) > 1]
        train = [path for path in tables if path not in test]
        if len(train) != 1 or len(test) > 1:
            raise InputError(f"{folder}: expected a CSV file, or two, one with test in its name, got {len(tables)}.")
        return Source([read_table(path) for path in train + test], folder / CLASS_NAMES)
    if any(re.search(r"idx\d-ubyte", path.name) for path in files):
        raise InputError(f"{source}: IDX files need no `make images`. Set data.source to their folder.")
    raise InputError(f"FROM: expected {EXPECTED}, got {source}{'' if source.exists() else ', which does not exist'}.")


def part_folders(folder: Path) -> list[Path]:
    """Return the folders that contain those of the classes: train and, if there is one, test; or the folder itself."""
    inner = subfolders(folder)
    train, test = ([path for path in inner if PARTS.get(path.name.lower()) == part] for part in ("train", "test"))
    if not train or not (test or subfolders(train[0])):
        return [folder]
    places = [train[0], *test[:1]]
    for other in inner:
        if other not in places:
            rename = "" if test else "rename it to test, or "
            raise InputError(
                f"{other}: neither the training nor the test part, which are called train and test. To use it, {rename}"
                f"move its pictures into {train[0]}: the study draws its own validation images from there."
            )
    return places


def folder_part(place: Path) -> Part:
    """List every file in the folders of the classes, in the order of the names of both."""
    for path in sorted(place.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.name[0] != ".":
            raise InputError(f"{path}: a picture beside the folders of the classes. Move it into one of them.")
    items: list[Path] = []
    labels: list[str] = []
    classes = []
    for folder in subfolders(place):
        for inner in subfolders(folder):
            raise InputError(
                f"{inner}: a folder inside that of a class; expected CLASS, or train/CLASS and test/CLASS, of pictures "
                f"alone. If {folder} contains the classes, set FROM to it."
            )
        paths = sorted((path for path in folder.iterdir() if not path.is_dir()), key=lambda path: path.name)
        text = os.fsencode(folder.name).decode(errors="surrogateescape")  # UTF-8 whatever the locale
        classes.append(unicodedata.normalize("NFC", text))  # one character for what macOS writes as two
        items += paths
        labels += [classes[-1]] * len(paths)
    check_class_names(classes, str(place))
    return Part(str(place), items, labels, set(classes))


def subfolders(folder: Path) -> list[Path]:
    """Return the visible folders, in the order of their names."""
    paths = (path for path in folder.iterdir() if path.is_dir() and path.name[0] != "." and path.name != "__MACOSX")
    return sorted(paths, key=lambda path: path.name)


def cifar(folder: Path, files: list[Path], labels: str) -> Source:
    """Read records of a label (CIFAR-100: a coarse and a fine one) and 32 x 32 red, green, then blue bytes.

    Source: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """
    hundred = "train.bin" in [path.name for path in files]
    before = 2 if hundred else 1
    records: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for path in files:
        content, record = np.fromfile(path, np.uint8), before + 3 * 32 * 32
        if not content.size or content.size % record:
            raise InputError(
                f"{path}: expected records of {record} bytes, as CIFAR has them, got {content.size} bytes."
            )
        records["test" in path.name].append(content.reshape(-1, record))
    parts = []
    for read in filter(None, records.values()):
        rows = np.concatenate(read)
        images = rows[:, before:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        where = f"{folder}: {'test' if read is records[True] else 'train'}"
        parts.append(as_part(where, images, rows[:, 0 if labels == "coarse" else before - 1]))
    return Source(parts, folder / (f"{labels}_label_names.txt" if hundred else "batches.meta.txt"))


def array_parts(path: Path) -> list[Part]:
    """Read x_train, y_train and, if they are there, x_test and y_test, as Keras has them."""
    arrays = read_npz(path, REPAIR)
    parts = ["train", "test"] if {"x_test", "y_test"} & arrays.keys() else ["train"]
    for name in (f"{kind}_{part}" for part in parts for kind in "xy"):
        if name not in arrays:
            raise InputError(f"{path}: expected x_train, y_train, x_test and y_test, got {', '.join(arrays)}.")
    return [as_part(f"{path}: {part}", arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in parts]


def read_table(path: Path) -> Part:
    """Read a column `label` and one per pixel, of square images row by row, as Kaggle has them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the first lose their end
        try:
            columns = list(pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns)
            labels = [name for name in columns if name.strip().lower() == "label"]
            types = defaultdict(lambda: "float32", dict.fromkeys(labels, "str"))
            table = pd.read_csv(path, dtype=types, index_col=False, keep_default_na=False, encoding="utf-8-sig")
        except (ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors are kinds of ValueError
            raise InputError(f"{path}: not a table of numbers ({' '.join(str(error).split())}).") from None
    pixels = [name for name in columns if name not in labels]
    side = math.isqrt(len(pixels))
    if len(labels) != 1 or not table.size or side * side != len(pixels):
        first = ", ".join(columns[:5])
        raise InputError(
            f"{path}: expected a column label, one per pixel of a square, and a row per image, "
            f"got {len(table)} rows and {len(columns)} columns: {first} ..."
        )
    for before, after in pairwise(re.fullmatch(r"\D*(\d{1,9})", name) for name in pixels):
        if before and after and int(after[1]) != int(before[1]) + 1:
            raise InputError(f"{path}: expected the pixels in order, row by row, got {after[0]} after {before[0]}.")
    return as_part(str(path), table[pixels].to_numpy().reshape(-1, side, side), table[labels[0]].to_numpy())


def as_part(where: str, x: np.ndarray, y: np.ndarray) -> Part:
    """Check images `[N, H, W]`, also with 1 or 3 channels, and labels: numbers or text `[N]`, or one-hot `[N, K]`.

    Values are from 0 to 255 or, if none is above 1, from 0 to 1. Raises InputError for others.
    """
    x = x[..., 0] if x.shape[3:] == (1,) else x
    if x.ndim not in (3, 4) or x.shape[3:] not in ((), (3,)) or not x.size or x.dtype.kind not in "buif":
        raise InputError(f"{where}: expected images [N, H, W] or [N, H, W, 3], got {x.dtype}{list(x.shape)}.")
    if not 0 <= x.min() <= x.max() <= 255:  # nor if one is not a number
        raise InputError(f"{where}: expected values from 0 to 255, or to 1, got {x.min():g} to {x.max():g}.")
    if y.ndim == 2 and y.shape[1] > 1 and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.shape not in ((len(x),), (len(x), 1)) or y.dtype.kind not in "buifSUOT":
        raise InputError(f"{where}: expected {len(x)} labels or one-hot rows, got {y.dtype}{list(y.shape)}.")
    labels = [re.sub(r"^(-?\d+)\.0*$", r"\1", label.strip()) for label in y.ravel().astype(str).tolist()]
    white = 1 if x.max() <= 1 else 255
    pieces = np.array_split(x, max(1, len(x) // LINES))
    levels = np.concatenate([np.rint(piece * (255 / white)).astype(np.uint8) for piece in pieces])
    return Part(where, levels, labels, set(labels))
