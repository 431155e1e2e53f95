"""What the next question costs: seconds and epochs of the code that lies here and of an older revision, in turn.

    python -m tools.asking REVISION OPTION ...

Both ask the same of the project one after the other, each in a copy of its own, made as `make quick` makes one; the
options, such as `-S train.epochs=15`, are those of `dvc exp run`. Writes records/asking/README.md.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

from stages.common import InputError, reported_in_one_line
from stages.training.files import write_text
from tools.common.git import git
from tools.common.markdown import code, table
from tools.comparing.versions import Version, committed, files_at, working_tree
from tools.measuring.machine import machine

RECORD = Path("records/asking/README.md")
TRAINED = re.compile(r"^\S+ seed \d+ epoch \d+/\d+: ", flags=re.MULTILINE)
RUN = ["dvc", "exp", "run"]
MORE_EPOCHS = 5


class Asked(NamedTuple):
    """What one question cost one version."""

    seconds: float
    epochs: int


def questions(options: list[str]) -> list[list[str]]:
    """The commands, in the order in which they are asked, of a copy whose parameters have the options."""
    epochs = [int(option.removeprefix("train.epochs=")) for option in options if option.startswith("train.epochs=")]
    if len(epochs) != 1:
        raise InputError(f"holds {' '.join(options)!r}, may hold one -S train.epochs=, and other options")
    return [
        ["dvc", "repro"],
        [*RUN, "-S", "width.filters=[10,20]"],
        [*RUN, "-S", "train.seeds=[0,1,2]"],
        [*RUN, "-S", f"train.epochs={epochs[0] + MORE_EPOCHS}"],
        [*RUN, "-S", f"train.epochs={epochs[0]}"],
    ]


def asked(command: list[str], copy: Path) -> Asked:
    """Ask it there, and count the epochs that it trained. Raises InputError where it fails."""
    began = perf_counter()
    done = subprocess.run(command, cwd=copy, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise InputError(f"{' '.join(command)} failed in {copy}:\n{done.stdout}{done.stderr}")
    return Asked(perf_counter() - began, len(TRAINED.findall(done.stdout)))


def page(command: str, names: list[str], rows: list[tuple[list[str], list[Asked]]]) -> str:
    """The record: a row a question; seconds and epochs of each version, and how many times as fast the second is."""
    columns = ["in this order", *(f"{name}: {what}" for name in names for what in ("epochs", "s")), "times as fast"]
    cells = []
    for question, (before, after) in rows:
        numbers = [text for one in (before, after) for text in (str(one.epochs), f"{one.seconds:.1f}")]
        cells.append([code(" ".join(question)), *numbers, f"{before.seconds / after.seconds:.1f}"])
    told = "\n".join(f"- {what}: {value}" for what, value in machine().items())
    return f"# asking\n\nMade by `{command}`.\n\n{table(columns, cells)}\n{told}\n"


def main() -> None:
    with reported_in_one_line("asking"), TemporaryDirectory(prefix="asking-") as folder:
        revision, *options = sys.argv[1:] or [""]
        if not revision or revision.startswith("-"):
            raise InputError(f"holds {revision!r}, may hold an older revision, and options of `dvc exp run`")
        commit = git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}").strip()
        versions = [Version(commit, files_at(commit)), working_tree()]
        copies = [committed(version, Path(folder) / str(place)) for place, version in enumerate(versions)]
        for copy in copies:
            asked([*RUN, *options, "fetch"], copy)
        rows = []
        for question in questions(options):
            rows.append((question, [asked(question, copy) for copy in copies]))
            print(f"{' '.join(question)}: {rows[-1][1]}", flush=True)
        command = f"python -m tools.asking {commit} {' '.join(options)}"
        write_text(RECORD, page(command, [commit, "here"], rows))
        print(f"record: {RECORD}")


if __name__ == "__main__":
    main()
