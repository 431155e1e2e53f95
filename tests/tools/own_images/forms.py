"""The same images in several forms, and the command that takes them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.common import InputError
from tests.conftest import ENVIRONMENT, ROOT
from tools.images import make_folder, read_request

CLASSES = ["cat", "dog", "猫"]
RANDOM = np.random.default_rng(0)
IMAGES = {part: RANDOM.integers(0, 256, (count, 6, 8), dtype=np.uint8) for part, count in (("train", 30), ("test", 9))}
LABELS = {part: np.sort(np.arange(len(images)) % 3) for part, images in IMAGES.items()}


def forms(folder: Path) -> Path:
    """The images as pictures, and as arrays with numbers for labels."""
    folder.mkdir()
    arrays: dict[str, Any] = {}
    for part, images in IMAGES.items():
        arrays |= {f"x_{part}": images, f"y_{part}": LABELS[part]}
    np.savez(folder / "a.npz", **arrays)
    for part, images in IMAGES.items():
        for number, (image, label) in enumerate(zip(images, LABELS[part], strict=True)):
            place = folder / "pictures" / part / CLASSES[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number:02}.png")
    return folder


def images(*words: object) -> None:
    make_folder(read_request([str(word) for word in words]))


def refusal(*words: object) -> str:
    with pytest.raises(InputError) as caught:
        images(*words)
    return str(caught.value)


def started(*words: object, **pipes: Any) -> "subprocess.Popen[str]":
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "tools.images", *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **pipes)


def content(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def left() -> list[str]:
    return sorted(path.name for path in Path().iterdir())
