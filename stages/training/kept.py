"""A seed's training on disk while its stage is unfinished, so that an interrupted one goes on after its last epoch.

Keras's own BackupAndRestore is not enough here: it keeps no history, it overwrites the weights and then the epoch's
number in place, so that a kill between the two makes it go on in the wrong epoch, and it takes up whatever it finds,
whichever parameters, data or code made it. These files are written whole, carry a digest of their bytes, and name
what made them.
"""

import fcntl
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

from stages.common.errors import InputError
from stages.common.files import sha256, whole_file
from stages.common.places import DATA, PACKED
from stages.network.architecture import Architecture
from stages.training.loop import State
from stages.training.results import EPOCH_COLUMNS
from stages.training.settings import Train

CHECKPOINTS = DATA / "checkpoints"
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
DIGEST_BYTES = hashlib.sha256().digest_size


@contextmanager
def checkpoint_folder(name: str) -> Iterator[Path]:
    """The training's own folder, held against a second training of that name, and removed once the block ended well."""
    folder = CHECKPOINTS / name
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
        shutil.rmtree(folder)
    except BlockingIOError:
        raise InputError(f"{folder}: another training of {name} is running; wait for it to end, or stop it") from None
    finally:
        os.close(handle)


def identity(architecture: Architecture, settings: Train, seed: int) -> str:
    """A digest of all that the training's bits follow from: parameters, data, code and the libraries' versions."""
    parts = [
        architecture.model_dump_json(),
        settings.model_dump_json(exclude={"seeds"}),
        str(seed),
        sha256(PACKED),
        *(sha256(STAGES / name) for name in DECIDING),
        *(version(package) for package in ("tensorflow", "keras", "numpy")),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def save_checkpoint(path: Path, made_by: str, state: State) -> None:
    """Write the digest of what follows, then an .npz of the state and of what it was made by."""
    groups = {"weights": state.weights, "optimizer": state.optimizer, "layers": state.layers}
    arrays = {f"{group}-{k}": array for group, members in groups.items() for k, array in enumerate(members)}
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        made_by=np.array(made_by),
        history=np.array(state.history, dtype=np.float64).reshape(-1, len(EPOCH_COLUMNS)),
        diverged_epoch=np.array(state.diverged_epoch or 0),
        **arrays,
    )
    with whole_file(path) as partial:
        partial.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())


def load_checkpoint(path: Path, made_by: str) -> tuple[State, str]:
    """The state to go on from, empty where there is nothing to be used, and a phrase for the user where there is."""
    if not path.exists():
        return State(), ""
    stored = path.read_bytes()
    digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return State(), f"starts over: {path} is damaged"
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    if str(arrays["made_by"]) != made_by:
        return State(), f"starts over: {path} was made by other parameters, data or code"
    history = arrays["history"].tolist()
    state = State(
        history=history,
        weights=_numbered(arrays, "weights"),
        optimizer=_numbered(arrays, "optimizer"),
        layers=_numbered(arrays, "layers"),
        diverged_epoch=int(arrays["diverged_epoch"]) or None,
    )
    return state, f"goes on after epoch {len(history)}"


def _numbered(arrays: dict[str, np.ndarray], group: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{group}-") for name in arrays)
    return [arrays[f"{group}-{k}"] for k in range(count)]
