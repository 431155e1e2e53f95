"""List the stored trainings, after removing those that were not used for DAYS: `python -m tools.prune [DAYS]`.

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

import pandas as pd

from stages.checkpoints import FILE, store_root
from stages.common import InputError, reported_in_one_line
from stages.params import Params, load_params
from stages.training.architecture import Architecture


def stored(root: Path) -> dict[Path, dict[str, Any]]:
    """Return the fingerprint of every training in the store, by its folder."""
    return {
        path.parent: json.loads(path.read_text(encoding="utf-8")) for path in sorted(root.glob("*/fingerprint.json"))
    }


def days_unused(folder: Path) -> float:
    return (time.time() - (folder / "fingerprint.json").stat().st_mtime) / 86_400


def row(folder: Path, fingerprint: dict[str, Any], params: Params) -> dict[str, Any]:
    """Return a training's cells by column; its architecture has its names in params.yaml, or else its values."""
    architecture = Architecture(**fingerprint["architecture"])
    names = [named.name for named in params.architectures() if named.architecture == architecture]
    epochs = {int(match[2]) for path in folder.iterdir() if (match := FILE.fullmatch(path.name))}
    return {
        "architecture": ", ".join(names) or architecture.model_dump_json(exclude_defaults=True),
        "seed": fingerprint["seed"],
        "epochs": ", ".join(map(str, sorted(epochs))),
        "MB": sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        "days unused": days_unused(folder),
    }


def remove(folder: Path) -> None:
    """Remove a training, unless it is running."""
    with (folder / "lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)


def main() -> None:
    with reported_in_one_line("checkpoints"):
        root, params, days = store_root()[0], load_params(), sys.argv[1:]
        if days and not days[0].isdecimal():
            raise InputError(f"PRUNE: expected a number of days, got {days[0]!r}")
        for folder in stored(root):
            if days and days_unused(folder) >= int(days[0]):
                remove(folder)
        rows = [row(folder, fingerprint, params) for folder, fingerprint in stored(root).items()]
        print(pd.DataFrame(rows).to_markdown(index=False, floatfmt=".1f"), f"{len(rows)} trainings in {root}", sep="\n")


if __name__ == "__main__":
    main()
