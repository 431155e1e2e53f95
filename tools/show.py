"""Print what the last run found, from metrics/ alone, and how to undo it if it changed the results.

    python -m tools.show [FOLDER]

FOLDER is where the page is (default: here).
"""

import sys
from pathlib import Path

from stages.analysis.outcome import PAGE, outcome
from stages.common import reported_in_one_line
from stages.params import load_params
from tools.common.git import ask

UNDO = """
The results differ from the committed ones. To go back, discarding edits of params.yaml (a copy is kept):
make undo"""


def main() -> None:
    with reported_in_one_line("show"):
        print(f"\n{outcome(load_params(), Path(*sys.argv[1:], PAGE))}")
        if len(sys.argv) == 1 and ask(("diff", "--quiet", "HEAD", "--", "dvc.lock")).returncode == 1:
            print(UNDO)


if __name__ == "__main__":
    main()
