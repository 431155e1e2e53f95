"""What a command that runs for long says, and how it ends when it is told to."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGTERM, signal.SIGINT)


def tell(line: str) -> None:
    """Print a line whole. `print` writes its end on its own, and another thread's line may come between."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@contextmanager
def ended_by_exception(command: str) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C raise SystemExit with 128 + the signal's number, so that the block can clean up."""

    def stop(number: int, _frame: FrameType | None) -> None:
        print(f"\n{command}: interrupted; the same command goes on from here", file=sys.stderr)
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
