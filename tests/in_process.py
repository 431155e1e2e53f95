"""Call a tool in the process of the tests, where TensorFlow and DVC are loaded already."""

import io
import signal
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def called(main: Callable[[], None], project: Path, *arguments: str, status: int = 0) -> str:
    """Return the output of `main` in a project, as by `python -m` with these arguments; check its exit status."""
    output, before = io.StringIO(), {number: signal.getsignal(number) for number in HANDLED}
    with pytest.MonkeyPatch.context() as patch, chdir(project), redirect_stdout(output), redirect_stderr(output):
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
        output.write(f"{ended}\n")
        ended = 1
    assert (ended or 0) == status, output.getvalue()
    return output.getvalue()
