"""The folder that `make images` leaves: four IDX files, the names of the classes, and checksums; or none of it."""

import signal
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stages.data.class_names import CLASS_NAMES
from stages.data.download import SUMS
from stages.data.idx import FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, UNSIGNED_BYTE
from stages.training.dataset import Split
from stages.training.files import sha256, whole_file, write_text

SUMMED = sorted((*FILES, CLASS_NAMES))


def is_ours(folder: Path) -> bool:
    """Whether the folder holds what `write_folder` has written, unchanged, and nothing else."""
    if not folder.is_dir() or {path.name for path in folder.iterdir()} != {SUMS, *SUMMED}:
        return False
    return (folder / SUMS).read_bytes() == sums(folder).encode()


def sums(folder: Path) -> str:
    """As `sha256sum` writes them."""
    return "".join(f"{sha256(folder / name)}  {name}\n" for name in SUMMED)


def write_folder(place: Path, train: Split, test: Split, names: Sequence[str]) -> None:
    """Write all files beside `place`, then give the folder its name, instead of an earlier one that `is_ours`."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with uninterrupted(), TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as scratch:
        made, earlier = Path(scratch, "made"), Path(scratch, "earlier")
        write_idx(made / TRAIN_IMAGES, train.images)
        write_idx(made / TRAIN_LABELS, train.labels)
        write_idx(made / TEST_IMAGES, test.images)
        write_idx(made / TEST_LABELS, test.labels)
        write_text(made / CLASS_NAMES, "".join(f"{name}\n" for name in names))
        write_text(made / SUMS, sums(made))
        if place.exists():
            place.rename(earlier)
        made.rename(place)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM end the block: between two renames the folder is nowhere."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def write_idx(path: Path, array: np.ndarray) -> None:
    """Unsigned bytes in the format that `read_idx` reads."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    with whole_file(path) as partial:
        partial.write_bytes(header + array.tobytes())
