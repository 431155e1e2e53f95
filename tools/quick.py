"""A copy of the project as it lies here, made ready for a short run: its folder is the one line on stdout.

    python -m tools.quick OPTION ...

The options are those of `dvc exp run`, such as `-S train.epochs=2`; the Makefile names them. The copy holds what Git
tracks and what it does not ignore, with changes that are not committed, in a temporary folder and a repository of its
own. Its data are fetched already; `python -m tools.repro` there does the rest.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from stages.common import reported_in_one_line
from tools.comparing.versions import committed, working_tree
from stages.jobs import LOGS

FIRST = "fetch"  # the stage that is run with the options, which are in params.yaml from then on


def main() -> None:
    with reported_in_one_line("quick"):
        tree = working_tree()
        folder = committed(tree, Path(mkdtemp(prefix="quick-")))
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
