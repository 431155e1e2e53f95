"""The two commits that a pull request compares, read out of Git: no data, no cache and no checkout is needed."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.common import METRICS, PLOTS, InputError
from stages.params import PARAMS_FILE
from tools.common.git import check_held, file_at, git, git_or_none
from tools.common.markdown import code, plain

Content = TypeVar("Content")

# What reading raises where a file is not of the shape that it should be
UNREADABLE = (InputError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


# What the report and DVC, which does not end where Git lacks any of it, read of a commit
READ = ["*dvc.yaml", "*dvc.lock", "*.dvc", "*.dvcignore", str(PARAMS_FILE), str(METRICS), str(PLOTS)]


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
        content = file_at(self.commit, path)
        return None if content is None else content.decode(errors="replace")

    def read(self, path: str, parse: Callable[[str], Content]) -> Content | None:
        """What `parse` makes of a file; None, and a line in `missing`, where that is not to be had."""
        text = self.text(path)
        if text is None:
            self.lacks(path, "absent")
            return None
        try:
            return parse(text)
        except UNREADABLE as error:
            self.lacks(path, f"not readable ({plain(error)})")
            return None

    def lacks(self, path: str, why: str) -> None:
        line = f"{code(path)}: {why} on {self.name}"
        if line not in self.missing:
            self.missing.append(line)


def sides(base: str) -> tuple[Side, Side]:
    """The commit at which the branch left `base`, or `base` itself where that is not to be had; and HEAD.

    Raises NothingToCompareError where there is no commit or no `base`; GitError where Git has no answer, as in a
    folder that is no repository or another user's, or where this clone does not hold what is to be compared.
    """
    head, tip = _commit("HEAD"), _commit(base)
    if not head:
        raise NothingToCompareError("Git has no commit checked out here")
    if not tip:
        raise NothingToCompareError(f"BASE holds {code(base)}, which is no commit here; `git fetch` may bring it")
    ancestor = (git_or_none("merge-base", tip, head) or "").strip()
    check_held([ancestor or tip, head], READ)
    if ancestor:
        return Side("the base", ancestor), Side("the branch", head)
    shallow = git("rev-parse", "--is-shallow-repository") == "true\n"
    why = "this clone is shallow, `git fetch --unshallow` makes it whole" if shallow else "they have no common ancestor"
    note = f"The commit at which the branch left {code(base)}: {why}. Compared with {code(base)} as it is"
    return Side("the base", tip, [note]), Side("the branch", head)


Changes = dict[str, dict[str, Any]]  # by key: `old`, `new`, and of numbers `diff`


def json_diff(path: str, old: Side, new: Side) -> Changes:
    """The numbers of a nested JSON file that differ, by their keys with dots.

    None where the file cannot be read on one of the sides, or is on neither.
    """
    texts = [side.text(path) for side in (old, new)]
    if texts == [None, None]:
        return {}
    before, after = (side.read(path, numbers) for side in (old, new))
    if any(text is not None and known is None for text, known in zip(texts, (before, after), strict=True)):
        return {}
    before, after = before or {}, after or {}
    changes: Changes = {}
    for key in sorted({*before, *after}):
        pair = {"old": before.get(key), "new": after.get(key)}
        if pair["old"] != pair["new"]:
            both = key in before and key in after
            changes[key] = pair | ({"diff": after[key] - before[key]} if both else {})
    return changes


def numbers(text: str) -> dict[str, float]:
    """Those of a JSON object, by their keys with dots. Raises one of NOT_YAML where it is none."""

    def flat(content: dict[str, Any], prefix: str) -> Iterator[tuple[str, float]]:
        for key, value in content.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{key}.")
            elif isinstance(value, int | float):
                yield prefix + key, value

    return dict(flat(json.loads(text), ""))


def dvc_diff(what: str, old: Side, new: Side, without: Collection[str] = ()) -> dict[str, Changes]:
    """DVC's own difference of "params" or "metrics", by file, other than the files `without`.

    Only of files that can be read on both sides, or are not there on one.
    """
    if old.commit == new.commit:
        return {}
    try:
        with Repo() as repo:
            result = getattr(repo, what).diff(a_rev=old.commit, b_rev=new.commit)
    except DvcException as error:
        new.lacks(f"DVC's {what}", f"not readable ({plain(error)})")
        return {}
    files: dict[str, Changes] = {file: keys for file, keys in result.get("diff", {}).items() if file not in without}
    for side in (old, new):
        problems = result.get("errors", {}).get(side.commit, {})
        if not isinstance(problems, dict):  # with the pipeline, everything
            side.lacks(f"DVC's {what}", f"not readable ({plain(problems)})")
            return {}
        problems = {file: problem for file, problem in problems.items() if file not in without}
        absent = [file for file in {*files, *problems} if side.text(file) is None]
        for file in absent:
            side.lacks(file, "absent")
        for file in problems.keys() - absent:
            side.lacks(file, f"not readable ({plain(problems[file])})")
            files.pop(file, None)
    return files


def uncommitted(paths: list[str]) -> list[str]:
    """Those of the paths that are not as HEAD has them."""
    listed = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--", *paths)
    return [entry[3:] for entry in listed.split("\0") if entry]


def _commit(revision: str) -> str | None:
    found = git_or_none("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return found.strip() if found else None
