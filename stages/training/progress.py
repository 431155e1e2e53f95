"""What a training shows: one bar on a terminal, one line an epoch where there is none."""

import shutil
import sys

from tqdm import tqdm

from stages.network.backend import keras


class Progress(keras.callbacks.Callback):
    """The progress of one architecture over all its seeds."""

    def __init__(self, name: str, seeds: int, epochs: int, steps: int) -> None:
        super().__init__()
        self.name = name
        self.epochs = epochs
        self.steps = steps  # an epoch
        columns, rows = shutil.get_terminal_size()  # tqdm shows nothing on a terminal that does not tell its size
        self.bar = tqdm(
            total=seeds * epochs * steps,
            desc=name,
            disable=not sys.stderr.isatty(),
            ncols=columns,
            nrows=rows,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )

    def start_seed(self, seed: int, finished: int, note: str) -> None:
        """Take up a seed: `finished` epochs were trained earlier and do not count for the time left; say `note`."""
        self.seed = seed
        if not self.bar.disable:
            self.bar.initial += finished * self.steps
            self.bar.update(finished * self.steps)
        if note:
            tqdm.write(f"{self.name} seed {seed}: {note}")
            sys.stdout.flush()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch + 1
        self.steps_seen = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.bar.set_postfix_str(
            f"seed {self.seed}, epoch {self.epoch}/{self.epochs}, "
            f"loss {logs['loss']:.3f}, accuracy {logs['accuracy']:.3f}",
            refresh=False,
        )
        self.bar.update(batch + 1 - self.steps_seen)
        self.steps_seen = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self.bar.disable:
            numbers = ", ".join(f"{key} {value:.4f}" for key, value in logs.items())
            print(f"{self.name} seed {self.seed} epoch {self.epoch}/{self.epochs}: {numbers}", flush=True)

    def close(self) -> None:
        self.bar.close()
