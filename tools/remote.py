"""Check that what DVC holds is undamaged: the project's remote, or the cache of this clone.

    python -m tools.remote [--repair]   the remote: is everything there that dvc.lock names?
    python -m tools.remote --cache      the cache: is every file of it what its name says?

Reads every object and compares it with the MD5 that is its name, which DVC does not: it takes for good what it has
once pushed, and a cached file that is marked read-only. `--repair` puts what is missing or damaged on the remote back
from this clone's cache. Exit status 1 where something is not as it should be, or no server answers.
"""

import argparse
import hashlib
import json
import sys
from typing import Any

from dvc.repo import Repo

from stages.common import InputError
from tools.common.pipeline import opened

CHUNK = 2**20  # bytes
SHOWN = 20  # of the problems
REPAIR = "`make remote REPAIR=1` puts them back from the cache of a clone that has them"
REPAIR_CACHE = (
    "remove these files, and with `rm -r data/raw data/fashion_mnist.npz data/models` what was copied from them; "
    "then `dvc pull`, where a remote has them, or `dvc repro` brings everything back"
)


def objects(repo: Repo, remote: Any) -> dict[str, str]:
    """The hash of every file that DVC's cache is to hold, and the file's name."""
    named: dict[str, str] = {}
    for output in repo.index.outs:
        if output.use_cache and output.hash_info:
            named[output.hash_info.value] = str(output)
            if output.hash_info.isdir:
                named |= {entry["md5"]: f"{output}/{entry['relpath']}" for entry in _listing(repo, remote, output)}
    return named


def _listing(repo: Repo, remote: Any, output: Any) -> list[dict[str, str]]:
    """The files of a folder, which are themselves an object; none where no sound one is to be had."""
    oid = output.hash_info.value
    for place in (repo.cache.local, remote):
        if state(place, oid) is None:
            with place.fs.open(place.oid_to_path(oid), "rb") as file:
                entries: list[dict[str, str]] = json.loads(file.read())
                return entries
    return []


def state(place: Any, oid: str) -> str | None:
    """What is wrong with an object in a cache or a remote: "missing", "damaged", or nothing."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with place.fs.open(place.oid_to_path(oid), "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return "missing"
    return None if digest.hexdigest() == oid.removesuffix(".dir") else "damaged"


def check(repo: Repo, remote: Any, repair: bool) -> list[str]:
    """What is not as it should be on the remote, a line an object, after the repair where that is asked for."""
    problems = []
    for oid, name in objects(repo, remote).items():
        wrong = state(remote, oid)
        if wrong and repair and state(repo.cache.local, oid) is None:
            remote.add(repo.cache.local.oid_to_path(oid), repo.cache.local.fs, oid, check_exists=False)
            wrong = state(remote, oid)
            print(f"remote: {name}: {'still ' + wrong if wrong else 'put back'}", flush=True)
        if wrong:
            problems.append(f"{name}: {wrong} at {remote.fs.unstrip_protocol(remote.oid_to_path(oid))}")
    return problems


def check_remote(repair: bool) -> None:
    """Exits with the problems. Raises InputError where no remote is set."""
    with opened() as repo:
        remote = repo.cloud.get_remote_odb()
        address = remote.fs.unstrip_protocol(remote.path)
        try:
            problems = check(repo, remote, repair)
        except Exception as error:  # of a server: each kind has its own
            raise InputError(f"{address} does not answer as it should: {' '.join(str(error).split())}") from error
    for problem in problems[:SHOWN]:
        print(f"remote: {problem}", file=sys.stderr)
    if problems:
        raise InputError(f"{len(problems)} missing or damaged; {REPAIR}")
    print(f"remote: {address} holds everything that dvc.lock names")


def check_cache() -> None:
    """Raises InputError where a file is damaged, after a line for each."""
    with opened() as repo:
        cache = repo.cache.local
        held = sorted(cache.all())
        damaged = [cache.oid_to_path(oid) for oid in held if state(cache, oid)]
    for path in damaged:
        print(f"verify: {path} is damaged", file=sys.stderr)
    if damaged:
        raise InputError(REPAIR_CACHE)
    print(f"verify: every file of the cache is what its name says: {len(held)} files")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.remote", description=(__doc__ or "").partition("\n")[0])
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--repair", action="store_true", help="put what the remote lacks back from this clone's cache")
    choice.add_argument("--cache", action="store_true", help="check this clone's cache instead")
    asked = parser.parse_args()
    name = "verify" if asked.cache else "remote"
    try:
        if asked.cache:
            check_cache()
        else:
            check_remote(asked.repair)
    except InputError as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        sys.exit(f"{name}: {error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
