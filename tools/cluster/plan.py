"""What of the pipeline a cluster is to do, and what its workers are told: tasks, and the revision that they run."""

from pathlib import Path
from typing import Any, NamedTuple

from stages.common import InputError
from tools.cluster.clone import Study
from tools.common.git import git, git_or_none
from tools.common.pipeline import of_the_study, opened

MEMORY = {True: 2e9, False: 5e8}  # bytes, of a training and of another stage


class Task(NamedTuple):
    """A stage that a worker is to run."""

    needs: list[str]  # the stages whose outputs it reads
    resources: dict[str, float]  # that it takes: threads, and bytes of memory


def planned(stale: list[str], threads: int) -> tuple[dict[str, Task], list[str]]:
    """The stale stages that can run elsewhere, in order, and the others that they read.

    A stage can if all it writes is cached by DVC, so that its results travel, and all stale stages that it reads can.
    `stale` is in an order in which they could run; `threads` is what a training takes.
    """
    with opened() as repo:
        graph = of_the_study(repo)
        stages = {stage.addressing: stage for stage in graph}
        needs = {name: sorted(need.addressing for need in graph.successors(stage)) for name, stage in stages.items()}
        tasks: dict[str, Task] = {}
        for name in stale:
            if _travels(stages[name]) and not (set(needs[name]) & set(stale)) - tasks.keys():
                is_training = any("train" in getattr(dep, "params", ()) for dep in stages[name].deps)
                resources = {"threads": threads if is_training else 1, "memory": MEMORY[is_training]}
                tasks[name] = Task(needs[name], resources)
    return tasks, sorted({need for task in tasks.values() for need in task.needs} - tasks.keys())


def _travels(stage: Any) -> bool:
    """Whether DVC's run-cache takes the stage's results to another machine."""
    if stage.frozen or stage.always_changed or not (stage.cmd and stage.deps and stage.outs):
        return False
    return all(out.use_cache and not out.persist and out.is_in_repo for out in stage.outs)


def checked_study(address: str, embedded: bool) -> Study:
    """What the workers are told.

    `address` is where Git has the revision, empty for the usual places; `embedded` whether the workers are on this
    machine. Raises InputError for a revision that they could not have, or without a remote.
    """
    with opened() as repo:
        written = {out.fs_path for out in repo.index.outs} | {str(Path("dvc.lock").absolute())}
        cache = str(Path(repo.cache.local.path).parents[1])
    differing = git("diff", "--name-only", "--relative", "HEAD").splitlines()
    changed = [name for name in differing if str(Path(name).absolute()) not in written]
    if changed:
        raise InputError(
            f"{', '.join(changed)}: not committed; workers run a revision that others can have too: `git commit` first"
        )
    if not (has_remote() or embedded):
        raise InputError(
            ".dvc/config: core.remote is missing, through which results travel: `dvc remote add --default NAME URL`, "
            "then commit it"
        )
    origin = git_or_none("remote", "get-url", "origin") or ""
    places = ["" if embedded else origin.strip(), str(Path.cwd())]
    addresses = [address] if address else [place for place in places if place]
    return Study(git("rev-parse", "HEAD").strip(), addresses, has_remote(), cache if embedded else "")


def has_remote() -> bool:
    """Whether .dvc/config, which is committed, names a default remote."""
    with opened() as repo:
        return bool(repo.config.load_one("repo").get("core", {}).get("remote"))
