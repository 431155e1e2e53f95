"""The cluster on which tests run the study, and projects to run on it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import commit, documented
from tests.tools.cluster.clusters import Cluster, cluster_in

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


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster_in(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(processes: Cluster) -> Cluster:
    """Three workers, whatever an earlier test has taken away, and an empty log."""
    processes.log.write_text("")
    for name in {"one", "two", "three"} - processes.workers.keys():
        processes.start_worker(name)
    return processes


@pytest.fixture
def short(fresh: Path, tmp_path: Path) -> Path:
    """Short stages in place of the project's, the last of which cannot run elsewhere, in a folder of unusual name."""
    project = Path(shutil.copytree(fresh, tmp_path / "erster Versuch ü", symlinks=True))
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
