"""Print what a branch changes as Markdown, for the reviewer of a pull request.

    python -m tools.pr_report [BASE]

Compares HEAD with the commit at which it left BASE (default: origin/main), as committed; needs no data and no cache.
It names what it cannot compare, and exits with status 0 even so, because the review goes on.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.statistics import SIGNIFICANT, difference, holm
from stages.common import METRICS, PLOTS, InputError, read_yaml
from stages.params import FAMILIES, PARAMS_FILE
from tools.git import file_at, git

COMPARED = ["dvc.lock", str(PARAMS_FILE), str(METRICS), str(PLOTS)]
CELL = 100  # characters of a name or value
LISTED = 4  # names in a cell
ROWS = 50  # of a table; GitHub takes 65,536 characters per comment
LEGEND = (
    "Before and after: mean test accuracy of all runs, also those that did not learn. Noise: p of "
    f"{SIGNIFICANT} or more (Welch's test, corrected over this table by Holm)."
)
RUNS = ["architecture", "parameters", "seed", "test_accuracy", "learned"]


@dataclass
class Comparison:
    """The two commits, and notes in Markdown on what could not be compared."""

    base: str
    branch: str
    notes: list[str] = field(default_factory=list)

    def read(self, path: str | Path, parse: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the parsed file of the base and of the branch; two empty ones and a note if one cannot be read.

        Files that are alike are not read. Raises InputError.
        """
        contents = [file_at(commit, str(path)) for commit in (self.base, self.branch)]
        if contents[0] != contents[1]:
            try:
                return [parse(content.decode()) for content in contents]  # type: ignore[union-attr]
            except Exception as error:  # a file of another form can make a parser raise anything
                absent = [name for name, content in zip(("base", "branch"), contents, strict=True) if content is None]
                self.notes.append(f"{code(path)}: " + (f"absent on the {absent[0]}" if absent else code(error)))
        return [{}, {}]


def report(base: str) -> str:
    """Return the report, or one line with the reason why there is none."""
    try:
        pair = compared(base)
        sections = [architectures(pair), parameters(pair), stages(pair), verdicts(pair)]
        if uncommitted := git("diff", "--name-only", "--relative", "HEAD", "--", *COMPARED).split():
            pair.notes.append(f"Not committed: {_listed(uncommitted)}")
    except InputError as error:
        return f"Nothing was compared: {code(error, cut=1000)}\n"
    old, new = pair.base[:7], pair.branch[:7]
    what = "Changed" if any(sections) else "Nothing that could be compared changed" if pair.notes else "Nothing changed"
    page = [f"{what} between {code(base)} ({old}) and this branch ({new}).", *filter(None, sections)]
    if pair.notes:
        page.append("Not compared:\n\n" + "\n".join(f"- {note}." for note in pair.notes))
    if any(sections):
        page.append(f"All numbers: `dvc metrics diff {old} {new} --targets {METRICS}/study.json`")
        page.append(f"Learning curves: `dvc plots diff {old} {new}`")
    return "\n\n".join(page) + "\n"


def compared(base: str) -> Comparison:
    """Return HEAD and the commit at which it left `base`; if Git finds none, `base` itself. Raises InputError."""
    name = f"{base}^{{commit}}"
    old, new = (git("rev-parse", "--verify", "--end-of-options", one).strip() for one in (name, "HEAD"))
    try:
        return Comparison(git("merge-base", old, new).strip(), new)
    except InputError:
        why = f"Git finds no commit at which the branch left {code(base)}; in a shallow clone run "
        return Comparison(old, new, [f"{why}`git fetch --unshallow`. The base is {code(base)} itself"])


def architectures(pair: Comparison) -> str:
    """Return a row per architecture whose runs differ."""
    rows: list[dict[str, Any]] = []
    for family in FAMILIES:
        before, after = pair.read(PLOTS / f"{family}_accuracy.csv", _runs)
        for name in {**after, **before}:
            runs = [side.get(name, pd.DataFrame(columns=RUNS)) for side in (before, after)]
            if not runs[0].equals(runs[1]):
                rows.append({"architecture": code(name)} | _cells(runs))
    tested = [row for row in rows if isinstance(row["by the runs"], float)]
    for row, p in zip(tested, holm([row["by the runs"] for row in tested]), strict=True):
        row["by the runs"] = f"{'noise' if p >= SIGNIFICANT else 'more than noise'}, p = {p:.3f}"
    return f"{_table(rows)}\n\n{LEGEND}" if rows else ""


