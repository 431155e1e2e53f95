"""Is dvc.lock up with the code and the parameters? In a clone without any data.

    python -m tools.gate

Exit status 1 where it is not, with a line that names the stages and what to do.
"""

import re
import subprocess
import sys

from stages.common.errors import reported_in_one_line

UP_TO_DATE = "Data and pipelines are up to date."
# A stage that would run; without data DVC also fails at it, and leaves out those that follow it
STALE = re.compile(r"^Running stage |failed to reproduce |will be skipped ")
NAME = re.compile(r"'([\w@-]+)'")


def main() -> None:
    command = ["dvc", "repro", "--dry", "--allow-missing", "--keep-going"]
    with reported_in_one_line("gate"):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.splitlines()
    stale = sorted({name for line in lines if STALE.search(line) for name in NAME.findall(line)})
    if stale:
        todo = "`make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
        sys.exit(f"gate: dvc.lock is behind the code, the parameters or the metrics at {', '.join(stale)}: {todo}")
    if done.returncode or UP_TO_DATE not in lines:
        sys.exit(f"gate: {' '.join(' '.join(lines).split())}")
    print(f"gate: {UP_TO_DATE}")


if __name__ == "__main__":
    main()
