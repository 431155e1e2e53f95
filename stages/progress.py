"""What a training shows: one bar on a terminal, one line an epoch where there is none."""

import shutil
import sys

from tqdm import tqdm

from stages.training.backend import keras


class Progress(keras.callbacks.Callback):
    """The progress of one architecture over all its seeds. What was trained before is neither done nor left."""

    def __init__(self, name: str, untrained: int, epochs: int, steps: int) -> None:
        """`untrained` epochs are to be trained, all seeds together; a seed has `epochs`, an epoch `steps`."""
        super().__init__()
        self.name = name
        self.epochs = epochs
        self.steps = steps
        columns, rows = shutil.get_terminal_size()  # tqdm shows nothing on a terminal that does not tell its size
        self.bar = tqdm(
            total=untrained * steps,
            desc=name,
            disable=not sys.stderr.isatty(),
            ncols=columns,
            nrows=rows,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
        )

    def start_seed(self, seed: int, untrained: int) -> None:
        """Go to a seed of which so many epochs are to be trained, as far as one knows."""
        self.seed = seed
        self.untrained = untrained

    def wait(self) -> None:
        """Say that another process trains the same."""
        self.say(f"{self.name} seed {self.seed}: waits for another training of the same")

    def take_up(self, untrained: int, note: str) -> None:
        """Say what was found of the seed, of which so many epochs are left to be trained."""
        self.bar.total = (self.bar.total or 0) + (untrained - self.untrained) * self.steps
        self.bar.refresh()
        if note:
            self.say(f"{self.name} seed {self.seed}: {note}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        tqdm.write(line)
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
