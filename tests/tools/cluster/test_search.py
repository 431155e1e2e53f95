"""A search whose trainings run on a Dask cluster: the bytes of one that runs here, also where a worker is lost."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import STORE, commit, documented, run
from tests.tools.cluster.clusters import Cluster, until
from tests.tools.cluster.conftest import bucket, finish
from tests.tools.test_repro import processes_below
from tests.trials.conftest import OUTPUTS, search, write_params, written


@pytest.fixture
def unsearched(fresh: Path, tmp_path: Path, cluster: Cluster, request: pytest.FixtureRequest) -> Path:
    """The project with the small search on the sample, committed, nothing trained, and a remote of its own."""
    project = Path(shutil.copytree(fresh, tmp_path / "erster Versuch ü", symlinks=True))
    write_params(project, trials=2, epochs=[1, 2])
    for name in ("search/dvc.lock", *OUTPUTS):
        (project / name).unlink(missing_ok=True)
    commit(project, "A small search")
    cluster.give_remote(project, bucket(request))
    return project


def begin(project: Path, cluster: Cluster) -> "subprocess.Popen[str]":
    command = documented("make search SCHEDULER=tcp://127.0.0.1:8786")
    return subprocess.Popen(
        [word.replace("tcp://127.0.0.1:8786", cluster.address) for word in command],
        cwd=project, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def busy(cluster: Cluster) -> list[str]:
    """The workers that train."""
    return [
        name
        for name in cluster.workers
        if any("stages.trials.rung" in command for command in processes_below(cluster.folder / name))
    ]


@pytest.mark.slow
def test_states_travel_with_the_rungs_and_a_lost_worker_costs_one_of_them(unsearched: Path, cluster: Cluster) -> None:
    """A long test, since it needs workers with clones of their own, and a second search to compare with."""
    driver = begin(unsearched, cluster)
    until(lambda: busy(cluster), "a training's begin", 200)
    cluster.kill_worker(busy(cluster)[0])
    assert "trials 2/2, epochs " in finish(driver)
    there = written(unsearched)
    places = sorted(path.name for path in (unsearched / STORE).glob("*/epoch-*.npz"))
    for path in (unsearched / STORE).glob("*/epoch-*.npz"):
        path.unlink()
    for name in OUTPUTS:
        (unsearched / name).unlink()
    search(unsearched, jobs=2)
    assert written(unsearched) == there
    assert sorted(path.name for path in (unsearched / STORE).glob("*/epoch-*.npz")) == places


def test_a_search_that_is_not_committed_is_refused(unsearched: Path, cluster: Cluster) -> None:
    write_params(unsearched, trials=4)
    assert "params.yaml: not committed" in finish(begin(unsearched, cluster), status=2)


def test_without_a_scheduler_it_says_how_it_is_used(fresh: Path) -> None:
    said = run("python", "-m", "tools.cluster.search", cwd=fresh, status=1)
    assert said.startswith("search: usage: python -m tools.cluster.search SCHEDULER [GIT]")
