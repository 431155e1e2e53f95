"""A copy of the project as it lies here, made ready for a short run: its folder is the one line on stdout.

    python -m tools.quick OPTION ...

The options are those of `dvc exp run`, such as `-S train.epochs=2`; the Makefile names them. The copy holds what Git
tracks and what it does not ignore, with uncommitted changes, in .dvc/tmp/quick and a repository of its own. Its data
are fetched already; `python -m tools.repro` there does the rest.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from stages.common import reported_in_one_line
from stages.jobs import LOGS
from tools.common.git import leave_callers_repository
from tools.comparing.versions import committed, working_tree

COPY = Path(".dvc/tmp/quick")  # replaced by the next run
FIRST = "fetch"  # the stage that is run with the options, which are in params.yaml from then on


def main() -> None:
    with reported_in_one_line("quick"):
        leave_callers_repository()
        shutil.rmtree(COPY, ignore_errors=True)
        COPY.mkdir(parents=True)
        folder = committed(working_tree(), COPY.resolve())
        log = folder / LOGS / f"{FIRST}.log"
        log.parent.mkdir(parents=True)
        command = ["dvc", "exp", "run", "--single-item", *sys.argv[1:], FIRST]
        with log.open("wb") as output:
            done = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            said = log.read_text(encoding="utf-8", errors="replace")
            sys.exit(f"{said}quick: {' '.join(command)} failed in {folder}")
        print(folder)


if __name__ == "__main__":
    main()
