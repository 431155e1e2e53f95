"""The store of checkpoints and results of trainings, below DVC's cache folder, so that no epoch is trained twice.

A fingerprint names what a training follows from: architecture, settings, seed, data, code and libraries, but not its
number of epochs, its name, or the other seeds. So the baseline and the study, more seeds, more epochs, another branch
and the queue find the same training. A folder per fingerprint has a checkpoint for every finished length, the latest
one of an interrupted run, and for finished trainings what the stage `train` writes of the seed.

The file names also carry the kind of processor. A finished training is used whatever kind made it; an unfinished one
resumes on its own kind only, because rounding differs between kinds.

Keras's BackupAndRestore is not enough: it stores no history, replaces weights and epoch number one after the other,
so that a kill in between resumes at the wrong epoch, and it accepts whatever it finds.
"""

import fcntl
import hashlib
import io
import json
import os
import platform
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from dvc.config import Config

from stages.common import DATASET_FILE, LIBRARIES, read_libraries
from stages.training.architecture import Architecture, Train
from stages.training.files import whole_file
from stages.training.results import EPOCH_COLUMNS, SeedOutput, State

CODE = Path(__file__).parent / "training"
FOLDER = "trainings"  # below DVC's cache
LOCAL = Path(".dvc/tmp/trainings")  # used if the store cannot be written
FILE = re.compile(r"(epoch|unfinished|output)-(\d+)\.(.+)\.npz")
DIGEST_BYTES = hashlib.sha256().digest_size
KINDS = (  # flags of /proc/cpuinfo that oneDNN (cpu_isa_traits.hpp) requires, in its order of preference
    ("AVX-512", "avx512bw avx512dq avx512f avx512vl"),
    ("AVX2", "avx2"),
)


def cpu_kind(cpuinfo: str | None = None, machine: str | None = None) -> str:
    """Return what rounding follows from on this machine: architecture, maker and instruction set.

    For example "x86_64-GenuineIntel-AVX-512"; other architectures and systems are named by `platform.machine()` alone.
    The arguments replace Linux's /proc/cpuinfo and the architecture. PROCESSOR_KIND_OF_TESTS replaces all of it.
    """
    if pretended := os.environ.get("PROCESSOR_KIND_OF_TESTS"):
        return pretended
    file = Path("/proc/cpuinfo")
    text = cpuinfo if cpuinfo is not None else file.read_text(encoding="utf-8") if file.exists() else ""
    machine = machine or platform.machine()
    values = dict(re.findall(r"^(flags|vendor_id)\s*:\s*(.*)$", text.partition("\n\n")[0], flags=re.MULTILINE))
    if machine != "x86_64" or "flags" not in values:
        return machine
    flags = set(values["flags"].split())
    instructions = next((name for name, needed in KINDS if set(needed.split()) <= flags), "none")
    maker = re.sub(r"\W", "", values.get("vendor_id", "unknown"))
    return f"{machine}-{maker}-{instructions}"


def code_fingerprint(folder: Path = CODE) -> str:
    """Return the hash of the modules that decide a training's bytes; `.dvcignore` has the same rule."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("."):
            digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def data_md5(path: Path = DATASET_FILE) -> str:
    """Return the data set file's MD5, which dvc.lock has as well. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def fingerprint(architecture: Architecture, settings: Train, seed: int, data: str, code: str) -> dict[str, Any]:
    """Return what a training follows from besides the number of its epochs and the kind of processor."""
    return {
        "architecture": architecture.model_dump(exclude_defaults=True),
        "train": settings.model_dump(exclude={"epochs", "seeds"}, exclude_defaults=True),
        "seed": seed,
        "data": data,
        "code": code,
        "libraries": read_libraries(LIBRARIES),
    }


