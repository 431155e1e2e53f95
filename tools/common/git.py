"""What Git says."""

import subprocess

from stages.common.errors import InputError


def git(*arguments: str) -> str:
    """The output of a command of Git. Raises InputError, with Git's own words, where it fails."""
    done = _run(arguments)
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise InputError(f"git {' '.join(arguments)}: {said}")
    return done.stdout.decode(errors="replace")


def git_or_none(*arguments: str) -> str | None:
    """The output of a command of Git, or None where it fails, as it does for what is not there."""
    done = _run(arguments)
    return None if done.returncode else done.stdout.decode(errors="replace")


def _run(arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)
