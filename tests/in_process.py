"""A tool called in the process of the tests: TensorFlow and DVC, which take seconds to load, are there already."""

import io
import signal
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def called(main: Callable[[], None], project: Path, *arguments: str, status: int = 0) -> str:
    """What `main` says in a project as `python -m` its module with these arguments would; it ends with that status."""
    said, before = io.StringIO(), {number: signal.getsignal(number) for number in HANDLED}
    with pytest.MonkeyPatch.context() as patch, chdir(project), redirect_stdout(said), redirect_stderr(said):
        patch.setattr(sys, "argv", [main.__module__, *arguments])
        try:
            main()
            ended: object = 0
        except SystemExit as ending:
            ended = ending.code
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if isinstance(ended, str):  # as Python itself does with it
        said.write(f"{ended}\n")
        ended = 1
    assert (ended or 0) == status, said.getvalue()
    return said.getvalue()
