"""Files that appear whole or not at all, whose bytes follow from their content alone."""

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


class InputError(Exception):
    """Input that a user can correct; its text is one line: where, what is wrong, what is expected, how to fix it."""


DECIMALS = 6  # of fractions and losses in text files
FRACTIONS = f"%.{DECIMALS}f"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` if the block succeeds.

    An OSError, such as a full disk, is raised again with the file's name in it.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8 with its own line ends, whole or not at all. Raises OSError."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with keys in the given order and rounded fractions. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(_rounded(content), indent=2, allow_nan=False) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def csv_text(rows: Iterable[Sequence[Any]], columns: list[str], float_format: str = FRACTIONS) -> str:
    """Return a table as CSV, fractions rounded, NaN empty: the text that pandas writes, without importing pandas."""

    def cell(value: Any) -> Any:
        if not isinstance(value, float):
            return value
        return "" if math.isnan(value) else float_format % value

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *([cell(value) for value in row] for row in rows)])
    return text.getvalue()


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name, uncompressed. NumPy dates every member 1980, so equal arrays give equal bytes."""
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_npz(path: Path, repair: str) -> dict[str, np.ndarray]:
    """Return every array of the file by name. Raises InputError, with `repair`, if it is missing or damaged."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {repair}") from None
    try:
        with file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member is no array")
            return arrays
    except Exception:  # zipfile, its decompressors and NumPy raise many kinds on foreign bytes
        raise InputError(f"{path}: damaged, not a whole .npz file of plain arrays; {repair}") from None
