"""Arrays read from a file that may be anything."""

from pathlib import Path

import numpy as np

from stages.common.errors import InputError


def read_npz(path: Path, repair: str) -> dict[str, np.ndarray]:
    """Every array of the file, by name. Raises InputError, which names `repair`, where it is missing or damaged."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: missing; {repair}") from None
    try:
        with file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member is no array")
            return arrays
    except Exception:  # zipfile, its decompressors and NumPy raise many kinds on foreign bytes
        raise InputError(f"{path}: damaged, not a whole .npz file of plain arrays; {repair}") from None
