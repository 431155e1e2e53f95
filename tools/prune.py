"""Remove trainings unused for DAYS days from the store, then list the others: `python -m tools.prune [DAYS]`.

A removed training is trained again when it is needed.
"""

import json
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from stages.checkpoints import FILE, locked, store_root
from stages.common import InputError, reported_in_one_line
from stages.params import Params, load_params


def stored(root: Path) -> dict[Path, dict[str, Any]]:
    """Return the fingerprint of every training in the store, by its folder. Raises InputError if one is damaged."""
    found = {}
    for file in sorted(root.glob("*/fingerprint.json")):
        try:
            found[file.parent] = json.loads(file.read_text("utf-8"))
        except ValueError:
            raise InputError(f"{file}: damaged. Remove its folder.") from None
    return found


def row(folder: Path, fingerprint: dict[str, Any], params: Params) -> dict[str, Any]:
    """Return a training's cells by column; its architecture by its names in params.yaml, or else by its values."""
    architecture = fingerprint["architecture"]
    known = {one.name: one.architecture.model_dump(exclude_defaults=True) for one in params.architectures()}
    names = [name for name, values in known.items() if values == architecture]
    files = {path: match[2] for path in folder.iterdir() if (match := FILE.fullmatch(path.name))}
    return {
        "architecture": ", ".join(names) or json.dumps(architecture),
        "seed": fingerprint["seed"],
        "epochs": ", ".join(map(str, sorted(map(int, set(files.values()))))),
        "MB": sum(path.stat().st_size for path in files if path.exists()) / 1e6,
        "days unused": (time.time() - (folder / "fingerprint.json").stat().st_mtime) / 86_400,
    }


def skip_running() -> None:
    raise BlockingIOError


def main() -> None:
    with reported_in_one_line("checkpoints"):
        root, params, days = store_root(), load_params(), sys.argv[1:]
        if days and not days[0].isdecimal():
            raise InputError(f"PRUNE: expected a number of days, got {days[0]!r}")
        rows = {folder: row(folder, fingerprint, params) for folder, fingerprint in stored(root).items()}
        for folder in [folder for folder, one in rows.items() if days and one["days unused"] >= int(days[0])]:
            with suppress(BlockingIOError), locked(folder / "lock", skip_running):
                shutil.rmtree(folder)
                del rows[folder]
        print(pd.DataFrame(rows.values()).to_markdown(index=False, floatfmt=".1f"))
        print(f"{len(rows)} trainings in {root}")


if __name__ == "__main__":
    main()
