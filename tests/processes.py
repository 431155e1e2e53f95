"""Folders in which worker processes train, and the processes there."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stages.common import DATASET_FILE
from stages.training.dataset import write_dataset
from tests.conftest import ROOT, STORE
from tests.kinds import sample


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def processes_below(folder: Path) -> list[str]:
    """Return the commands of the processes that work in that folder, without this one."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name == str(os.getpid()):
                continue
            if (process / "cwd").readlink().is_relative_to(folder) and (process / "stat").read_text().split()[2] != "Z":
                commands.append((process / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, or is another user's
    return commands


def until_none_works_below(folder: Path, seconds: float) -> None:
    """Wait until no process works in that folder."""
    until(lambda: processes_below(folder) == [], f"the end of the processes in {folder}", seconds)


def bare_project(folder: Path) -> Path:
    """Make a folder with all that trainings need: stages/, params.yaml, the sample's data set file, a store."""
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / ".dvc").mkdir()
    write_dataset(folder / DATASET_FILE, sample())
    return folder


def stored(project: Path, pattern: str) -> dict[str, bytes]:
    """Return the stored files of all trainings by path below the store."""
    return stored_below(project / STORE, pattern)


def stored_below(store: Path, pattern: str = "*.npz") -> dict[str, bytes]:
    found = {}
    for path in sorted(store.glob(f"*/{pattern}")):
        with suppress(FileNotFoundError):  # a running training replaces its checkpoint
            found[str(path.relative_to(store))] = path.read_bytes()
    return found
