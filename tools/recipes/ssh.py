"""A Dask cluster on machines that SSH reaches, until Ctrl-C.

    python tools/cluster/recipes/ssh.py HOST HOST ...

The scheduler runs on the first, a worker on every other one (or on the first, where it is the only one). Ports, users
and keys are those of `~/.ssh/config`. Every machine has this project in the same place, with its environment
(`make setup`), and in SSH's environment what the DVC remote asks for (`~/.ssh/environment`, or an AWS profile's files).
"""

import shlex
import sys
from contextlib import suppress
from signal import SIGTERM, pause, signal

from distributed import SSHCluster


def main() -> None:
    hosts = sys.argv[1:]
    if not hosts:
        sys.exit("ssh: HOST is missing: python tools/cluster/recipes/ssh.py HOST HOST ...")
    with SSHCluster(hosts if len(hosts) > 1 else hosts * 2, remote_python=shlex.quote(sys.executable)) as cluster:
        print(f"make cluster SCHEDULER={cluster.scheduler_address}", flush=True)
        signal(SIGTERM, lambda *_: sys.exit())
        with suppress(KeyboardInterrupt):
            pause()


if __name__ == "__main__":
    main()
