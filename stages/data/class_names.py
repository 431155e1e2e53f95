"""Class names of a data set: an optional text file with one name per line, in the order of the labels."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.common import InputError, read_text
from stages.training.files import write_text

CLASS_NAMES = "classes.txt"
MOST_CLASSES = 256  # a label is a byte
NO_TEXT = ("Cc", "Cs", "Zl", "Zp")  # Unicode's control characters, invalid UTF-8, and line ends


def class_names(folder: Path, labels: Iterable[int]) -> list[str]:
    """Return the names of ascending labels from the folder's CLASS_NAMES, or else "class 0" and so on.

    Raises InputError if there is not one name per label, and as `read_class_names` does.
    """
    path, default = folder / CLASS_NAMES, [f"class {label}" for label in labels]
    names = read_class_names(path) if path.exists() else default
    if len(names) != len(default):
        fix = f"Correct {CLASS_NAMES} in data.source."
        raise InputError(f"{path}: expected {len(default)} names, one per class, got {len(names)}. {fix}")
    return names


def copy_class_names(source: Path, folder: Path) -> None:
    """Copy the names of `source` if it has any. Raises InputError as `read_class_names` does."""
    if (source / CLASS_NAMES).exists():
        write_text(folder / CLASS_NAMES, "".join(f"{name}\n" for name in read_class_names(source / CLASS_NAMES)))


def read_class_names(path: Path) -> list[str]:
    """Read one name per line. Raises InputError if the file is not UTF-8, and as `check_class_names` does."""
    names = read_text(path).removesuffix("\n").split("\n")
    check_class_names(names, str(path))
    return names


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raise InputError, which begins with `where`, if a name is empty, repeated or not one line of text."""
    for number, name in enumerate(names):
        if not name.strip() or any(unicodedata.category(character) in NO_TEXT for character in name):
            raise InputError(f"{where}: class {number}: expected a name on one line of UTF-8, got {name!r}")
        if name in names[:number]:
            raise InputError(f"{where}: classes {names.index(name)} and {number} have the same name, {name!r}")
    if len(names) > MOST_CLASSES:
        raise InputError(f"{where}: expected at most {MOST_CLASSES} classes, as a label is a byte, got {len(names)}")
