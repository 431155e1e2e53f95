"""Ways of training that are timed against one another, each in a process of its own that trains when it is its turn."""

from multiprocessing import get_context
from multiprocessing.connection import Connection

from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset
from tools.measuring import keras_ways, torch_ways
from tools.measuring.keras_ways import PIECES, sgemm
from tools.measuring.turns import Turns

WITHOUT_PAUSE = {"notebook"}  # tf.data's autotuner stalls for longer where an iterator has waited for its turn
WAYS = {way.__name__: way for way in (*keras_ways.WAYS, *torch_ways.WAYS, *PIECES, sgemm)}


class Contender:
    """A way's process, which trains an epoch whenever it is told to, until the block ends."""

    def __init__(self, way: str, architecture: Architecture, dataset: Dataset, settings: Train) -> None:
        self.way = way
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=contend, args=(way, theirs, architecture, dataset, settings))
        self.process.start()
        theirs.close()

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.join()

    def epochs(self, count: int) -> list[tuple[float, int]]:
        """Train so many without a pause; of each its seconds, and the process's peak memory in bytes so far.

        Raises ChildProcessError where the process has ended.
        """
        for _ in range(count):
            self.connection.send("go")
        try:
            return [self.connection.recv() for _ in range(count)]
        except EOFError:
            raise ChildProcessError(f"{self.way} ended; its own error is above") from None


def contend(way: str, connection: Connection, architecture: Architecture, dataset: Dataset, settings: Train) -> None:
    """What a contender's process does."""
    WAYS[way](architecture, dataset, settings, Turns(connection))
