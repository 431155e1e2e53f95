"""A project whose trainings ended, and one whose training was killed after its first epoch."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, MODELS, STORE, edit_params, made_once, run, training


@pytest.fixture(scope="session")
def whole(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two seeds of three epochs, and with what uninterrupted trainings of them wrote. To be copied."""

    def make(place: Path) -> None:
        shutil.copytree(reduced, place, dirs_exist_ok=True, symlinks=True)
        edit_params(place, "  - 0\n", "  - 0\n  - 1\n")
        edit_params(place, "epochs: 1\n", "epochs: 3\n")
        for name in ("w2-4", "depth-1"):
            run(*training(name), cwd=place)

    return made_once(tmp_path_factory, "whole", make)


OTHER_WIDTH = """
    w2-4:
    - 2
    - 4
    - 9
    - 8
"""


@pytest.fixture(scope="session")
def other_kinds(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with averaged weights, and architectures of other kinds: one cut into shards, one normalized."""

    def make(place: Path) -> None:
        shutil.copytree(reduced, place, dirs_exist_ok=True, symlinks=True)
        path = place / "params.yaml"
        text = path.read_text().replace("epochs: 1\n", "epochs: 3\n").replace("ema_momentum: 0 ", "ema_momentum: 0.9 ")
        head, _, rest = text.partition("\nwidth:")
        width, _, rest = rest.partition("\ndepth:")
        depth, _, study = rest.partition("\nstudy:")
        for old, new in (("blocks: 1", "blocks: 2"), ("kernel_size: 5", "kernel_size: 3"), ("pool_stride: 1", "pool_stride: 2"),
                         ("head: dense", "head: global_average"), ("dense_units: 80", "dense_units: null"),
                         ("dropout: 0", "dropout: 0.3")):  # fmt: skip
            assert old in width
            width = width.replace(old, new)
        depth = depth.replace("normalization: none", "normalization: batch").replace("dropout: 0", "dropout: 0.2")
        study = study.replace("    w2-4:\n    - 2\n    - 4\n", OTHER_WIDTH.lstrip("\n"))
        path.write_text(f"{head}\nwidth:{width}\ndepth:{depth}\nstudy:{study}")
        for name in ("w2-4", "depth-1"):
            run(*training(name), cwd=place)

    return made_once(tmp_path_factory, "other-kinds", make)


@pytest.fixture
def project(whole: Path, tmp_path: Path) -> Path:
    """A copy of `whole` without its training of w2-4, and nothing kept of any."""
    copy = Path(shutil.copytree(whole, tmp_path / "project", symlinks=True))
    forget(copy, "w2-4")
    return copy


@pytest.fixture(scope="session")
def interrupted_once(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose training of w2-4 was killed after its first epoch. To be copied."""

    def make(place: Path) -> None:
        shutil.copytree(whole, place, dirs_exist_ok=True, symlinks=True)
        forget(place, "w2-4")
        process = subprocess.Popen(training("w2-4"), cwd=place, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        await_state(place, process)
        process.kill()
        process.wait()

    return made_once(tmp_path_factory, "interrupted", make)


@pytest.fixture
def interrupted(interrupted_once: Path, tmp_path: Path) -> Path:
    """A copy of it to use up."""
    return Path(shutil.copytree(interrupted_once, tmp_path / "interrupted", symlinks=True))


def forget(project: Path, name: str) -> None:
    """Remove a training's outputs, and what is kept of all."""
    shutil.rmtree(project / MODELS / name)
    shutil.rmtree(project / STORE, ignore_errors=True)


def await_state(project: Path, process: subprocess.Popen[bytes]) -> None:
    while not states(project):
        assert process.poll() is None
        time.sleep(0.02)


def states(project: Path) -> list[Path]:
    """The files of all kept states."""
    return sorted((project / STORE).glob("*/[!.]*-*.npz"))  # without those that are being written
