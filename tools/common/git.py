"""Run Git on this clone alone: it asks no server and no person."""

import os
import subprocess

from stages.common import InputError

ALONE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
NOT_HERE = b"promisor"  # Git's word for an object that a partial clone lacks, in every language
FETCH_ALL = "This clone is partial. Run `git fetch --refetch --no-filter`."
NO_REPOSITORY = "not a git repository"  # Git and DVC both say so
NEEDED = "Run `git init` to make this folder a repository."
CANNOT_TELL = 128  # Git's exit status, or more, if it has no answer; 1 means no


class GitError(InputError):
    """A failed Git command: its exit status, Git's own words and a remedy."""

    def __init__(self, message: str, status: int = CANNOT_TELL) -> None:
        super().__init__(message)
        self.status = status


def git(*arguments: str) -> str:
    """Return the output of a Git command. Raises GitError if it fails."""
    return git_bytes(*arguments).decode(errors="replace")


def git_bytes(*arguments: str) -> bytes:
    """Return the output of a Git command as bytes. Raises GitError if it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, env=os.environ | ALONE, check=False)
    except FileNotFoundError:
        raise GitError("git: not on PATH. Install Git.") from None
    if done.returncode:
        message = with_what_is_needed(" ".join(done.stderr.decode(errors="replace").split()))
        remedy = f". {FETCH_ALL}" if NOT_HERE in done.stderr else ""
        raise GitError(f"git {' '.join(arguments)}: {message}{remedy}", done.returncode)
    return done.stdout


def git_or_none(*arguments: str) -> str | None:
    """Return the output of a Git command, or None if Git answers no. Raises GitError if Git cannot tell."""
    try:
        return git(*arguments)
    except GitError as error:
        if error.status < CANNOT_TELL:
            return None
        raise


def file_at(revision: str, path: str) -> bytes | None:
    """Return a committed file by its path from this folder; None if the commit has no such file.

    Raises GitError if this clone cannot tell, or lacks the file's content.
    """
    return git_bytes("cat-file", "blob", f"{revision}:./{path}") if git("ls-tree", revision, "--", path) else None


def with_what_is_needed(message: str) -> str:
    """Return a message of Git or DVC, with the remedy if they miss a repository."""
    return f"{message}. {NEEDED}" if NO_REPOSITORY in message else message
