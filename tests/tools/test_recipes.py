"""The recipes for clusters: SSH, SLURM and Kubernetes, each as far as it goes on one machine."""

import os
import pwd
import re
import shlex
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client

from tests.conftest import ENVIRONMENT, ROOT, run
from tests.tools.ssh import needs_sshd, ssh_server

RECIPES = ROOT / "tools/recipes"
# In place of SLURM's own: the job runs at once, here
SBATCH = """#!/bin/sh
cp "$1" {folder}/job
mkdir "{folder}/a scratch"
TMPDIR="{folder}/a scratch" bash {folder}/job >{folder}/job.log 2>&1 &
echo $! >{folder}/job.pid
echo Submitted batch job 1
"""
SCANCEL = "#!/bin/sh\nkill $(cat {folder}/job.pid)\n"


@contextmanager
def recipe(*arguments: str, cwd: Path, **variables: str) -> Iterator[str]:
    """Yield the address of the scheduler that the recipe starts from a project, and end it."""
    python = str(cwd / ".venv/bin/python")
    with subprocess.Popen(
        [python, *arguments], cwd=cwd, env=ENVIRONMENT | variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                if found := re.fullmatch(r"make cluster SCHEDULER=(tcp://\S+)\n", line):
                    yield found[1]
                    break
            else:
                raise AssertionError("no scheduler")
        finally:
            process.terminate()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder whose name has a space and a letter outside ASCII, with an environment in it."""
    folder = tmp_path / "erster Versuch ü"
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    (packages,) = (folder / ".venv").glob("lib/python*/site-packages")
    (packages / "those.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder


def threads_of_a_worker(scheduler: str) -> int:
    with Client(scheduler) as client:
        client.wait_for_workers(1, timeout=120)
        (worker,) = client.scheduler_info()["workers"].values()
        return int(worker["nthreads"])


def test_slurm_recipe_submits_a_job_whose_script_starts_a_worker(elsewhere: Path, tmp_path: Path) -> None:
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / name).write_text(script.format(folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{ENVIRONMENT['PATH']}"
    with recipe(str(RECIPES / "slurm.py"), "1", cwd=elsewhere, PATH=path) as scheduler:
        assert threads_of_a_worker(scheduler) == 8
        lines = (tmp_path / "job").read_text().splitlines()
        assert ' --local-directory "$TMPDIR"' in lines[-1]
        worker = shlex.split(lines[-1])
        python = str(elsewhere / ".venv/bin/python")
        assert worker[:4] == [python, "-m", "distributed.cli.dask_worker", scheduler]
        assert worker[worker.index("--nthreads") + 1] == "8"


def test_slurm_recipe_prints_its_script_and_refuses_a_missing_number(tmp_path: Path) -> None:
    assert "#SBATCH --cpus-per-task=8" in run(sys.executable, str(RECIPES / "slurm.py"), "1", "--script", cwd=tmp_path)
    output = run(sys.executable, str(RECIPES / "slurm.py"), cwd=tmp_path, status=1)
    assert output.startswith("slurm: JOBS: expected a number from 1")


@needs_sshd
def test_ssh_recipe_starts_a_worker_through_ssh(elsewhere: Path, tmp_path: Path) -> None:
    with ssh_server(tmp_path / "server") as port:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh/config").write_text(
            f"Host machine\n  HostName 127.0.0.1\n  Port {port}\n"
            f"  User {pwd.getpwuid(os.geteuid()).pw_name}\n  IdentityFile {tmp_path}/server/right\n"
            "  UserKnownHostsFile none\n  StrictHostKeyChecking no\n"
        )
        with recipe(str(RECIPES / "ssh.py"), "machine", cwd=elsewhere, HOME=str(tmp_path)) as scheduler:
            assert threads_of_a_worker(scheduler) >= 1


def test_kubernetes_recipe_is_valid_for_the_operator(tmp_path: Path) -> None:
    check = ["check-jsonschema", "--schemafile", str(ROOT / "tests/tools/daskcluster-schema.yaml")]
    text = (RECIPES / "kubernetes.yaml").read_text()
    assert "kind: DaskCluster" in text
    run(*check, str(RECIPES / "kubernetes.yaml"), cwd=tmp_path)
    (tmp_path / "wrong.yaml").write_text(text.replace("replicas: 3", "replicas: three"))
    assert "'three' is not of type 'integer'" in run(*check, "wrong.yaml", cwd=tmp_path, status=1)
