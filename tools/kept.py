"""List what is kept of trainings (stages/checkpoints.py), or remove what nothing here asks for.

    python -m tools.kept             architecture, seed, epochs and size; `*` where params.yaml asks for it now
    python -m tools.kept --prune     keep what the working tree, HEAD, a branch, the queue or a search asks for

Removing any of it costs time alone: it would be trained again.
"""

import fcntl
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.checkpoints import IDENTITY, Identity, states, store
from stages.common import DATASET_FILE, InputError, reported_in_one_line
from stages.params import PARAMS_FILE, Params, load_params, read_params
from stages.training.architecture import Architecture, Train
from stages.training.dataset import read_dataset
from stages.trials.replay import asked_for
from tools.common.git import file_at, git
from tools.common.pipeline import opened
from tools.comparing.lock import read_lock
from tools.comparing.versions import sha256_at

MEGABYTE = 1e6  # bytes


class Entry(NamedTuple):
    """A folder of the store: one training's states."""

    folder: Path
    made_by: Identity

    @property
    def architecture(self) -> Architecture:
        return Architecture.model_validate(self.made_by["architecture"])

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(path.stat().st_size for path in self.folder.iterdir())


class Asked(NamedTuple):
    """What one version of the project asks for."""

    revision: str | None  # None: the working tree
    params: Params
    data: str | None  # the packed data set's MD5, where it is known

    def epochs_of(self, entry: Entry) -> set[int]:
        """The numbers of epochs that it would go on from, of those that the entry has; at most one."""
        made_by, train = entry.made_by, self.params.train
        asked = [
            (described.architecture, _told(self.params.settings(described)))
            for described in self.params.architectures()
        ]
        same = (
            (entry.architecture, made_by["train"]) in asked
            and made_by["seed"] in train.seeds
            and self.data in (None, made_by["data"])
            and all(sha256_at(self.revision, f"stages/{name}") == digest for name, digest in made_by["code"].items())
        )
        within = [epochs for epochs in states(entry.folder) if epochs <= train.epochs]
        return {max(within)} if same and within else set()


def _told(settings: Train) -> dict[str, Any]:
    """The settings as an identity has them."""
    return settings.model_dump(exclude={"epochs", "seeds"}, exclude_defaults=True)


def entries(place: Path) -> list[Entry]:
    """Every training of which something is kept. What names no identity is left out."""
    folders = sorted(place.iterdir()) if place.is_dir() else []
    return [
        Entry(folder, json.loads((folder / IDENTITY).read_text(encoding="utf-8")))
        for folder in folders
        if (folder / IDENTITY).is_file()
    ]


def asking() -> Iterator[Asked]:
    """The working tree, HEAD, all branches, and the queue, as far as their params.yaml is one of this schema."""
    yield Asked(None, load_params(), _data(Path("dvc.lock").read_text(encoding="utf-8")))
    with opened() as repo:
        queue = repo.experiments.celery_queue
        queued = [entry.stash_rev for entry in (*queue.iter_queued(), *queue.iter_active())]
    branches = git("for-each-ref", "--format=%(objectname)", "refs/heads", "refs/remotes").split()
    for revision in dict.fromkeys([git("rev-parse", "HEAD").strip(), *branches, *queued]):
        text, lock = (
            (file_at(revision, name) or b"").decode(errors="replace") for name in (str(PARAMS_FILE), "dvc.lock")
        )
        try:
            params = read_params(text)
        except InputError:
            continue  # another schema, so other code: nothing that is kept can be its own
        yield Asked(revision, params, None if revision in queued else _data(lock))


def _data(lock: str) -> str | None:
    for stage in read_lock(lock).values() if lock else ():
        for output in stage.get("outs", []):
            if output["path"] == str(DATASET_FILE):
                return str(output["md5"])
    return None


def searched_for(versions: list[Params]) -> set[tuple[Path, int]]:
    """What the searches of these ask for, as `replay.asked_for` gives it; nothing in a clone without data."""
    if not DATASET_FILE.exists():
        return set()
    searches = {
        f"{params.search} {params.train}": params for params in versions if params.search and params.data.validation
    }
    return set[tuple[Path, int]]().union(
        *(
            asked_for(params.search, params.train, read_dataset(DATASET_FILE))
            for params in searches.values()
            if params.search
        )
    )


def _reached(entry: Entry, asked: set[tuple[Path, int]]) -> set[int]:
    """Of the states of an entry those from which a search goes on."""
    rungs = [epochs for folder, epochs in asked if folder == entry.folder]
    return {max(held) for rung in rungs if (held := [epochs for epochs in states(entry.folder) if epochs <= rung])}


def listing(found: list[Entry], now: Asked) -> str:
    """A line a training, and one for all."""
    names: dict[str, list[str]] = {}
    for described in now.params.architectures():
        names.setdefault(described.architecture.model_dump_json(), []).append(described.name)
    lines = [f"{'architecture':44} {'seed':>10}  {'epochs':12} {'MB':>6}"]
    wanted = 0
    for entry in found:
        asked = bool(now.epochs_of(entry))
        wanted += asked
        known = names.get(entry.architecture.model_dump_json())
        what = ", ".join(known) if known else ", ".join(str(value) for _, value in entry.architecture)
        epochs = ", ".join(str(number) for number in states(entry.folder))
        lines.append(
            f"{what:44.44} {entry.made_by['seed']:>10}  {epochs:12} {entry.size / MEGABYTE:6.1f} {'*' * asked}".rstrip()
        )
    total = sum(entry.size for entry in found) / MEGABYTE
    lines.append(f"{len(found)} trainings, {total:.1f} MB; {wanted} of them, *, params.yaml asks for now")
    lines.append(f"in {store()}")
    return "\n".join(lines)


def prune(found: list[Entry]) -> str:
    """Remove the states that nothing asks for. A training that runs keeps all of its own."""
    everyone, removed, freed = list(asking()), 0, 0
    trials = searched_for([asked.params for asked in everyone]) if found else set()
    for entry in found:
        wanted = _reached(entry, trials).union(*(asked.epochs_of(entry) for asked in everyone))
        with (entry.folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            before = entry.size
            for epochs, path in states(entry.folder).items():
                if epochs not in wanted:
                    path.unlink()
                    removed += 1
            freed += before - entry.size
            if not wanted:
                shutil.rmtree(entry.folder)
    return f"kept: {removed} states removed, {freed / MEGABYTE:.1f} MB"


def main() -> None:
    with reported_in_one_line("kept"):
        if sys.argv[1:] not in ([], ["--prune"]):
            raise InputError(f"holds {' '.join(sys.argv[1:])!r}, may hold --prune")
        found = entries(store())
        if sys.argv[1:]:
            print(prune(found))
        else:
            print(listing(found, next(asking())))


if __name__ == "__main__":
    main()
