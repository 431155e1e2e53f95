"""A Dask cluster of SLURM jobs, until Ctrl-C: one worker a job.

    python tools/cluster/recipes/slurm.py JOBS [--script]

Runs on a login node and needs `dask-jobqueue`. Keeps JOBS jobs in the queue. Cores, memory, time, and what else your
site asks for (`queue`, `account`, `job_extra_directives`) stand below; --script prints the job's script and ends. Nodes
see this project's environment where it is, and what the DVC remote asks for is passed on by SLURM.
"""

import shlex
import sys
from contextlib import suppress
from signal import SIGTERM, pause, signal

from dask_jobqueue import SLURMCluster


def main() -> None:
    if not sys.argv[1:] or not sys.argv[1].isdecimal():
        sys.exit("slurm: JOBS is missing, a number from 1: python tools/cluster/recipes/slurm.py JOBS [--script]")
    with SLURMCluster(
        cores=8,  # a training takes train.threads of them
        memory="16GB",  # and 2 GB
        processes=1,
        walltime="04:00:00",  # a stage that it ends is begun again in another job
        job_name="width-and-depth",
        python=shlex.quote(sys.executable),  # both become words of a script
        local_directory='"$TMPDIR"',
        scheduler_options={"dashboard_address": ":0"},
    ) as cluster:
        if "--script" in sys.argv:
            print(cluster.job_script())
            return
        cluster.scale(jobs=int(sys.argv[1]))
        print(f"make cluster SCHEDULER={cluster.scheduler_address}", flush=True)
        signal(SIGTERM, lambda *_: sys.exit())
        with suppress(KeyboardInterrupt):
            pause()


if __name__ == "__main__":
    main()
