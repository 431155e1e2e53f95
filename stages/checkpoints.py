"""What is kept of trainings, so that no epoch is trained twice: their states, below DVC's cache folder.

A state follows from an identity (architecture, seed, data, code and so on) and from the number of its epochs; not from
how many are asked for, under which name, or with which other seeds. So whoever asks for the same training finds it:
the pick and the study, more seeds, more epochs, another branch, the queue, and a training that was killed. Kept are the
state after every epoch at which a training ended, and the longest of those that did not get to their end.

Keras's own BackupAndRestore is not enough here: it keeps no history, it overwrites the weights and then the epoch's
number in place, so that a kill between the two makes it go on in the wrong epoch, and it takes up whatever it finds.
These files are written whole, carry a digest of their bytes, and name what made them.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from dvc.config import Config

from stages.common import DATASET_FILE, LIBRARIES, read_libraries
from stages.locks import locked
from stages.training.architecture import Architecture, Train
from stages.training.files import whole_file, write_text
from stages.training.loop import State
from stages.training.results import EPOCH_COLUMNS

STAGES = Path(__file__).parents[1]
DECIDING = (  # the code that a training's bytes follow from; a test derives it from the imports
    "common/files.py",
    "data/dataset.py",
    "network/architecture.py",
    "network/backend.py",
    "network/fast.py",
    "training/diagnosis.py",
    "training/loop.py",
    "training/results.py",
)
FOLDER = "trainings"  # below DVC's cache
IDENTITY = "identity.json"
STATE_FILE = re.compile(r"(epoch|unfinished)-(\d+)\.npz")
DIGEST_BYTES = hashlib.sha256().digest_size
Identity = dict[str, Any]


class Found(NamedTuple):
    """A kept state, and a phrase for the user where there is something to say."""

    state: State
    note: str = ""


def store() -> Path:
    """The folder of everything that is kept: one for all copies of the project that share a DVC cache."""
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), Path.cwd())
    cache = Config(str(root / ".dvc"), validate=False).get("cache", {}).get("dir") or root / ".dvc/cache"
    return Path(cache) / FOLDER


def data_md5() -> str:
    """Of the packed data set, as dvc.lock has it."""
    with DATASET_FILE.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def identity(architecture: Architecture, settings: Train, seed: int, data: str, processor: str) -> Identity:
    """All that a state follows from besides the number of its epochs; `data` is `data_md5()`."""
    return {
        "architecture": architecture.model_dump(exclude_defaults=True),  # a key that changes nothing names nothing
        "train": settings.model_dump(exclude={"epochs", "seeds"}, exclude_defaults=True),
        "seed": seed,
        "data": data,
        "code": {name: hashlib.sha256((STAGES / name).read_bytes()).hexdigest() for name in DECIDING},
        "libraries": read_libraries(LIBRARIES),
        "processor": processor,
    }


def states(folder: Path) -> dict[int, Path]:
    """The files of states in a training's folder by the number of their epochs, in order."""
    files = folder.iterdir() if folder.is_dir() else ()
    numbered = ((STATE_FILE.fullmatch(path.name), path) for path in files)
    return dict(sorted((int(match[2]), path) for match, path in numbered if match))


class Kept:
    """What is kept of one identity."""

    def __init__(self, made_by: Identity, place: Path) -> None:
        self.made_by = json.dumps(made_by, sort_keys=True)
        self.folder = place / hashlib.sha256(self.made_by.encode()).hexdigest()
        without_code = {key: value for key, value in made_by.items() if key != "code"}
        self.training = json.dumps(without_code, sort_keys=True)  # in each file: other code may give the same bytes

    def adopt(self, folder: Path) -> None:
        """Take over the states of a training that only differs in code that has been shown to give the same bytes."""
        with self.held(lambda: None):
            for path in states(folder).values():
                if not (self.folder / path.name).exists():
                    os.link(path, self.folder / path.name)

    @contextmanager
    def held(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold it against other trainings of the same for as long as the block lasts; say so where one has it."""
        with locked(self.folder / "lock", waiting):
            if not (self.folder / IDENTITY).exists():
                write_text(self.folder / IDENTITY, self.made_by + "\n")
            yield

    def longest(self, most: int) -> int:
        """The epochs of the longest state of at most so many; 0 where there is none."""
        return max((epochs for epochs in states(self.folder) if epochs <= most), default=0)

    def take(self, most: int) -> Found:
        """The longest usable state of at most so many epochs, or an empty one."""
        notes = []
        for epochs, path in reversed(states(self.folder).items()):
            if epochs > most:
                continue
            try:
                state = self._read(path.read_bytes(), path)
            except ValueError as error:
                notes.append(str(error))
            else:
                return Found(state, "; ".join([*notes, f"{epochs} of {_epochs(most)} were trained before"]))
        if not notes and states(self.folder):
            shortest = min(states(self.folder))
            notes.append(f"trains {_epochs(most)} anew, for what is kept of it has {_epochs(shortest)} or more")
        return Found(State(), "; ".join(notes))

    def file(self, most: int) -> bytes:
        """The longest state of at most so many epochs as it is stored; nothing where there is none."""
        epochs = self.longest(most)
        return states(self.folder)[epochs].read_bytes() if epochs else b""

    def put(self, stored: bytes) -> None:
        """Keep what `file` gave elsewhere, the end of a training. Raises ValueError where it is not of this one."""
        with self.held(lambda: None):
            path = self.folder / f"epoch-{_length(self._read(stored, self.folder))}.npz"
            if not path.exists():
                with whole_file(path) as partial:
                    partial.write_bytes(stored)

    def _read(self, stored: bytes, path: Path) -> State:
        """Raises ValueError, which names the file, where it is damaged or of another training."""
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError(f"{path} is damaged and not used")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if str(arrays["training"]) != self.training:
            raise ValueError(f"{path} is of another training and not used")
        return State(
            history=arrays["history"].tolist(),
            weights=_numbered(arrays, "weights"),
            optimizer=_numbered(arrays, "optimizer"),
            layers=_numbered(arrays, "layers"),
            diverged_epoch=int(arrays["diverged_epoch"]) or None,
        )

    def keep(self, state: State, asked: int) -> None:
        """Write a state, whole or not at all; shorter ones at which no training ended are not needed any more."""
        groups = {"weights": state.weights, "optimizer": state.optimizer, "layers": state.layers}
        arrays = {f"{group}-{k}": array for group, members in groups.items() for k, array in enumerate(members)}
        content = io.BytesIO()
        np.savez(
            content,
            allow_pickle=False,
            training=np.array(self.training),
            history=np.array(state.history, dtype=np.float64).reshape(-1, len(EPOCH_COLUMNS)),
            diverged_epoch=np.array(state.diverged_epoch or 0),
            **arrays,
        )
        epochs, ended = _length(state), state.diverged_epoch or len(state.history) == asked
        place = self.folder / f"{'epoch' if ended else 'unfinished'}-{epochs}.npz"
        with whole_file(place) as partial:
            partial.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())
        for path in self.folder.glob("unfinished-*.npz"):
            if path != place and int(path.stem.rpartition("-")[2]) <= epochs:
                path.unlink()


def _length(state: State) -> int:
    return state.diverged_epoch or len(state.history)


def _numbered(arrays: dict[str, np.ndarray], group: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{group}-") for name in arrays)
    return [arrays[f"{group}-{k}"] for k in range(count)]


def _epochs(number: int) -> str:
    return f"{number} epoch{'' if number == 1 else 's'}"
