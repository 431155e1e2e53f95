"""How a stage says no: one line on stderr that names what is wrong, exit status 1."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Git compares sizes and whole seconds before bytes, and may take a params.yaml that DVC has just written for the one
# that is committed; where there is none, it writes it
GO_BACK = "rm -f params.yaml && git checkout HEAD -- params.yaml dvc.lock metrics plots && dvc checkout"
BRING_BACK = f" (back to what is committed, params.yaml too: {GO_BACK})"


class InputError(Exception):
    """Input that a stage refuses: one line that names the key or file, what it holds and what it may hold."""


def _committed(name: str) -> bool:
    """Whether Git has a file of this folder, as it has none in a download without a repository."""
    if shutil.which("git") is None:
        return False
    return subprocess.run(["git", "cat-file", "-e", f"HEAD:./{name}"], capture_output=True, check=False).returncode == 0


@contextmanager
def reported_in_one_line(stage: str) -> Iterator[None]:
    """Turn what a user can meet and mend into one line and an exit status; let a bug keep its traceback.

    Ctrl-C and SIGTERM end the process where it stands, with a line of their own. That is safe, since every file is
    written beside its place; an exception instead would be lost where it met a destructor.
    """
    back = BRING_BACK if _committed("params.yaml") else ""

    def stop(number: int, _frame: FrameType | None) -> None:
        os.write(2, f"\n{stage}: interrupted; `dvc repro` goes on from here{back}\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) != signal.SIG_IGN:  # as for a job in the background, which Ctrl-C is not meant for
            signal.signal(number, stop)
    try:
        yield
    except InputError as error:
        sys.exit(f"{stage}: {error}{back}")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{stage}: {name}{error.strerror or error}; mend that and run `dvc repro` again{back}")
