"""How ways of training that are timed against one another take turns."""

import os
import resource
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any


class Turns:
    """Where a contender stops after each epoch, until it is its turn again."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.began: float | None = None

    def __call__(self, *_: Any) -> None:
        """Tell the seconds since it last went on, if it has, and the process's peak memory in bytes; then wait."""
        if self.began is not None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            self.connection.send((perf_counter() - self.began, peak))
        try:
            self.connection.recv()
        except EOFError:
            os._exit(0)  # out of the middle of a training
        self.began = perf_counter()