def _runs(text: str) -> dict[str, pd.DataFrame]:
    """Return a table of runs by architecture. Raises ValueError if it lacks a column."""
    empty = {"test_accuracy": [""]}  # of a run that diverged; an architecture may be called nan
    table = pd.read_csv(StringIO(text), na_values=empty, keep_default_na=False)
    if missing := [column for column in RUNS if column not in table.columns]:
        raise ValueError(f"no column {', '.join(missing)}")
    return {
        str(label): group.reset_index(drop=True) for label, group in table[RUNS].groupby("architecture", sort=False)
    }


def _cells(runs: list[pd.DataFrame]) -> dict[str, Any]:
    """Return an architecture's cells by column; "by the runs" is a word, or a p-value that is not yet corrected.

    `runs` has a table per commit, empty if it lacks the architecture.
    """
    accuracies = [table["test_accuracy"].dropna().tolist() for table in runs]
    before, after = (100 * float(np.mean(values)) if values else np.nan for values in accuracies)
    test = difference(*accuracies)
    ran = [table for table in runs if len(table)]
    word = "too few runs to test" if len(ran) == 2 else "new" if len(runs[1]) else "removed"
    return {
        "before, %": f"{before:.2f}",
        "after, %": f"{after:.2f}",
        "difference": f"{after - before:+.2f}",
        "by the runs": test.p if test else word,
        "learned": _steps([f"{table['learned'].sum()} of {len(table)}" for table in ran]),
        "parameters": _steps([f"{table['parameters'].iloc[0]:,}" for table in ran]),
    }


def _steps(cells: list[str]) -> str:
    return " → ".join(dict.fromkeys(cells))


def parameters(pair: Comparison) -> str:
    """Return a row per key of params.yaml that differs."""
    return _differences("parameter", *pair.read(PARAMS_FILE, lambda text: _flat(read_yaml(text, str(PARAMS_FILE)))))


def verdicts(pair: Comparison) -> str:
    """Return a row per claim whose verdict differs."""
    sides = pair.read(METRICS / "verdicts.json", lambda text: json.loads(text))
    return _differences("verdict", *({one["claim"]: one["verdict"] for one in side.values()} for side in sides))


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Return the values by their keys with dots. Raises an error of any kind unless it is a mapping."""
    return dict(pd.json_normalize(content).iloc[0])


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [key for key in {**after, **before} if before.get(key) != after.get(key)]


def _differences(what: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    keys = _changed(before, after)
    return _table(
        [{what: code(key), "before": code(before.get(key, "-")), "after": code(after.get(key, "-"))} for key in keys]
    )


def stages(pair: Comparison) -> str:
    """Return a row per set of inputs that changed in dvc.lock, with the stages that depend on them."""
    before, after = pair.read("dvc.lock", lambda lock: dict(read_yaml(lock, "dvc.lock")["stages"]))
    groups: dict[tuple[str, str], list[str]] = {}
    for stage in _changed(before, after):
        done, causes = "new" if stage in after else "removed", ""
        if stage in before and stage in after:
            was, now = before[stage], after[stage]
            done = "trained again" if stage.startswith("train") else "run again"
            done += ", to the same bytes" if was["outs"] == now["outs"] else ""
            causes = _listed(_changed(_inputs(was), _inputs(now)))
        groups.setdefault((done, causes), []).append(stage)
    return _table([{"stage": _listed(names), "": done, "input": causes} for (done, causes), names in groups.items()])


def _inputs(stage: dict[str, Any]) -> dict[str, Any]:
    """Return the command, the parameters and the hashes of dependencies of an entry in dvc.lock, by name."""
    files = {one["path"]: one.get("md5") for one in stage.get("deps", [])}
    return {"cmd": stage["cmd"]} | files | _flat(stage.get("params", {}).get(str(PARAMS_FILE), {"": ""}))


def _table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table of at most ROWS rows; "" without rows."""
    if not rows:
        return ""
    more = f"\n\nand {len(rows) - ROWS} more" if len(rows) > ROWS else ""
    return pd.DataFrame(rows[:ROWS]).to_markdown(index=False, disable_numparse=True) + more


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(code, names[:LISTED])) + more


def code(value: object, cut: int = CELL) -> str:
    """Return any text as code on one line, which ends no cell and mentions nobody."""
    text = " ".join(str(value).split())
    text = text if len(text) <= cut else f"{text[: cut - 1]}…"
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def main() -> None:
    print(report(sys.argv[1] if len(sys.argv) > 1 else "origin/main"), end="")


if __name__ == "__main__":
    main()
