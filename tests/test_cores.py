"""How many cores this process may use: of a large machine, what is allotted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.cores import allotted, least, quota
from tests.conftest import ENVIRONMENT, ROOT

COUNT = "from stages.cores import usable_cores; print(usable_cores())"
V2 = "0::/jobs/one\n"
V1 = "4:memory:/jobs\n3:cpu,cpuacct:/jobs/one\n1:name=systemd:/\n0::/\n"


def with_groups(root: Path, groups: str, files: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, content in files.items():
        (root / "sys/fs/cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "sys/fs/cgroup" / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("limits", "expected"),
    [((64, 64, None, None), 64), ((64, 2, None, None), 2), ((64, 64, 2.0, None), 2), ((64, 64, 3.5, 4), 3),
     ((64, 64, 0.5, None), 1), ((64, 8, 4.0, 2), 2)],
)  # fmt: skip
def test_lowest_limit_counts_in_whole_cores(limits: tuple[float | None, ...], expected: int) -> None:
    assert least(*limits) == expected


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (V2, {"jobs/one/cpu.max": "200000 100000\n"}, 2),
        (V2, {"jobs/one/cpu.max": "max 100000\n"}, None),
        (V2, {"jobs/one/cpu.max": "max 100000\n", "jobs/cpu.max": "300000 100000\n"}, 3),
        (V2, {"jobs/one/cpu.max": "150000 100000\n", "jobs/cpu.max": "300000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/../../elsewhere\n", {"cpu.max": "200000 100000\n"}, 2),
        (V2, {}, None),
        (V1, {"cpu,cpuacct/jobs/one/cpu.cfs_quota_us": "50000\n",
              "cpu,cpuacct/jobs/one/cpu.cfs_period_us": "25000\n"}, 2),
        (V1, {"cpu/jobs/one/cpu.cfs_quota_us": "400000\n", "cpu/jobs/one/cpu.cfs_period_us": "100000\n"}, 4),
        (V1, {"cpu,cpuacct/cpu.cfs_quota_us": "200000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}, 2),
        (V1, {"cpu/jobs/one/cpu.cfs_quota_us": "-1\n", "cpu/jobs/one/cpu.cfs_period_us": "100000\n"}, None),
        (V1, {"memory/jobs/cpu.max": "100000 100000\n"}, None),
    ],
)  # fmt: skip
def test_quota_of_control_groups_is_the_least_from_the_process_to_the_top(
    tmp_path: Path, groups: str, files: dict[str, str], expected: float | None
) -> None:
    assert quota(with_groups(tmp_path, groups, files)) == expected


def test_system_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert quota(tmp_path) is None


def test_slurm_job_counts_what_it_was_given() -> None:
    assert allotted({}) is None
    assert allotted({"SLURM_CPUS_ON_NODE": "8"}) == 8
    assert allotted({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"}) == 2
    assert allotted({"SLURM_CPUS_ON_NODE": "", "SLURM_CPUS_PER_TASK": "x"}) is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity on this system")
@pytest.mark.parametrize("way", ["affinity", "slurm"])
def test_process_that_may_use_one_core_counts_one(way: str) -> None:
    core = min(os.sched_getaffinity(0))
    pinned = f"import os; os.sched_setaffinity(0, {{{core}}}); {COUNT}" if way == "affinity" else COUNT
    variables = {"SLURM_CPUS_PER_TASK": "1"} if way == "slurm" else {}
    done = subprocess.run(
        [sys.executable, "-c", pinned],
        cwd=ROOT,
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
