"""What Git says, from this clone alone and within a time."""

import os
import signal
import subprocess
from collections.abc import Sequence

from stages.common import InputError

LONGEST = 120  # seconds that a command of Git may take
ALONE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}  # a partial clone asks no server, and nobody is asked
NOT_HERE = b"promisor"  # in what Git says of an object that a partial clone lacks, in whatever language
FETCH_ALL = "this clone is partial, `git fetch --refetch --no-filter` makes it whole"
NO_REPOSITORY = "not a git repository"  # in the words of Git and of DVC
NEEDED = "a repository of Git is needed, which `git init` makes of this folder"
CANNOT_TELL = 128  # Git's exit status, or more, where it has no answer; below, the answer is no


class GitError(InputError):
    """What Git could not do, in its own words, and what would help."""

    def __init__(self, arguments: Sequence[str], said: str, way_round: str = "") -> None:
        super().__init__("; ".join(part for part in (f"git {' '.join(arguments)}: {said}", way_round) if part))
        self.said, self.way_round = said, way_round


def leave_callers_repository() -> None:
    """Drop the variables by which Git in a hook, an alias or a linked worktree binds every Git below to its repository.

    Call this before Git or DVC runs for another folder. Git's settings for this command (`GIT_CONFIG_*`) stay.
    """
    for name in git("rev-parse", "--local-env-vars").split():
        if not name.startswith("GIT_CONFIG_"):
            os.environ.pop(name, None)


def git(*arguments: str) -> str:
    """The output of a command of Git. Raises GitError where it fails."""
    return git_bytes(*arguments).decode(errors="replace")


def git_bytes(*arguments: str) -> bytes:
    """As `git`, whatever the output is."""
    done = ask(arguments)
    if done.returncode:
        raise _error(arguments, done)
    return done.stdout


def with_what_is_needed(said: str) -> str:
    """The words of Git or of DVC, with what to do where they miss a repository."""
    return f"{said}; {NEEDED}" if NO_REPOSITORY in said else said


def git_or_none(*arguments: str) -> str | None:
    """The output of a command of Git, or None where it says no. Raises GitError where it cannot tell."""
    done = ask(arguments)
    if done.returncode >= CANNOT_TELL:
        raise _error(arguments, done)
    return None if done.returncode else done.stdout.decode(errors="replace")


def file_at(revision: str, path: str) -> bytes | None:
    """A file as it was committed, by its path from this folder; None where there is none.

    Raises GitError where there is one, and this clone does not hold it.
    """
    command = ("cat-file", "blob", f"{revision}:./{path}")
    done = ask(command)
    if done.returncode:
        if is_at(revision, path):
            raise _error(command, done)
        return None
    return done.stdout


def is_at(revision: str, path: str) -> bool:
    """Whether there is such a file or folder, though this clone may not hold its content. Raises GitError."""
    return bool(git("ls-tree", revision, "--", path))


def check_held(revisions: list[str], paths: list[str]) -> None:
    """Raise GitError where this clone lacks any of these paths, which Git may match as patterns, as so committed."""
    for revision in revisions:
        git("ls-tree", revision)  # which says of a tree that is lacking what rev-list does not
    trees = [f"{revision}^{{tree}}" for revision in revisions]
    command = ("rev-list", "--objects", "--missing=print", *trees, "--", *paths)
    if lacking := sum(line.startswith("?") for line in git(*command).splitlines()):
        raise GitError(command, f"{lacking} of the committed files are not in this clone", FETCH_ALL)


def ask(arguments: Sequence[str], longest: float = LONGEST) -> subprocess.CompletedProcess[bytes]:
    """What Git answers. Raises GitError after so many seconds, when it and all that it has learned is ended."""
    command = ["git", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | ALONE, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise GitError(arguments, f"no answer within {longest:g} s") from None
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _error(arguments: Sequence[str], done: subprocess.CompletedProcess[bytes]) -> GitError:
    said = " ".join(done.stderr.decode(errors="replace").split())
    way_round = FETCH_ALL if NOT_HERE in done.stderr else NEEDED if NO_REPOSITORY in said else ""
    return GitError(arguments, said, way_round)
