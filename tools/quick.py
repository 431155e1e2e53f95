"""A copy of the project as it lies here, made ready for a short run: its folder is the one line on stdout.

    python -m tools.quick OPTION ...

The options are those of `dvc exp run`, such as `-S train.epochs=2`; the Makefile names them. The copy holds what Git
tracks and what it does not ignore, with changes that are not committed, in a repository of its own. Its data are
fetched, so that a source that fails is told at once; `python -m tools.repro` there does the rest.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

from stages.common.errors import InputError, reported_in_one_line
from tools.common.git import git

IDENTITY = {"user.name": "quick", "user.email": "quick@localhost", "commit.gpgSign": "false"}


def working_tree() -> list[Path]:
    """The files that Git tracks or does not ignore, by their paths from here. Raises InputError where Git fails."""
    try:
        listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    except InputError as error:
        raise InputError(f"{error}; `git init` makes a repository of a folder that is none") from None
    paths = [Path(name) for name in dict.fromkeys(listed.split("\0")) if name]
    return [path for path in paths if path.is_symlink() or path.is_file()]  # what is deleted is listed too


def copied(paths: list[Path]) -> Path:
    """A temporary folder with these files, committed in a repository of its own."""
    folder = Path(mkdtemp(prefix="quick-"))
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / path, follow_symlinks=False)
    here = ("-C", str(folder))
    git(*here, "init", "--quiet")
    for key, value in IDENTITY.items():
        git(*here, "config", key, value)
    git(*here, "add", "--all", "--force")
    git(*here, "commit", "--quiet", "--no-verify", "--message", "The working tree")
    return folder


def main() -> None:
    with reported_in_one_line("quick"):
        folder = copied(working_tree())
        command = ["dvc", "exp", "run", "--single-item", *sys.argv[1:], "fetch"]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{done.stdout}quick: {' '.join(command)} failed in {folder}")
        print(folder)


if __name__ == "__main__":
    main()
