"""Check that the project's remote holds, undamaged, everything that dvc.lock names.

    python -m tools.remote [--repair]

Reads every object there and compares it with the MD5 that is its name. `--repair` puts what is missing or damaged back
from this clone's cache, which `dvc push` does not: it takes an object for good once it has pushed it. Exit status 1
where something is not there, or no server answers.
"""

import hashlib
import json
import sys
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

CHUNK = 2**20  # bytes
SHOWN = 20  # of the problems
REPAIR = "`make remote REPAIR=1` puts them back from the cache of a clone that has them"


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
    """What is not as it should be, a line an object, after the repair where that is asked for."""
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


def main() -> None:
    repair = sys.argv[1:] == ["--repair"]
    try:
        with Repo() as repo:
            remote = repo.cloud.get_remote_odb()
            address = remote.fs.unstrip_protocol(remote.path)
            try:
                problems = check(repo, remote, repair)
            except Exception as error:  # of a server: each kind has its own
                sys.exit(f"remote: {address} does not answer as it should: {_one_line(error)}")
    except DvcException as error:
        sys.exit(f"remote: {_one_line(error)}")
    for problem in problems[:SHOWN]:
        print(f"remote: {problem}", file=sys.stderr)
    if problems:
        sys.exit(f"remote: {len(problems)} missing or damaged; {REPAIR}")
    print(f"remote: {address} holds everything that dvc.lock names")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
