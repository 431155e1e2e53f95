"""The pipeline as DVC sees it. Other tools use DVC's repository only through this module."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.serialize import to_single_stage_lockfile
from dvc.utils.flatten import flatten

from stages.common import InputError
from stages.params import PARAMS_FILE
from tools.git import with_what_is_needed

STUDY, SEARCH, LOCK = "dvc.yaml", "search/dvc.yaml", "dvc.lock"
Lock = dict[str, dict[str, Any]]  # the entries of a dvc.lock by the stages' names


@contextmanager
def opened(pipeline: str = STUDY, root: str | None = None) -> Iterator[tuple[Repo, Any]]:
    """Open the project here or at `root`, with a pipeline's graph; each stage points to the stages it needs.

    Raises InputError with DVC's message if DVC fails in the block.
    """
    try:
        with Repo(root) as repo, lock_repo(repo):
            graph = repo.index.graph
            yield repo, graph.subgraph(stage for stage in graph if stage.path_in_repo == pipeline)
    except DvcException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""  # where in the file
        raise InputError(with_what_is_needed(" ".join(f"{error}{cause}".split()))) from error


def stages_to_run() -> set[str]:
    """Return the stages that DVC calls changed and whose outputs are in neither its cache nor its run-cache.

    It compares the present files. Raises InputError.
    """
    needed = set()
    with opened() as (repo, graph):
        changed = repo.status(STUDY)
        for stage in (stage for stage in graph if stage.addressing in changed):
            try:
                if any(dep.status() for dep in stage.deps):
                    stage.save_deps(allow_missing=True)  # in this object alone: the checksums of the present files
                    for out in stage.outs:
                        out.hash_info = type(out.hash_info)()  # dvc.lock has the outputs of other inputs
                repo.stage_cache.restore(stage, dry=True)
            except (RunCacheNotFoundError, OSError):  # OSError: a dependency is missing as well
                needed.add(stage.addressing)
    return needed


def stages_behind(pipeline: str = STUDY) -> list[str]:
    """Return the stages whose command, parameters or files differ from dvc.lock, in alphabetical order.

    Outputs that Git ignores may be missing, each as a whole, because only DVC stores them. A file that Git tracks may
    not be missing; `dvc repro --dry --allow-missing` would allow that. Raises InputError.
    """
    behind = []
    with opened(pipeline) as (repo, graph):
        for stage in graph:
            needed = list(graph.successors(stage))
            absent = [Path(out.fs_path) for one in needed for out in one.outs if not out.exists]
            lost = [one for one in (*stage.deps, *stage.outs) if one.status() and not repo.scm.is_ignored(one.fs_path)]
            changed = [out for out in stage.outs if out.exists and out.workspace_status()]  # even if it is in no cache
            # Skip a folder that lacks the output of another stage: that stage compares its outputs
            stage.deps = [dep for dep in stage.deps if not any(Path(dep.fs_path) in path.parents for path in absent)]
            if lost or changed or stage.changed(allow_missing=True, upstream=needed):
                behind.append(stage.addressing)
    return sorted(behind)


def is_code(path: str) -> bool:
    """Return whether a dependency is code: not data, and not a list of libraries."""
    return path.startswith("stages/") and PurePath(path).suffix in ("", ".py", ".jinja")


def code_of(entry: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """Return a stage's command, and the MD5 of every file and folder of its code, from its entry in dvc.lock."""
    return entry["cmd"], {dep["path"]: dep["md5"] for dep in entry.get("deps", []) if is_code(dep["path"])}


def params_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's parameters by dotted key, from its entry in dvc.lock."""
    return dict(flatten(entry.get("params", {}).get(str(PARAMS_FILE), {})))


def entries_of(project: Path, write: Sequence[str] = ()) -> Lock:
    """Return the entries of dvc.lock with a project's present code and parameters; write those named by `write`.

    Data and outputs may be missing, unlike in `dvc commit`; their checksums stay.
    """
    with opened(root=str(project)) as (_, graph):
        stages = {stage.name: stage for stage in graph if all(out.hash_info for out in stage.outs)}
        for dep in (dep for stage in stages.values() for dep in stage.deps):
            if is_code(dep.def_path) or isinstance(dep, ParamsDependency):
                dep.save()
        if write:
            stages[write[0]].dvcfile.dump_stages([stages[name] for name in write], update_pipeline=False)
        return {name: to_single_stage_lockfile(stage) for name, stage in stages.items()}
