"""List the stored trainings, after removing those that were not used for DAYS: `python -m tools.checkpoints [DAYS]`.

A removed training is trained again when it is needed.
"""

import fcntl
import json
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from stages.checkpoints import FILE, store_root
from stages.common import InputError, reported_in_one_line
from stages.params import Params, load_params
from stages.training.architecture import Architecture

ROW = "{:40.40} {:>10}  {:12.12} {:>7} {:>11}"


def stored(root: Path) -> dict[Path, dict[str, Any]]:
    """Return the fingerprint of every training in the store, by its folder."""
    return {path.parent: json.loads(path.read_text("utf-8")) for path in sorted(root.glob("*/fingerprint.json"))}


def days_unused(folder: Path) -> float:
    return (time.time() - (folder / "fingerprint.json").stat().st_mtime) / 86_400


def line(folder: Path, fingerprint: dict[str, Any], params: Params) -> str:
    """Return a row of the list: the names of the architecture in params.yaml, else its values, and the rest."""
    architecture = Architecture(**fingerprint["architecture"])
    names = [named.name for named in params.architectures() if named.architecture == architecture]
    epochs = ", ".join(sorted({match[2] for path in folder.iterdir() if (match := FILE.fullmatch(path.name))}, key=int))
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    title = ", ".join(names) or architecture.model_dump_json()
    return ROW.format(title, fingerprint["seed"], epochs, f"{size:.1f}", f"{days_unused(folder):.1f}")


def remove(folder: Path) -> bool:
    """Remove a training and return True, unless it is running."""
    with (folder / "lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    return not folder.exists()


def main() -> None:
    with reported_in_one_line("checkpoints"):
        root, params, days = store_root()[0], load_params(), sys.argv[1:]
        if days and not days[0].isdecimal():
            raise InputError(f"PRUNE: expected a number of days, got {days[0]!r}")
        removed = sum(remove(folder) for folder in stored(root) if days and days_unused(folder) >= int(days[0]))
        head = ROW.format("architecture", "seed", "epochs", "MB", "days unused")
        lines = [line(folder, fingerprint, params) for folder, fingerprint in stored(root).items()]
        print(head, *lines, f"{len(lines)} trainings in {root}; {removed} removed", sep="\n")


if __name__ == "__main__":
    main()
