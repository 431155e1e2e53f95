"""The names of the classes, where a data set has them: a text file beside its labels, a name a line, in their order."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from stages.common import InputError
from stages.training.files import write_text

CLASS_NAMES = "classes.txt"
MOST_CLASSES = 256  # a label is a byte
NO_TEXT = ("Cc", "Cs", "Zl", "Zp")  # Unicode's control characters, bytes that are no UTF-8, and ends of lines


def class_names(folder: Path, labels: Iterable[int]) -> list[str]:
    """What the classes of these labels, in ascending order, are called: as the folder says, else "class 0" and so on.

    Raises InputError where the folder's names are not as many, or not as `read_class_names` wants them.
    """
    path, default = folder / CLASS_NAMES, [f"class {label}" for label in labels]
    if not path.exists():
        return default
    names = read_class_names(path)
    if len(names) != len(default):
        raise InputError(f"{path}: holds {len(names)} names for {len(default)} classes; may hold a line for each")
    return names


def copy_class_names(source: Path, folder: Path) -> None:
    """Give the folder the source's names, or none where it has none. Raises InputError as `read_class_names` does."""
    if (source / CLASS_NAMES).exists():
        names = read_class_names(source / CLASS_NAMES)
        write_text(folder / CLASS_NAMES, "".join(f"{name}\n" for name in names))
    else:
        (folder / CLASS_NAMES).unlink(missing_ok=True)


def read_class_names(path: Path) -> list[str]:
    """The lines of a UTF-8 text. Raises InputError where one is empty, is there twice or holds what is no text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text of UTF-8") from None
    check_class_names(lines, str(path))
    return lines


def check_class_names(names: Sequence[str], where: str) -> None:
    """Raise InputError, which begins with `where`, unless every name fits a line of its own."""
    for number, name in enumerate(names):
        if not name.strip():
            raise InputError(f"{where}: class {number} has no name")
        if any(unicodedata.category(character) in NO_TEXT for character in name):
            raise InputError(f"{where}: class {number} is called {name!r}, may be called what fits one line of UTF-8")
        if name in names[:number]:
            raise InputError(f"{where}: class {number} is called {name!r}, as class {names.index(name)} is")
    if len(names) > MOST_CLASSES:
        raise InputError(f"{where}: holds {len(names)} classes, may hold up to {MOST_CLASSES}: a label is a byte")
