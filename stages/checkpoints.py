"""Store checkpoints and results of trainings below DVC's cache folder, so that no epoch is trained twice.

A fingerprint has the inputs of a training: architecture, settings, seed, data, code and libraries. It leaves out the
number of epochs, the name and the other seeds. So the baseline and the study, more seeds, more epochs, another branch
and the queue share trainings. One folder per fingerprint has a checkpoint for every finished length and the latest one
of an interrupted run. A finished training also has an output: the seed's part of the files that `train` writes.

File names include the kind of processor, because rounding differs between kinds. Every kind uses a finished training;
an unfinished one resumes only on its own kind.

Keras's BackupAndRestore is not enough. It stores no history and does not check the files it reads. It replaces weights
and epoch number one after the other, so a kill in between resumes at the wrong epoch.
"""

import fcntl
import hashlib
import io
import json
import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
from dvc.config import Config, ConfigError

from stages.common import DATASET_FILE, LIBRARIES, InputError, read_libraries
from stages.training.architecture import Architecture, Train
from stages.training.files import sha256, whole_file
from stages.training.results import EPOCH_COLUMNS, SeedOutput, State

CODE = Path(__file__).parent / "training"
FOLDER = "trainings"  # below DVC's cache
FILE = re.compile(r"(epoch|unfinished|output)-(\d+)\.([^/]+)\.npz")  # role, epochs, kind of processor
LISTS = ("weights", "optimizer", "layers")  # of arrays, in a State
DIGEST_BYTES = hashlib.sha256().digest_size
KINDS = {  # flags of /proc/cpuinfo that oneDNN (cpu_isa_traits.hpp) requires, in its order of preference
    "AVX-512": {"avx512bw", "avx512dq", "avx512f", "avx512vl"},
    "AVX2": {"avx2"},
}


def cpu_kind(file: Path = Path("/proc/cpuinfo")) -> str:
    """Return the kind of this machine's processor, which decides rounding: architecture, maker and instruction set.

    For example "x86_64-GenuineIntel-AVX-512"; other architectures and systems are named by `platform.machine()` alone.
    The variable PROCESSOR_KIND_OF_TESTS overrides it.
    """
    if pretended := os.environ.get("PROCESSOR_KIND_OF_TESTS"):
        return pretended
    machine, text = platform.machine(), file.read_text(encoding="utf-8") if file.exists() else ""
    values = dict(re.findall(r"(?m)^(flags|vendor_id)\s*:\s*(.*)$", text.partition("\n\n")[0]))
    if machine != "x86_64" or "flags" not in values:
        return machine
    instructions = next((name for name, needed in KINDS.items() if needed.issubset(values["flags"].split())), "none")
    maker = re.sub(r"\W", "", values.get("vendor_id", "unknown"))
    return f"{machine}-{maker}-{instructions}"


def code_fingerprint(folder: Path = CODE) -> str:
    """Return the hash of the modules that decide a training's bytes; `.dvcignore` has the same rule."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("."):
            digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.hexdigest()


def hash_data() -> str:
    """Return the data set file's MD5, as in dvc.lock. Raises OSError."""
    with DATASET_FILE.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def fingerprint(architecture: Architecture, settings: Train, seed: int, data: str, code: str) -> dict[str, Any]:
    """Return the inputs of a training except the number of its epochs and the kind of processor."""
    return {
        "architecture": architecture.model_dump(exclude_defaults=True),
        "train": settings.model_dump(exclude={"epochs", "seeds"}, exclude_defaults=True),
        "seed": seed,
        "data": data,
        "code": code,
        "libraries": read_libraries(LIBRARIES),
    }


def store_root() -> Path:
    """Return the folder of the store, one for all copies of the project that share a DVC cache.

    If DVC's `cache.shared` is `group`, the files that this process writes from here on are writable for the group.
    Raises InputError if DVC's configuration cannot be read.
    """
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), Path.cwd())
    try:
        cache = Config(str(root / ".dvc"), validate=False).get("cache", {})
    except ConfigError as error:
        raise InputError(f"{root / '.dvc'}: {error}. Correct DVC's configuration.") from None
    if cache.get("shared") == "group":
        os.umask(0o002)
    return Path(cache.get("dir") or root / ".dvc/cache") / FOLDER


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Lock the file for the block; call `waiting` if another process has locked it. Locks end with their process."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            if path.exists() and os.fstat(handle).st_ino == path.stat().st_ino:  # otherwise it was removed meanwhile
                yield
                return
        finally:
            os.close(handle)


class Checkpoint(NamedTuple):
    """A valid checkpoint, or an empty state without a path."""

    state: State
    note: str  # for the user
    path: Path | None


def is_last(state: State, epochs: int) -> bool:
    """Return whether a training of `epochs` epochs ends with this state."""
    return bool(state.diverged_epoch) or state.epochs == epochs


def to_state(arrays: Mapping[str, np.ndarray]) -> State:
    """Return the state of a checkpoint's arrays, which are in the order in which they were saved."""
    lists = {name: [array for key, array in arrays.items() if key.startswith(f"{name}-")] for name in LISTS}
    return State(history=arrays["history"].tolist(), diverged_epoch=int(arrays["diverged_epoch"]) or None, **lists)


