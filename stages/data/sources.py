"""Where a data set's four files are: what the folder says that `data.source` names.

A data set is a folder with SHA256SUMS, and with the files, or with SOURCES, which says where they are to be had.
"""

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from stages.common.errors import InputError
from stages.common.files import sha256
from stages.common.places import DATA, RAW
from stages.data.failures import phrase
from stages.data.idx import FILES
from stages.data.transfer import FAILURES, Wanted, from_address, from_debian, from_folder

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before it runs this stage
SUMS, SOURCES = "SHA256SUMS", "SOURCES"
ADDRESS = r"https://\S+"
PACKAGE = r"apt:([a-z0-9][a-z0-9+.-]+)"  # a line of SOURCES each

Source = Callable[[Wanted], None]  # stores the files in data/raw, or raises one of FAILURES


def sums_of(folder: Path) -> dict[str, str]:
    """What the folder's SHA256SUMS says of the four files."""
    if not folder.is_dir():
        raise InputError(f"params.yaml: data.source holds {str(folder)!r}, which is no folder here")
    try:
        lines = [line.split(maxsplit=1) for line in _lines(folder / SUMS)]
    except FileNotFoundError:
        raise InputError(f"{folder / SUMS}: missing; `sha256sum *-ubyte > {SUMS}` in that folder makes it") from None
    sums = {line[1].lstrip("*"): line[0].lower() for line in lines if len(line) == 2}
    for name in FILES:
        if name not in sums:
            raise InputError(f"{folder / SUMS}: names no {name}; the four files are {', '.join(FILES)}")
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
        if any((place / f"{name}{end}").exists() for name in FILES for end in ("", ".gz")):
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
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file") from None


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
