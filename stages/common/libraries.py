"""The libraries whose versions decide bytes: which they are, and whether these are installed.

They stand in two small files that `make lock` writes from requirements.lock and that stages depend on, so that a change
of version is a change that DVC sees, and that of any other package is none. LIBRARIES has those that data and trainings
follow from: what computes, and h5py, which writes the weights into a .keras file. AGGREGATE_LIBRARIES has those that
tables, pictures and the page follow from besides.
"""

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.common.errors import InputError
from stages.common.places import LIBRARIES

LINE = r"([a-z0-9][a-z0-9-]*)==(\S+)"


def read_libraries(path: Path) -> dict[str, str]:
    """The versions by the libraries' names. Raises InputError where a line is not NAME==VERSION, OSError."""
    libraries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(LINE, line)
        if not found:
            raise InputError(f"{path}: holds {line[:80]!r}, a line may hold NAME==VERSION; `make lock` writes the file")
        libraries[found[1]] = found[2]
    return libraries


def check_libraries(*more: Path) -> None:
    """Raise InputError where other versions are installed than LIBRARIES and the files `more` name."""
    for path in (LIBRARIES, *more):
        committed = read_libraries(path)
        _refuse_others(path, committed, {name: _installed(name) for name in committed})


def check_imported() -> None:
    """Raise InputError where a library of LIBRARIES was imported from elsewhere than where it is installed."""
    modules = {name: sys.modules.get(name.replace("-", "_")) for name in read_libraries(LIBRARIES)}
    imported = {name: str(module.__version__) for name, module in modules.items() if module}
    _refuse_others(LIBRARIES, read_libraries(LIBRARIES), imported)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _refuse_others(path: Path, committed: dict[str, str], here: dict[str, str]) -> None:
    others = [
        f"{name} is {here[name]} here, {committed[name]} in {path}" for name in here if here[name] != committed[name]
    ]
    if others:
        raise InputError(f"{'; '.join(others)}; results follow from them, and `make setup` brings the committed ones")
