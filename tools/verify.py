"""Check every file of DVC's cache against the checksum that is its name.

DVC itself trusts a cached file that is marked read-only, so it would hand a damaged one out as good.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

REPAIR = (
    "remove these files, and with `rm -r data/raw data/fashion_mnist.npz data/models` what was copied from them; "
    "then `dvc pull`, where a remote has them, or `dvc repro` brings everything back"
)


def damaged_files(cache: Path) -> list[Path]:
    """The files of `cache`, DVC's folder files/md5, whose bytes do not have the MD5 that their path spells."""
    files = [path for path in sorted(cache.glob("??/*")) if path.is_file()]
    return [path for path in files if _md5(path) != path.parent.name + path.stem]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def main() -> None:
    answer = subprocess.run(["dvc", "cache", "dir"], capture_output=True, text=True, check=True)
    damaged = damaged_files(Path(answer.stdout.strip()) / "files" / "md5")
    for path in damaged:
        print(f"verify: {path} is damaged", file=sys.stderr)
    if damaged:
        sys.exit(f"verify: {REPAIR}")
    print("verify: every file of the cache is what its name says")


if __name__ == "__main__":
    main()
