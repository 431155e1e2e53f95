"""Copy versions from requirements.lock into the files of stages/libraries, which stages depend on.

    python -m tools.lock

The last step of `make lock`. Each file lists the libraries on which its stages depend.
"""

import re
from pathlib import Path

from stages.common import LIBRARIES, InputError, read_libraries, reported_in_one_line
from stages.training.files import write_text

LOCK = Path("requirements.lock")
FILES = sorted(LIBRARIES.parent.glob("*.txt"))


def pinned(name: str) -> str:
    """Return the version of a library in requirements.lock. Raises InputError unless it has exactly one."""
    pins = re.findall(rf"^{name}==([^\s;]+)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if len(set(pins)) != 1:
        raise InputError(
            f"{LOCK}: {name}: expected one version for every Python, as results depend on it, got "
            f"{' and '.join(pins) or 'none'}. Add a bound to pyproject.toml."
        )
    return str(pins[0])


def out_of_step() -> list[str]:
    """Return an error per version in the files that differs from requirements.lock. Raises InputError, OSError."""
    return [
        f"{path}: {name}: expected {pinned(name)} as in {LOCK}, got {written}"
        for path in FILES
        for name, written in read_libraries(path).items()
        if written != pinned(name)
    ]


def main() -> None:
    with reported_in_one_line("lock"):
        for path in FILES:
            write_text(path, "".join(f"{name}=={pinned(name)}\n" for name in read_libraries(path)))


if __name__ == "__main__":
    main()
