"""Train one architecture up to a number of epochs, from what is kept of it, in a process of its own.

    python -m stages.trials.rung

Reads from stdin a line of JSON, what `request` makes, and after it the state from which to go on, if any. Writes
to stdout the state at the end, as it is kept. It ends when the other end of stdin is closed: with whoever began it.
"""

import json
import os
import sys
import threading
from functools import partial
from typing import Any

from stages.checkpoints import Identity, Kept, data_md5, identity, store
from stages.common import DATASET_FILE, InputError, reported_in_one_line
from stages.processor import processor_kind
from stages.training.architecture import Architecture, Train
from stages.training.backend import start
from stages.training.dataset import read_dataset
from stages.training.loop import train


def request(architecture: Architecture, settings: Train, seed: int, made_by: Identity, state: bytes = b"") -> bytes:
    """What the process is sent; `made_by` is the training's identity where the state will be kept."""
    head = {
        "architecture": architecture.model_dump(),
        "train": settings.model_dump(),
        "seed": seed,
        "identity": made_by,
        "state": len(state),
    }
    return json.dumps(head).encode() + b"\n" + state


def _end_with_the_other_side() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more comes
    os._exit(1)


def _check_identity(here: Identity, there: Identity) -> None:
    """Raise InputError where the state would not be that of the process that asks."""
    others = [f"{key} is {here[key]!r} here, {there[key]!r} there" for key in here if here[key] != there[key]]
    if others:
        raise InputError(f"it would train otherwise than whoever asks for it: {'; '.join(others)}")


def main() -> None:
    with reported_in_one_line("search"):
        asked: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
        before = sys.stdin.buffer.read(asked["state"])
        threading.Thread(target=_end_with_the_other_side, daemon=True).start()
        architecture, settings = Architecture(**asked["architecture"]), Train(**asked["train"])
        made_by = identity(architecture, settings, asked["seed"], data_md5(), processor_kind())
        _check_identity(made_by, asked["identity"])
        kept = Kept(made_by, store())
        if before:
            kept.put(before)
        start(settings.threads, split_operations=architecture.whole_batches)
        with kept.held(lambda: None):
            state, _ = kept.take(settings.epochs)
            keep = partial(kept.keep, asked=settings.epochs)
            train(architecture, read_dataset(DATASET_FILE), settings, asked["seed"], state, keep)
        sys.stdout.buffer.write(kept.file(settings.epochs))


if __name__ == "__main__":
    main()
