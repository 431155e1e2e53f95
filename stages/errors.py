"""How a stage says no: one line on stderr that names what is wrong, exit status 1."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

BRING_BACK = "earlier results: git checkout dvc.lock metrics plots && dvc checkout"


class InputError(Exception):
    """Input that a stage refuses: one line that names the key or file, what it holds and what it may hold."""


class Terminated(BaseException):
    """SIGTERM, raised where the program stands, so that it ends the way Ctrl-C ends it."""


def _raise_terminated(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def reported_in_one_line(stage: str) -> Iterator[None]:
    """Turn what a user can meet and mend into one line and an exit status; let a bug keep its traceback."""
    signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    except InputError as error:
        sys.exit(f"{stage}: {error} ({BRING_BACK})")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{stage}: {name}{error.strerror or error}; mend that and run `dvc repro` again ({BRING_BACK})")
    except (KeyboardInterrupt, Terminated) as stop:
        status = signal.SIGINT if isinstance(stop, KeyboardInterrupt) else signal.SIGTERM
        print(f"\n{stage}: interrupted; `dvc repro` goes on from here ({BRING_BACK})", file=sys.stderr)
        sys.exit(128 + status)
