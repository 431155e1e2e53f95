"""Print lines whole, and end a long command on a signal."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from stages.common import ENDINGS


def tell(line: str) -> None:
    """Print a line whole. `print` writes its end on its own, and another thread's line may come between."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def ended_by_exception(command: str) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP raise SystemExit with 128 + the signal's number, so that the block can clean up.

    An ignored signal stays ignored, as SIGHUP after `nohup`.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        with suppress(OSError):  # the terminal may be gone
            print(f"\n{command}: interrupted. The same command goes on from here.", file=sys.stderr)
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in ENDINGS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
