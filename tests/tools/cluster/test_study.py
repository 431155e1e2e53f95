"""The study on a Dask cluster of real processes: a serial run's bytes, whatever is taken away meanwhile."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import contents, ran_stages, run
from tests.tools.cluster.clusters import Cluster, until
from tests.tools.cluster.conftest import bucket, finish, start
from tests.tools.test_repro import processes_below

NAMES = ["depth", "depth-1", "w2-4", "width"]
AWAY = 20  # seconds


@pytest.fixture
def untrained(cluster: Cluster, small: Path, request: pytest.FixtureRequest) -> Path:
    """The small study with its data set, its four trainings to be done, and a remote of its own.

    The workers' own caches, which may hold the trainings of an earlier test, are emptied.
    """
    for name in cluster.workers:
        for place in [*(cluster.folder / name).rglob("cache"), *(cluster.folder / name).rglob("clone-*")]:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    lock = read_yaml((small / "dvc.lock").read_text(), "dvc.lock")
    lock["stages"] = {stage: lock["stages"][stage] for stage in ("fetch", "prepare")}
    (small / "dvc.lock").write_text(yaml_text(lock))
    for folder in ("data/models", ".dvc/cache"):
        shutil.rmtree(small / folder)
    run("dvc", "commit", "--force", "fetch", "prepare", cwd=small)
    cluster.give_remote(small, bucket(request))
    return small


def assert_same(project: Path, serial: Path, output: str) -> None:
    """The outputs are a serial run's, and were taken from the remote."""
    for name in NAMES:
        assert contents(project / "data/models" / name) == contents(serial / "data/models" / name)
    for name in ("metrics", "plots"):
        assert contents(project / name) == contents(serial / name)
    assert output.count("is cached - skipping run") == len(NAMES), output
    assert ran_stages(output) == ["aggregate"]


@pytest.mark.slow
def test_killed_worker_loses_nothing(untrained: Path, reduced: Path, cluster: Cluster) -> None:
    """A whole study, as a killed worker has to be in a training, and the others' results are to stay."""
    driver = start(untrained, cluster)
    until(cluster.begun, "a training's begin")
    killed = cluster.worker_of(cluster.begun()[0])
    assert not cluster.ended()
    cluster.kill_worker(killed)
    until(lambda: processes_below(cluster.folder / killed) == [], "the end of what the worker ran", 5)
    output = finish(driver)
    assert_same(untrained, reduced, output)
    assert sorted(cluster.ended()) == NAMES
    assert len(cluster.begun()) == len(NAMES) + 1


@pytest.mark.slow
def test_remote_that_is_away_for_a_while_costs_no_training(untrained: Path, reduced: Path, cluster: Cluster) -> None:
    """A whole study beside a server that is away for longer than DVC itself tries."""
    driver = start(untrained, cluster)
    until(cluster.begun, "a training's begin")
    cluster.tell_s3("stop")
    began = time.monotonic()
    assert driver.stdout
    assert any("waiting: " in line for line in driver.stdout), "somebody has met it"
    time.sleep(max(0, began + AWAY - time.monotonic()))
    cluster.tell_s3("start")
    output = finish(driver)
    assert_same(untrained, reduced, output)
    assert sorted(cluster.ended()) == NAMES
    assert len(cluster.begun()) == len(NAMES)


@pytest.mark.slow
def test_killed_driver_is_started_again_and_joins_in(untrained: Path, reduced: Path, cluster: Cluster) -> None:
    """A whole study, by two drivers: only what the first has had trained shows that the second joins in."""
    driver = start(untrained, cluster)
    until(cluster.ended, "a training's end")
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()
    output = finish(start(untrained, cluster))
    assert_same(untrained, reduced, output)
    assert sorted(cluster.ended()) == NAMES
    assert len(cluster.begun()) == len(NAMES)
