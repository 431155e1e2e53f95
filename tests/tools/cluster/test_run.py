"""The study on a Dask cluster of real processes: a serial run's bytes, whatever is taken away meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stages.common.files import sha256
from tests.conftest import commit, contents, documented, edit_params, ran_stages, run
from tests.tools.cluster.clusters import Cluster, cluster_in, until
from tests.tools.test_repro import processes_below

NAMES = ["depth", "depth-1", "w2-4", "width"]
AWAY = 20  # seconds


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _three_workers(cluster: Cluster) -> None:
    cluster.log.write_text("")
    for name in {"one", "two", "three"} - cluster.workers.keys():
        cluster.start_worker(name)


@pytest.fixture
def untrained(cluster: Cluster, small: Path, request: pytest.FixtureRequest) -> Path:
    """The small study with its data set, its four trainings to be done, and a remote of its own.

    The workers' own caches, which may hold the trainings of an earlier test, are emptied.
    """
    for name in cluster.workers:
        for place in [*(cluster.folder / name).rglob("cache"), *(cluster.folder / name).rglob("clone-*")]:
            shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
    lock = yaml.safe_load((small / "dvc.lock").read_text())
    lock["stages"] = {stage: lock["stages"][stage] for stage in ("fetch", "prepare")}
    (small / "dvc.lock").write_text(yaml.safe_dump(lock))
    for folder in ("data/models", ".dvc/cache"):
        shutil.rmtree(small / folder)
    run("dvc", "commit", "--force", "fetch", "prepare", cwd=small)
    cluster.give_remote(small, bucket(request))
    return small


SHORT = """
stages:
  first:
    cmd: mkdir -p data && echo first > data/first.txt
    deps: [stages/params.py]
    outs: [data/first.txt]
  part:
    foreach: [a, b, c]
    do:
      cmd: "{part}"
      deps: [data/first.txt]
      params: [train]
      outs: ["data/${{item}}.txt"]
  whole:
    cmd: cat data/?.txt > metrics/whole.txt
    deps: [data/a.txt, data/b.txt, data/c.txt]
    outs:
    - metrics/whole.txt:
        cache: false
"""


@pytest.fixture
def short(fresh: Path, tmp_path: Path) -> Path:
    """Short stages in place of the project's, the last of which cannot run elsewhere."""
    project = Path(shutil.copytree(fresh, tmp_path / "short", symlinks=True))
    (project / "dvc.lock").unlink()
    give_stages(project, "echo ${item} > data/${item}.txt")
    return project


def give_stages(project: Path, part: str) -> None:
    (project / "dvc.yaml").write_text(SHORT.format(part=part))
    commit(project, "Short stages")


def bucket(request: pytest.FixtureRequest) -> str:
    return "".join(letter for letter in request.node.name if letter.isalnum())[:50]


