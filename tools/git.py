"""Run Git on this clone alone, without a server and without a prompt."""

import os
import subprocess

from stages.common import InputError

ALONE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
REMEDIES = {  # by words in messages of Git and DVC
    "not a git repository": "Run `git init` to make this folder a repository.",
    "promisor": "This clone is partial. Run `git fetch --refetch --no-filter`.",
    "Not a valid": "This clone has no such commit. Run `git fetch`.",
    "HEAD: exit status 1": "Git finds no common commit. In a shallow clone run `git fetch --unshallow`.",
}


def git(*arguments: str) -> str:
    """Return the output of a Git command. Raises InputError with Git's message and a remedy if it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, env=os.environ | ALONE, check=False)
    except FileNotFoundError:
        raise InputError("git: not on PATH. Install Git.") from None
    if done.returncode:
        message = " ".join(done.stderr.decode(errors="replace").split()) or f"exit status {done.returncode}"
        raise InputError(with_what_is_needed(f"git {' '.join(arguments)}: {message}"))
    return done.stdout.decode(errors="replace")


def leave_callers_repository() -> None:
    """Remove the variables with which a Git hook, alias or linked worktree binds child processes to its repository.

    Call this before Git or DVC runs in another folder. Git's settings for this command (`GIT_CONFIG_*`) stay.
    """
    for name in git("rev-parse", "--local-env-vars").split():
        if not name.startswith("GIT_CONFIG_"):
            os.environ.pop(name, None)


def with_what_is_needed(message: str) -> str:
    """Return a message of Git or DVC with the remedy, if there is a known one."""
    return ". ".join([message.rstrip("."), *(remedy for words, remedy in REMEDIES.items() if words in message)])
