"""Run the whole study on the sample, in a copy of the project.

    python -m tools.quick OPTION ...

The options are those of `dvc exp run`, such as `-S train.epochs=2`; the Makefile has the defaults. The copy has all
files that Git does not ignore, with uncommitted changes, and is a repository of its own. The next run replaces it.
"""

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from stages.checkpoints import locked
from stages.common import InputError, reported_in_one_line
from stages.jobs import LOGS
from stages.runner import ended_by_exception, tell
from tools.git import git, leave_callers_repository
from tools.repro import running

COPY = Path(".dvc/tmp/quick")
LOG_END = 1000  # characters of a failed command's log that are shown
REPOSITORY = (  # commands that make the copy a Git repository
    "git init --quiet --initial-branch=main",
    "git config user.name quick",
    "git config user.email quick@localhost",
    "git config commit.gpgSign false",
    "git config core.autocrlf false",
    "git add --all --force",
    "git commit --quiet --no-verify --message=copy",
)


def copy_working_tree(folder: Path) -> None:
    """Copy all files that Git does not ignore, with their uncommitted changes."""
    for name in git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0"):
        if name and Path(name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, folder / name)


def run_in(folder: Path, command: Sequence[str], log: Path | None = None) -> None:
    """Run a command in another folder, with its output in `log` if given. Raises InputError if the command fails."""
    with ExitStack() as stack:
        output = log and stack.enter_context(log.open("wb"))
        status = stack.enter_context(running(command, cwd=folder, stdout=output, stderr=output)).wait()
    if status:
        end = f". The end of {log}: {log.read_text(encoding='utf-8', errors='replace')[-LOG_END:]}" if log else "."
        raise InputError(f"{' '.join(command)}: failed in {folder}{end}")


def make_copy(folder: Path, options: Sequence[str]) -> None:
    """Copy the project, commit it in a repository of its own, and fetch the data with these options."""
    shutil.rmtree(folder, ignore_errors=True)
    copy_working_tree(folder)
    log = folder / LOGS / "fetch.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    fetch = ["dvc", "exp", "run", "--single-item", *options, "fetch"]
    for command in [*map(str.split, REPOSITORY), fetch]:
        run_in(folder, command, log)


def main() -> None:
    with reported_in_one_line("quick"), ended_by_exception("quick"):
        leave_callers_repository()
        with locked(COPY.with_suffix(".lock"), lambda: tell("quick: waits for another run in this folder")):
            folder = COPY.resolve()
            make_copy(folder, sys.argv[1:])
            run_in(folder, [sys.executable, "-m", "tools.repro"])
            run_in(folder, [sys.executable, "-m", "stages.report.summary", str(folder)])


if __name__ == "__main__":
    main()
