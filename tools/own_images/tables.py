"""Images in CSV files as Kaggle has them: a line an image, the column label, and in order a column for each pixel."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from stages.common import InputError
from tools.own_images.values import Values

LABEL = "label"
LINES = 5_000  # read at a time: meanwhile a number takes eight bytes


def read_tables(paths: list[Path]) -> list[Values]:
    """The parts that the files hold. Raises InputError, which names the file and the column that do not fit."""
    return [read_table(path) for path in paths]


def part_files(folder: Path) -> list[Path]:
    """The folder's CSV files, the training part first. Raises InputError where it is not clear which that is."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.name[0] != ".")
    if len(paths) < 2:
        return paths
    train, test = ([path for path in paths if part in path.name.lower()] for part in ("train", "test"))
    if len(paths) > 2 or len(train) != 1 or len(test) != 1 or train == test:
        raise InputError(
            f"{folder}: holds {', '.join(path.name for path in paths)}; may hold one CSV file, or two, one with train "
            "in its name and one with test; FROM may also name a single file"
        )
    return train + test


def read_table(path: Path) -> Values:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the first lose their end
            names = [str(name) for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]
            label, side = check_columns(path, names)
            tables = pd.read_csv(
                path, chunksize=LINES, index_col=False, encoding="utf-8-sig", dtype={label: str}, keep_default_na=False
            )
            read = [(numbers(path, table.drop(columns=label)), list(table[label])) for table in tables]
    except InputError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not a text of UTF-8") from None
    except pd.errors.ParserWarning:
        raise InputError(f"{path}: has lines with more values than its first line has names") from None
    except ValueError as error:  # pandas' own errors are kinds of it
        raise InputError(f"{path}: not read as CSV ({' '.join(str(error).split())})") from None
    labels = [re.sub(r"^(-?\d+)\.0*$", r"\1", name.strip()) for _, names in read for name in names]
    if not labels:
        raise InputError(f"{path}: holds no image below its first line")
    if "" in labels:
        raise InputError(f"{path}: row {labels.index('') + 1}, column {label} holds nothing, may hold a class")
    pixels = np.concatenate([pixels for pixels, _ in read]).reshape(-1, side, side)
    return Values(str(path), pixels, f"{path}: {label}", labels)


def check_columns(path: Path, names: list[str]) -> tuple[str, int]:
    """The name of the label's column, and how many pixels the square images have on a side."""
    labels = [name for name in names if name.strip().lower() == LABEL]
    pixels = [name for name in names if name not in labels]
    if len(labels) != 1:
        raise InputError(f"{path}: its first line names no column {LABEL}, it begins with {', '.join(names[:5])}")
    side = math.isqrt(len(pixels))
    if not pixels or side * side != len(pixels):
        raise InputError(f"{path}: has {len(pixels)} columns beside {labels[0]}, may have a square number of pixels")
    numbered = [re.fullmatch(r"\D*(\d{1,9})", name) for name in pixels]
    for before, name, match in zip(numbered, pixels[1:], numbered[1:], strict=False):
        if before and match and int(match[1]) != int(before[1]) + 1:
            raise InputError(f"{path}: has column {name} after {before[0]}, may have the pixels in order, row by row")
    return labels[0], side


def numbers(path: Path, table: pd.DataFrame) -> np.ndarray:
    """The table's values, float32. Raises InputError for the first that is none; rows count from 1, below the names."""
    numeric = all(kind.kind in "uif" for kind in table.dtypes)
    values = (table if numeric else table.apply(pd.to_numeric, errors="coerce")).to_numpy(np.float32)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        place, held = f"row {table.index[row] + 1}, column {table.columns[column]}", str(table.iat[row, column])
        raise InputError(f"{path}: {place} holds {held!r}, may hold a number")
    return values
