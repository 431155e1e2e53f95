"""What the last run found: the table that `aggregate` prints, from metrics/ alone.

    python -m tools.outcome [FOLDER]

The page's path is told from FOLDER (default: from here).
"""

import sys
from pathlib import Path

from stages.analysis.outcome import PAGE, outcome
from stages.common import reported_in_one_line
from stages.params import load_params


def main() -> None:
    with reported_in_one_line("outcome"):
        print(f"\n{outcome(load_params(), Path(*sys.argv[1:], PAGE))}")


if __name__ == "__main__":
    main()
