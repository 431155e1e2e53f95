"""Stages on a Dask cluster: on this machine alone, with workers that come late, and whatever is refused."""

import re
import sys
from pathlib import Path

import distributed
import pytest

from stages.training.files import sha256
from tests.conftest import commit, documented, edit_params, ran_stages, run
from tests.tools.cluster.clusters import Cluster, until
from tests.tools.cluster.conftest import bucket, finish, give_stages, start


@pytest.mark.slow
def test_failed_stage_ends_with_its_own_error_and_the_others_are_kept(
    short: Path, cluster: Cluster, request: pytest.FixtureRequest
) -> None:
    """Real workers and a real remote, twice: what a failed run has kept shows in the next."""
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


@pytest.mark.slow
def test_cluster_of_this_machine_needs_neither_scheduler_nor_remote(short: Path) -> None:
    """A cluster of real processes, twice: that the second has nothing to do only the second shows."""
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
    """Without a worker at first, as long as real processes take: nothing shorter shows that the driver waits."""
    cluster.give_remote(short, bucket(request))
    for name in list(cluster.workers):
        cluster.kill_worker(name)
    driver = start(short, cluster)
    assert driver.stdout
    for line in driver.stdout:
        if "; 0 workers; " in line:
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
    """The time that Dask gives a scheduler to answer, once."""
    cluster.give_remote(short, bucket(request))
    assert "SCHEDULER holds 'tcp://127.0.0.1:1'" in refused(short, cluster, "tcp://127.0.0.1:1")
    assert "SCHEDULER holds 'cheese://'" in refused(short, cluster, "cheese://")


def test_without_its_packages_the_message_names_their_group(fresh: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in Path(distributed.__file__).parents[1].iterdir():
        if path.name != "distributed":
            (packages / path.name).symlink_to(path)
    output = run("env", f"PYTHONPATH={packages}", sys.executable, "-S", "-m", "tools.cluster.run", cwd=fresh, status=1)
    assert output.startswith(
        "cluster: distributed and dvc-s3 are needed, the optional group `cluster` of pyproject.toml"
    )
    assert len(output.splitlines()) == 1
