"""Where a data set's four files are: what the folder says that `data.source` names.

A data set is a folder with SHA256SUMS, and with the files, or with SOURCES, which says where they are to be had.
"""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from stages.common import DATA, RAW, InputError
from stages.data.class_names import CLASS_NAMES
from stages.data.failures import phrase
from stages.data.idx import FILES
from stages.data.transfer import (
    FAILURES,
    Wanted,
    file_of,
    from_address,
    from_debian,
    from_folder,
    is_zipped,
    usual_name,
)
from stages.training.files import sha256

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before it runs this stage
SUMS, SOURCES = "SHA256SUMS", "SOURCES"
ADDRESS = r"https://\S+"
# A line of SHA256SUMS, as sha256sum and shasum write it, and as BSD's sha256, `sha256sum --tag` and openssl do
SUM = r"\\?(?P<sum>[0-9A-Fa-f]+)\s+\*?(?P<name>\S.*)"
TAGGED_SUM = r"SHA(2-)?256 ?\((?P<name>.+)\) ?= ?(?P<sum>\S+)"
PACKAGE = r"apt:([a-z0-9][a-z0-9+.-]+)"  # a line of SOURCES each

Source = Callable[[Wanted], None]  # stores the files in data/raw, or raises one of FAILURES


def sums_of(folder: Path) -> dict[str, str]:
    """What the folder's SHA256SUMS says of the four files: of the bytes that are in them, unzipped.

    Raises InputError where it does not name each with one SHA-256, in a form and by a name that people have.
    """
    if not folder.is_dir():
        raise InputError(f"params.yaml: data.source holds {str(folder)!r}, which is no folder here")
    path = folder / SUMS
    try:
        lines = _lines(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; `sha256sum *-ubyte > {SUMS}` in that folder makes it") from None
    sums: dict[str, str] = {}
    of_zipped = set[str]()
    for line in lines:
        if not (found := re.fullmatch(SUM, line.strip()) or re.fullmatch(TAGGED_SUM, line.strip())):
            continue
        name = re.split(r"[/\\]", found["name"])[-1]
        usual, said = usual_name(name), found["sum"].lower()
        if is_zipped(name):
            of_zipped.add(usual)
        if usual not in FILES or is_zipped(name):
            continue
        if not re.fullmatch(r"[0-9a-f]{64}", said):
            raise InputError(f"{path}: holds {said[:80]!r} for {name}, may hold the 64 hexadecimal digits of SHA-256")
        if sums.setdefault(usual, said) != said:
            raise InputError(f"{path}: holds two checksums for {usual}, may hold one")
    for name in FILES:
        if name not in sums:
            zipped = "; of a gzipped file, the checksum of what is in it" if name in of_zipped else ""
            raise InputError(f"{path}: names no {name}; the four files are {', '.join(FILES)}{zipped}")
    return {name: sums[name] for name in FILES}


def sources_of(folder: Path) -> dict[str, Source]:
    """Where the folder's files are to be had besides in it, by what a user is told of each, in the order to try them.

    None where the folder has no SOURCES: then it holds them itself.
    """
    try:
        lines = [line.strip() for line in _lines(folder / SOURCES)]
    except FileNotFoundError:
        return {}
    sources: dict[str, Source] = {}
    for place in (folder, BY_HAND):
        if any(file_of(place, name) for name in FILES):
            sources[str(place)] = partial(from_folder, place)
    for line in lines:
        if re.fullmatch(ADDRESS, line):
            sources[line] = partial(from_address, line.rstrip("/") + "/")
        elif found := re.fullmatch(PACKAGE, line):
            sources[f"Debian's package {found[1]}"] = partial(from_debian, found[1])
        elif line and not line.startswith("#"):
            raise InputError(
                f"{folder / SOURCES}: holds {line[:60]!r}, a line may hold https://ADDRESS/ or apt:PACKAGE"
            )
    return sources


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file of UTF-8; PowerShell's `>` may have written it") from None


def missing(wanted: Wanted) -> dict[str, str]:
    """Those of the files that data/raw does not hold yet, whole and right."""
    return {
        name: expected
        for name, expected in wanted.items()
        if not (RAW / name).is_file() or sha256(RAW / name) != expected
    }


def fetch(wanted: Wanted, sources: Mapping[str, Source]) -> None:
    """Fill data/raw from the first source that can; name every one that fails, with its reason."""
    for name, source in sources.items():
        still_missing = missing(wanted)
        if not still_missing:
            break
        try:
            source(still_missing)
            print(f"fetch: from {name}", flush=True)
        except FAILURES as error:
            print(f"fetch: not from {name}: {phrase(error)}", file=sys.stderr, flush=True)
    if missing(wanted):
        raise InputError(
            f"no source gave all files; put {', '.join(FILES)} (or the same with .gz) into {BY_HAND}/ and run again"
        )


def check_copied(folder: Path) -> None:
    """Raise InputError where this is an experiment's own copy of the project, and the folder lacks what it has there.

    Experiments in the queue and of `dvc exp run --temp` run in such copies, below the project's .dvc/tmp/exps.
    """
    here = Path.cwd()
    for place in here.parents:
        if here.is_relative_to(place / ".dvc/tmp/exps"):
            if lacking := sorted(_read_of(place / folder) - _read_of(folder)):
                raise InputError(
                    f"{folder}: lacks {', '.join(lacking)} in this experiment's copy of the project, which has what "
                    f"Git or DVC tracks: `git add {folder}`, or `dvc add {folder}` where it is large"
                )
            return


def _read_of(folder: Path) -> set[str]:
    """What the folder holds of the files that are read of one, by their usual names."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    return {SUMS, SOURCES, CLASS_NAMES} & names | set(FILES) & {usual_name(name) for name in names}