def store_root() -> tuple[Path, bool]:
    """Return the folder of the store, one for all copies that share a DVC cache, and whether a group shares it."""
    root = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".dvc").is_dir()), Path.cwd())
    cache = Config(str(root / ".dvc"), validate=False).get("cache", {})
    return Path(cache.get("dir") or root / ".dvc/cache") / FOLDER, cache.get("shared") == "group"


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the file's lock for the block; call `waiting` if another process has it. The lock ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
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


class CheckpointStore:
    """The stored checkpoints and outputs of one fingerprint."""

    def __init__(self, fingerprint: Mapping[str, Any], root: Path, *, shared: bool = False, kind: str = "") -> None:
        """Use the folder of the fingerprint below `root`; `shared`: for the group, as DVC's `cache.shared` says.

        `kind` is the kind of processor that trains, by default this machine's.
        A folder that cannot be written is only read, and LOCAL is written instead; `note` says so.
        """
        text = json.dumps(fingerprint, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()
        self.without_code = json.dumps({**fingerprint, "code": None}, sort_keys=True)  # equivalent code may move files
        self.shared, self.kind, self.note = shared, kind or cpu_kind(), ""
        self.folder, self.folders = root / name, [root / name]
        try:
            self._prepare(text)
        except OSError as error:
            self.note = f"{error.filename}: {error.strerror}; this training is stored in {LOCAL}"
            self.folder = LOCAL / name
            self.folders = [folder for folder in self.folders if os.access(folder, os.R_OK | os.X_OK)] + [self.folder]
            self._prepare(text)

    def _prepare(self, text: str) -> None:
        """Make the folder and show that it and its lock can be written. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder.parent, self.folder):
            self._share(folder)
        file, lock = self.folder / "fingerprint.json", self.folder / "lock"
        if not file.exists():
            unfinished = self.folder / f".{os.getpid()}-{threading.get_ident()}"  # several may be here at once
            unfinished.write_text(text + "\n", encoding="utf-8")
            unfinished.replace(file)
        lock.touch()
        os.utime(file)  # the last use, by which `make checkpoints` prunes
        for path in (file, lock):
            self._share(path)

    def _share(self, path: Path) -> None:
        if self.shared:
            with suppress(PermissionError):  # another member of the group made it, and shared it
                path.chmod(0o2775 if path.is_dir() else 0o664)

    @contextmanager
    def lock(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Keep other processes from the same training for the block; `waiting` is called if one has it."""
        with locked(self.folder / "lock", waiting):
            for left in self.folder.glob(".partial-*"):  # by a killed process, perhaps of another user
                left.unlink(missing_ok=True)
            yield

    def _files(self, *roles: str) -> list[tuple[bool, int, str, Path]]:
        """The files of these roles as (own kind, epochs, kind, path): this kind's first, longest first."""
        paths = (path for folder in self.folders for path in folder.iterdir())
        matches = ((match, path) for path in paths if (match := FILE.fullmatch(path.name)) and match[1] in roles)
        return sorted(((match[3] == self.kind, int(match[2]), match[3], path) for match, path in matches), reverse=True)

    def load(self, most: int) -> tuple[State, str]:
        """Return the longest valid checkpoint of at most `most` epochs, else an empty state, and a note for the user.

        A checkpoint of exactly `most` epochs, or of a training that diverged, may be of another kind of processor.
        """
        return self._load(most)[1:]

    def _load(self, most: int) -> tuple[Path | None, State, str]:
        notes: list[str] = []
        resumable: tuple[Path, State] | None = None
        shortest = 0  # of this kind
        for own, epochs, kind, path in self._files("epoch", "unfinished"):
            shortest = epochs if own else shortest
            if epochs > most or (own and resumable):
                continue
            try:
                state = self._state(self._read(path))
            except ValueError as error:
                notes.append(f"{path}: {error}; not used")
                continue
            if state.epochs == most or state.diverged_epoch:
                return path, state, "; ".join([*notes, *self._made_elsewhere(kind)])
            if own:
                resumable = path, state
        if resumable:
            return *resumable, "; ".join([*notes, f"resumes after epoch {resumable[1].epochs} of {most}"])
        if shortest > most:
            notes.append(f"trains from scratch: the shortest checkpoint has {shortest} epochs")
        return None, State(), "; ".join(notes)

    def _made_elsewhere(self, kind: str) -> list[str]:
        return [f"taken as {kind} trained it; this is {self.kind}"] if kind != self.kind else []

    def save(self, state: State, epochs: int) -> None:
        """Store a state of a training that ends after `epochs`."""
        groups = {"weights": state.weights, "optimizer": state.optimizer, "layers": state.layers}
        arrays = {f"{group}-{k}": array for group, members in groups.items() for k, array in enumerate(members)}
        arrays["history"] = np.array(state.history, dtype=np.float64).reshape(-1, len(EPOCH_COLUMNS))
        arrays["diverged_epoch"] = np.array(state.diverged_epoch or 0)
        finished = state.diverged_epoch or len(state.history) == epochs
        path = self.folder / f"{'epoch' if finished else 'unfinished'}-{state.epochs}.{self.kind}.npz"
        self._write(path, arrays)

    def save_output(self, epochs: int, output: SeedOutput) -> None:
        """Store what the stage `train` writes of the training's end after `epochs`."""
        self._write(self.folder / f"output-{epochs}.{self.kind}.npz", output.to_arrays())

    def load_output(self, epochs: int) -> tuple[SeedOutput, str] | None:
        """Return what `save_output` stored, on this kind of processor or else on another, and a note; None without."""
        found = self._output(epochs)
        return found and found[1:]

    def _output(self, epochs: int) -> tuple[Path, SeedOutput, str] | None:
        for _, stored, kind, path in self._files("output"):
            with suppress(ValueError, KeyError):  # damaged: it is evaluated again
                if stored == epochs:
                    return path, SeedOutput.from_arrays(self._read(path)), "".join(self._made_elsewhere(kind))
        return None

    def valid_files(self, epochs: int) -> list[Path]:
        """Return the files that another machine needs: the checkpoint that `load` returns, and the output."""
        output = self._output(epochs)
        return [path for path in (self._load(epochs)[0], output and output[0]) if path]

    def import_files(self, files: Mapping[str, bytes]) -> list[str]:
        """Store the content of `valid_files` of another machine; return the names of those that are not valid."""
        invalid = []
        for name, content in files.items():
            try:
                self._arrays(content)
                self._store(self.folder / Path(name).name, content)
            except ValueError:
                invalid.append(name)
        return invalid

    def _write(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, training=np.array(self.without_code), **arrays)
        self._store(path, hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())

    def _store(self, path: Path, content: bytes) -> None:
        """Write a file, and remove the unfinished checkpoints that it replaces. Raises ValueError for other names."""
        if not (match := FILE.fullmatch(path.name)):
            raise ValueError("not a checkpoint")
        with whole_file(path) as partial:
            partial.write_bytes(content)
        self._share(path)
        for _, epochs, kind, other in self._files("unfinished"):
            if other.parent == self.folder and other != path and kind == match[3] and epochs <= int(match[2]):
                other.unlink()

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        """Raises ValueError if the file cannot be read, is damaged or of another training."""
        try:
            return self._arrays(path.read_bytes())
        except OSError as error:
            raise ValueError(error.strerror) from None

    def _arrays(self, stored: bytes) -> dict[str, np.ndarray]:
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise ValueError("damaged")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if str(arrays["training"]) != self.without_code:
            raise ValueError("of another training")
        return arrays

    @staticmethod
    def _state(arrays: dict[str, np.ndarray]) -> State:
        def numbered(group: str) -> list[np.ndarray]:
            return [arrays[f"{group}-{k}"] for k in range(sum(name.startswith(f"{group}-") for name in arrays))]

        return State(
            history=arrays["history"].tolist(),
            weights=numbered("weights"),
            optimizer=numbered("optimizer"),
            layers=numbered("layers"),
            diverged_epoch=int(arrays["diverged_epoch"]) or None,
        )
