"""Start a Dask cluster on machines that SSH reaches, and end it on Ctrl-C.

    python tools/recipes/ssh.py HOST HOST ...

The scheduler runs on the first host, and a worker on every other host (on the first if it is alone). Ports, users and
keys come from `~/.ssh/config`. Every machine needs this project's environment (`make setup`) under the same path.
"""

import shlex
import sys
from contextlib import suppress
from signal import SIGTERM, pause, signal

from distributed import SSHCluster


def main() -> None:
    hosts = sys.argv[1:]
    if not hosts:
        sys.exit("ssh: HOST: missing. Usage: python tools/recipes/ssh.py HOST HOST ...")
    with SSHCluster(hosts if len(hosts) > 1 else hosts * 2, remote_python=shlex.quote(sys.executable)) as cluster:
        print(f"make cluster SCHEDULER={cluster.scheduler_address}", flush=True)
        signal(SIGTERM, lambda *_: sys.exit())
        with suppress(KeyboardInterrupt):
            pause()


if __name__ == "__main__":
    main()
