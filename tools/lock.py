"""Take the versions that decide bytes from requirements.lock into the files that stages depend on.

    python -m tools.lock

The last step of `make lock`. The files themselves say which libraries they are. It needs nothing but Python.
"""

import re
from collections import defaultdict
from pathlib import Path

from stages.common import (
    LIBRARIES,
    REPORT_LIBRARIES,
    SEARCH_LIBRARIES,
    InputError,
    read_libraries,
    reported_in_one_line,
)

LOCK = Path("requirements.lock")
FILES = (LIBRARIES, REPORT_LIBRARIES, SEARCH_LIBRARIES)


def pinned() -> dict[str, str]:
    """The version of every library of the files by requirements.lock.

    Raises InputError where it has none, or not the same for every Python.
    """
    pins: dict[str, set[str]] = defaultdict(set)
    for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE):
        pins[name].add(version)
    names = [name for path in FILES for name in read_libraries(path)]
    for name in names:
        if len(pins[name]) != 1:
            held = " and ".join(sorted(pins[name])) or "no version"
            raise InputError(
                f"{LOCK}: holds {held} of {name}, may hold one, the same for every Python, since results follow from "
                f"it; a bound in pyproject.toml sees to that"
            )
    return {name: pins[name].pop() for name in names}


def out_of_step() -> list[str]:
    """What the files say otherwise than requirements.lock, a phrase each. Raises InputError as `pinned` does."""
    versions = pinned()
    return [
        f"{name} is {versions[name]} in {LOCK}, {written} in {path}"
        for path in FILES
        for name, written in read_libraries(path).items()
        if written != versions[name]
    ]


def main() -> None:
    with reported_in_one_line("lock"):
        versions = pinned()
        for path in FILES:
            text = "".join(f"{name}=={versions[name]}\n" for name in read_libraries(path))
            unfinished = path.with_name(f".partial-{path.name}")
            unfinished.write_text(text, encoding="utf-8", newline="\n")
            unfinished.replace(path)


if __name__ == "__main__":
    main()
