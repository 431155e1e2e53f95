"""The pipeline as DVC sees it. Every use of DVC's internals by tools is here."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path, PurePath
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage.serialize import to_single_stage_lockfile

from stages.common import InputError
from tools.common.git import with_what_is_needed

STUDY, SEARCH = "dvc.yaml", "search/dvc.yaml"  # the pipeline files
Lock = dict[str, dict[str, Any]]  # the entries of a dvc.lock by the stages' names


@contextmanager
def opened(root: str | None = None) -> Iterator[Repo]:
    """Open the project, or the one at `root`. If DVC fails in the block, raise InputError with DVC's words."""
    try:
        with Repo(root) as repo:
            yield repo
    except DvcException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""  # where in the file
        raise InputError(with_what_is_needed(" ".join(f"{error}{cause}".split()))) from error


def of_the_study(repo: Repo) -> Any:
    """Return the graph of the study's stages; DVC's own has the search as well."""
    graph = repo.index.graph
    return graph.subgraph(stage for stage in graph if stage.path_in_repo == STUDY)


def stale_stages() -> dict[str, set[str]]:
    """Return the stages that may have to run: those that DVC calls changed, and all that follow them, in order.

    Each comes with the stages among them that must end before it begins. Raise InputError.
    """
    with opened() as repo:
        graph = of_the_study(repo)
        needs = {stage.addressing: {need.addressing for need in graph.successors(stage)} for stage in graph}
        changed = set(repo.status(STUDY))
    stale: dict[str, set[str]] = {}
    for stage in TopologicalSorter(needs).static_order():
        if stage in changed or needs[stage] & stale.keys():
            stale[stage] = needs[stage] & stale.keys()
    return stale


def stages_to_run() -> set[str]:
    """Return the stale stages whose outputs neither DVC's cache nor its run-cache has. Raise InputError."""
    from dvc.stage.cache import RunCacheNotFoundError

    stale = stale_stages()
    needed = set()
    with opened() as repo:
        for stage in of_the_study(repo):
            if stage.addressing in stale:
                try:
                    stage.save_deps(allow_missing=True)  # of this object alone: what the files are now
                    repo.stage_cache.restore(stage, dry=True)
                except (RunCacheNotFoundError, OSError):  # OSError: a dependency is missing as well
                    needed.add(stage.addressing)
    return needed


def stages_behind() -> list[str]:
    """Return the stages whose command, parameters or files are not those of dvc.lock, in alphabetical order.

    A file that Git ignores may be missing, since only DVC has it, and so may some of the folders in one, but no part of
    what a stage writes. A file that Git tracks may not, which `dvc repro --dry --allow-missing` would let pass. Raise
    InputError.
    """
    behind = []
    with opened() as repo, repo.lock:
        graph = of_the_study(repo)
        for stage in graph:
            needed = list(graph.successors(stage))
            lost = [one for one in (*stage.deps, *stage.outs) if one.status() and not repo.scm.is_ignored(one.fs_path)]
            changed = [out for out in stage.outs if out.exists and out.workspace_status()]  # also if no cache has it
            stage.deps = [dep for dep in stage.deps if not _lacks_a_part(dep, needed)]
            if lost or changed or stage.changed(allow_missing=True, upstream=needed):
                behind.append(stage.addressing)
    return sorted(behind)


def changed_data() -> list[str]:
    """Return the outputs that only DVC has and that differ from dvc.lock, as after `git checkout` alone."""
    with opened() as repo, repo.lock:
        outs = [out for stage in of_the_study(repo) for out in stage.outs if repo.scm.is_ignored(out.fs_path)]
        return sorted(str(out) for out in outs if out.exists and out.workspace_status())


def _lacks_a_part(dep: Any, needed: list[Any]) -> bool:
    """Return whether a folder lacks the output of another stage; the outputs there are compared as those stages'."""
    return any(
        out.fs_path.startswith(f"{dep.fs_path}{os.sep}") and not out.exists for stage in needed for out in stage.outs
    )


def is_code(path: str) -> bool:
    """Return whether a dependency is code: not data, and not a list of libraries."""
    return path.startswith("stages/") and PurePath(path).suffix in ("", ".py", ".jinja")


def entries_of(project: Path, write: Sequence[str] = ()) -> Lock:
    """Return the entries of dvc.lock with the code and the parameters that are in a project; `write` some of them.

    Data and outputs may be missing, unlike for `dvc commit`; their checksums stay.
    """
    with opened(str(project)) as repo, repo.lock:
        stages = {stage.name: stage for stage in of_the_study(repo) if all(out.hash_info for out in stage.outs)}
        for dep in (dep for stage in stages.values() for dep in stage.deps):
            if is_code(dep.def_path) or isinstance(dep, ParamsDependency):
                dep.save()
        if write:
            stages[write[0]].dvcfile.dump_stages([stages[name] for name in write], update_pipeline=False)
        return {name: to_single_stage_lockfile(stage) for name, stage in stages.items()}