def start(project: Path, cluster: Cluster) -> subprocess.Popen[str]:
    *command, scheduler = documented("make cluster SCHEDULER=tcp://127.0.0.1:8786")
    return subprocess.Popen(
        [*command, scheduler.replace("tcp://127.0.0.1:8786", cluster.address)],
        cwd=project, env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def finish(driver: subprocess.Popen[str], status: int = 0) -> str:
    output, _ = driver.communicate(timeout=240)
    assert driver.returncode == status, output
    return output


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
    driver = start(untrained, cluster)
    until(cluster.ended, "a training's end")
    os.killpg(driver.pid, signal.SIGKILL)
    driver.communicate()
    output = finish(start(untrained, cluster))
    assert_same(untrained, reduced, output)
    assert sorted(cluster.ended()) == NAMES
    assert len(cluster.begun()) == len(NAMES)


@pytest.mark.slow
def test_failed_stage_ends_with_its_own_error_and_the_others_are_kept(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    cluster.give_remote(short, bucket(request))
    give_stages(short, "if [ ${item} = b ]; then echo out of cheese >&2; exit 3; fi; echo ${item} > data/${item}.txt")
    output = finish(start(short, cluster), status=2)  # make's own, for its command's 1
    assert "cluster: part@b failed; the end of its log:\n" in output
    assert "out of cheese" in output, output
    assert "Traceback" not in output
    assert len(cluster.begun("= b ]")) == 3
    give_stages(short, "echo ${item} > data/${item}.txt")
    finish(start(short, cluster))
    assert (short / "metrics/whole.txt").read_text().split() == ["a", "b", "c"]


def test_cluster_of_this_machine_needs_neither_scheduler_nor_remote(short: Path) -> None:
    output = run(*documented("make cluster"), cwd=short)
    assert (short / "metrics/whole.txt").read_text().split() == ["a", "b", "c"]
    assert "; dashboard: http://" in output
    assert len(re.findall(r"^part@[abc]  running  0$", output, flags=re.MULTILINE)) == 3
    assert len(re.findall(r"^part@[abc]  done  0  \d+ s$", output, flags=re.MULTILINE)) == 3
    assert output.count("is cached - skipping run") == 4
    assert ran_stages(output) == ["whole"]
    assert "Data and pipelines are up to date." in run(*documented("make cluster"), cwd=short)


@pytest.mark.slow
def test_worker_that_comes_later_is_given_what_waits(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    cluster.give_remote(short, bucket(request))
    for name in list(cluster.workers):
        cluster.kill_worker(name)
    driver = start(short, cluster)
    assert driver.stdout
    for line in driver.stdout:
        if "workers: 0" in line:
            break
    cluster.start_worker("one")
    finish(driver)
    assert (short / "metrics/whole.txt").read_text().split() == ["a", "b", "c"]


def refused(project: Path, cluster: Cluster, scheduler: str = "", git: str = "") -> str:
    """The one line."""
    output = run(sys.executable, "-m", "tools.cluster.run", scheduler or cluster.address, git, cwd=project, status=1)
    assert len(output.splitlines()) == 1, output
    return output


def test_worker_that_holds_too_little_is_told_and_gets_nothing(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    cluster.give_remote(short, bucket(request))
    for name in list(cluster.workers):
        cluster.kill_worker(name)
    cluster.start_worker("small", "--resources", "threads=1 memory=1e9")
    until(lambda: "Registered to" in (cluster.folder / "small/output").read_text(), "the worker's start")
    assert "holds 1 threads and 1.0 GB, a stage needs 2 threads and 2.0 GB" in refused(short, cluster)
    cluster.kill_worker("small")


def test_other_environment_is_refused_with_both_hashes(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    cluster.give_remote(short, bucket(request))
    before = sha256(short / "requirements.lock")
    with (short / "requirements.lock").open("a") as lock:
        lock.write("# one more line\n")
    commit(short, "Another environment")
    line = refused(short, cluster)
    assert before in line
    assert sha256(short / "requirements.lock") in line


def test_uncommitted_change_is_refused(short: Path, cluster: Cluster) -> None:
    edit_params(short, "epochs: 20", "epochs: 2")
    assert "params.yaml: not committed" in refused(short, cluster)


def test_missing_remote_is_refused(short: Path, cluster: Cluster) -> None:
    assert ".dvc/config: core.remote is missing" in refused(short, cluster)


def test_scheduler_that_does_not_answer_is_refused(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    cluster.give_remote(short, bucket(request))
    assert "SCHEDULER holds 'tcp://127.0.0.1:1'" in refused(short, cluster, "tcp://127.0.0.1:1")
    assert "SCHEDULER holds 'cheese://'" in refused(short, cluster, "cheese://")


def test_without_its_packages_the_message_names_their_group(fresh: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(next(iter(yaml.__path__))).parent.iterdir():
        if path.name != "distributed":
            (packages / path.name).symlink_to(path)
    output = run("env", f"PYTHONPATH={packages}", sys.executable, "-S", "-m", "tools.cluster.run", cwd=fresh, status=1)
    assert output.startswith(
        "cluster: distributed and dvc-s3 are needed, the optional group `cluster` of pyproject.toml"
    )
    assert len(output.splitlines()) == 1
