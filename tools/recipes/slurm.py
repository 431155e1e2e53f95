"""Start a Dask cluster of SLURM jobs, one worker per job, and end it on Ctrl-C.

    python tools/recipes/slurm.py JOBS [--script]

Runs on a login node, needs `dask-jobqueue`, and keeps JOBS jobs in the queue. Edit cores, memory and time below, and
add what your site requires (`queue`, `account`, `job_extra_directives`); --script prints the job's script and ends.
The nodes need this project's environment under the same path.
"""

import shlex
import sys
from contextlib import suppress
from signal import SIGTERM, signal
from time import sleep

from dask_jobqueue import SLURMCluster


def main() -> None:
    if not sys.argv[1:] or not sys.argv[1].lstrip("0").isdecimal():
        sys.exit("slurm: JOBS: expected a number from 1. Usage: python tools/recipes/slurm.py JOBS [--script]")
    with SLURMCluster(
        cores=8,  # a training takes train.threads of them
        memory="16GB",  # 2 GB each
        processes=1,
        walltime="04:00:00",  # interrupted trainings resume in another job
        job_name="width-and-depth",
        python=shlex.quote(sys.executable),  # quoted for the job's script
        local_directory='"$TMPDIR"',
        scheduler_options={"dashboard_address": ":0"},
    ) as cluster:
        if "--script" in sys.argv:
            print(cluster.job_script())
            return
        print(f"make cluster SCHEDULER={cluster.scheduler_address}", flush=True)
        signal(SIGTERM, lambda *_: sys.exit())
        with suppress(KeyboardInterrupt):
            while True:  # Dask itself does not replace a job that ended
                cluster.scale(jobs=int(sys.argv[1]))
                sleep(60)


if __name__ == "__main__":
    main()
