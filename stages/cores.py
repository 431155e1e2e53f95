"""How many processor cores this process may use, which is not how many the machine has."""

import os
from collections.abc import Mapping
from pathlib import Path

SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")  # what a job asked for, and what it was given of this machine


def usable_cores() -> int:
    """The least of the machine's cores, this process's affinity, the quota of its control groups, and a SLURM job's."""
    machine = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    return least(machine, affinity, quota(Path("/")), allotted(os.environ))


def least(*limits: float | None) -> int:
    """The lowest limit that there is, in whole cores, at least one."""
    return max(int(min(limit for limit in limits if limit is not None)), 1)


def allotted(environment: Mapping[str, str]) -> int | None:
    """What SLURM gave; None outside its jobs."""
    numbers = [int(environment[name]) for name in SLURM if environment.get(name, "").isdecimal()]
    return min(numbers, default=None)


def quota(root: Path) -> float | None:
    """The cores' worth of time that control groups of either version allow; None where they set no limit.

    The file of a group is where its name says, and at the top of what a container sees of the tree. A group's limit
    holds for all those in it. (Linux, Documentation/admin-guide/cgroup-v2.rst, "cpu.max";
    Documentation/scheduler/sched-bwc.rst.)
    """
    groups = root / "proc/self/cgroup"
    quotas = []
    for line in groups.read_text(encoding="utf-8").splitlines() if groups.exists() else []:
        _, controllers, group = line.split(":", 2)
        names = controllers.split(",")
        if controllers and "cpu" not in names:
            continue
        top = next((top for name in (controllers, "cpu", "") if (top := root / "sys/fs/cgroup" / name).is_dir()), root)
        folder = top / group.lstrip("/")
        places = [place for place in (folder, *folder.parents) if place.is_relative_to(top)]
        quotas += [_quota_v1(place) if controllers else _quota_v2(place) for place in places]
    return min((quota for quota in quotas if quota), default=None)


def _quota_v2(folder: Path) -> float | None:
    file = folder / "cpu.max"
    if not file.is_file():
        return None
    quota, period = file.read_text(encoding="utf-8").split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: Path) -> float | None:
    files = folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us"
    if not all(file.is_file() for file in files):
        return None
    quota, period = (int(file.read_text(encoding="utf-8")) for file in files)
    return None if quota < 0 else quota / period
