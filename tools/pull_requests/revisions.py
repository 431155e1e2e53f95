"""The two commits that a pull request compares, read out of Git alone: no data, no cache and no checkout is needed."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from stages.params import NOT_YAML
from tools.common.markdown import code, plain

Content = TypeVar("Content")


class NothingToCompareError(Exception):
    """Why there are no two commits, in a line of Markdown."""


@dataclass
class Side:
    """One of the two commits."""

    name: str
    commit: str  # in full
    missing: list[str] = field(default_factory=list)  # what could not be read of it, in lines of Markdown

    def text(self, path: str) -> str | None:
        """A file as it was committed, by its path from the folder that this runs in; None where there is none."""
        found = _git("show", f"{self.commit}:./{path}")
        return None if found is None else found.decode(errors="replace")

    def read(self, path: str, parse: Callable[[str], Content]) -> Content | None:
        """What `parse` makes of a file; None, and a line in `missing`, where that is not to be had."""
        text = self.text(path)
        if text is None:
            self.lacks(path, "absent")
            return None
        try:
            return parse(text)
        except NOT_YAML as error:
            self.lacks(path, f"not readable ({plain(error)})")
            return None

    def lacks(self, path: str, why: str) -> None:
        line = f"{code(path)}: {why} on {self.name}"
        if line not in self.missing:
            self.missing.append(line)


def sides(base: str) -> tuple[Side, Side]:
    """The commit at which the branch left `base`, or `base` itself where that is not to be had; and HEAD.

    Raises NothingToCompareError where there is no repository, no commit or no `base`.
    """
    head, tip = _commit("HEAD"), _commit(base)
    if not head:
        raise NothingToCompareError("Git has no commit checked out here")
    if not tip:
        raise NothingToCompareError(f"BASE holds {code(base)}, which is no commit here; `git fetch` may bring it")
    ancestor = _git("merge-base", tip, head)
    if ancestor:
        return Side("the base", ancestor.decode().strip()), Side("the branch", head)
    shallow = _git("rev-parse", "--is-shallow-repository") == b"true\n"
    why = "this clone is shallow, `git fetch --unshallow` makes it whole" if shallow else "they have no common ancestor"
    note = f"The commit at which the branch left {code(base)}: {why}. Compared with {code(base)} as it is"
    return Side("the base", tip, [note]), Side("the branch", head)


def uncommitted(paths: list[str]) -> list[str]:
    """Those of the paths that are not as HEAD has them."""
    listed = _git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", *paths) or b""
    return [entry[3:] for entry in listed.decode(errors="replace").split("\0") if entry]


def _commit(revision: str) -> str | None:
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.decode().strip() if found else None


def _git(*arguments: str) -> bytes | None:
    """What Git answers; None where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
