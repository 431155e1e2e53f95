"""The pipeline as DVC sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.common import InputError
from tools.common.git import with_what_is_needed


@contextmanager
def opened(root: str | None = None) -> Iterator[Repo]:
    """DVC's own view of the project, or of the one at `root`. What DVC cannot read or do in the block raises InputError, with DVC's words."""
    try:
        with Repo(root) as repo:
            yield repo
    except DvcException as error:
        cause = f": {error.__cause__}" if error.__cause__ else ""  # where in the file
        raise InputError(with_what_is_needed(" ".join(f"{error}{cause}".split()))) from error


STUDY, SEARCH = "dvc.yaml", "search/dvc.yaml"  # the pipeline files


def of_the_study(repo: Repo) -> Any:
    """The graph of the study's stages. DVC's own has those of every pipeline file; the search is run when asked for."""
    graph = repo.index.graph
    return graph.subgraph(stage for stage in graph if stage.path_in_repo == STUDY)


def stale_stages() -> dict[str, set[str]]:
    """The stages that may have to run, in one order of many: those that DVC calls changed, and all that follow them.

    Each with the stages among them that have to end before it begins. Raises InputError where DVC cannot read the
    pipeline.
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
    """Return the stale stages whose outputs neither DVC's cache nor its run-cache has. Raises InputError."""
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