class CheckpointStore:
    """The stored checkpoints and outputs of one fingerprint."""

    def __init__(self, fingerprint: Mapping[str, Any], root: Path, kind: str = "") -> None:
        """Make the folder of the fingerprint below `root`, for trainings on this `kind` of processor.

        The default is this machine's kind. Raises OSError if the folder cannot be written.
        """
        text = json.dumps(fingerprint, sort_keys=True)
        self.without_code = json.dumps({**fingerprint, "code": None}, sort_keys=True)  # equivalent code shares files
        self.folder, self.kind = root / hashlib.sha256(text.encode()).hexdigest(), kind or cpu_kind()
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "fingerprint.json"
        if not file.exists():
            partial = self.folder / f".{uuid4()}"  # several processes may be here at once
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(file)
        os.utime(file)  # the last use, for `make checkpoints`

    def lock(self, waiting: Callable[[], None]) -> AbstractContextManager[None]:
        """Lock this training for the block; call `waiting` if another process has the lock."""
        return locked(self.folder / "lock", waiting)

    def _files(self, *roles: str) -> list[tuple[bool, int, str, Path]]:
        """Return the files of these roles as (own kind, epochs, kind, path): this kind's first, longest first."""
        found = [
            (match[3] == self.kind, int(match[2]), match[3], path)
            for path in self.folder.iterdir()
            if (match := FILE.fullmatch(path.name)) and match[1] in roles
        ]
        return sorted(found, reverse=True)

    def load(self, most: int) -> Checkpoint:
        """Return the longest valid checkpoint of at most `most` epochs, else an empty state.

        A checkpoint of exactly `most` epochs, or of a training that diverged, may be of another kind of processor. It
        is stored for good, because a longer training removes its own unfinished checkpoints.
        """
        notes, found, files = list[str](), Checkpoint(State(), "", None), self._files("epoch", "unfinished")
        for own, epochs, kind, path in files:
            if epochs > most or (own and found.path):
                continue
            try:
                content = path.read_bytes()
                state = to_state(self._arrays(content))
            except (OSError, ValueError) as error:
                notes.append(f"{path}: {error}; not used")
                continue
            if is_last(state, most):
                lasting = path.with_name(path.name.replace("unfinished", "epoch"))
                if lasting != path:
                    self._store(lasting.name, content)
                return Checkpoint(state, "; ".join(filter(None, [*notes, self._note(kind)])), lasting)
            if own:
                found = Checkpoint(state, "", path)
        if found.path:
            notes.append(f"resumes after epoch {found.state.epochs} of {most}")
        elif too_long := [epochs for own, epochs, *_ in files if own and epochs > most]:
            notes.append(f"trains from scratch: the shortest checkpoint has {min(too_long)} epochs")
        return found._replace(note="; ".join(notes))

    def _note(self, kind: str) -> str:
        return f"trained on {kind}; this is {self.kind}" if kind != self.kind else ""

    def save(self, state: State, epochs: int) -> None:
        """Store a checkpoint of a training of `epochs` epochs."""
        arrays = {f"{name}-{k}": array for name in LISTS for k, array in enumerate(getattr(state, name))}
        arrays["history"] = np.array(state.history, dtype=np.float64).reshape(-1, len(EPOCH_COLUMNS))
        arrays["diverged_epoch"] = np.array(state.diverged_epoch or 0)
        self._write("epoch" if is_last(state, epochs) else "unfinished", state.epochs, arrays)

    def save_output(self, epochs: int, output: SeedOutput) -> None:
        """Store the output of a training of `epochs` epochs."""
        self._write("output", epochs, output.to_arrays())

    def load_output(self, epochs: int) -> tuple[SeedOutput, str, Path] | None:
        """Return the output, a note for the user and the file; prefer this kind of processor. None without one."""
        for _, stored, kind, path in self._files("output"):
            with suppress(OSError, ValueError, KeyError):  # damaged: it is evaluated again
                if stored == epochs:
                    output = SeedOutput.from_arrays(self._arrays(path.read_bytes()))
                    return output, self._note(kind), path
        return None

    def valid_files(self, epochs: int) -> list[Path]:
        """Return the files that another machine needs: the checkpoint that `load` returns, and the output."""
        output = self.load_output(epochs)
        return [path for path in (self.load(epochs).path, output and output[2]) if path]

    def import_files(self, files: Mapping[str, bytes]) -> list[str]:
        """Store the content of another machine's `valid_files` by name; return the names of invalid files."""
        invalid = []
        for name, content in files.items():
            try:
                self._arrays(content)
                self._store(name, content)
            except ValueError:
                invalid.append(name)
        return invalid

    def _write(self, role: str, epochs: int, arrays: Mapping[str, np.ndarray]) -> None:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, training=np.array(self.without_code), **arrays)
        digest = hashlib.sha256(content.getbuffer()).digest()
        self._store(f"{role}-{epochs}.{self.kind}.npz", digest + content.getbuffer())

    def _store(self, name: str, content: bytes) -> None:
        """Write a file, and remove the unfinished checkpoints that it replaces. Raises ValueError for other names."""
        if not (match := FILE.fullmatch(name)):
            raise ValueError("not a checkpoint")
        with whole_file(self.folder / name) as partial:
            partial.write_bytes(content)
        for _, epochs, kind, other in self._files("unfinished"):
            if other.name != name and kind == match[3] and epochs <= int(match[2]):
                other.unlink()

    def _arrays(self, stored: bytes) -> dict[str, np.ndarray]:
        """Return the arrays in a file's content. Raises ValueError if it is damaged or of another training."""
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError("damaged")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
        if str(arrays["training"]) != self.without_code:
            raise ValueError("of another training")
        return arrays
