"""Print the changes of a branch as Markdown, for the reviewer of a pull request.

    python -m tools.pr_report [BASE]

Compares the commit HEAD with the commit at which it left BASE (default: origin/main); needs no data and no cache.
Lists files that it cannot compare, and exits with status 0 even then.
"""

import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from dvc.utils.flatten import flatten

from stages.analysis.statistics import SIGNIFICANT, difference, holm
from stages.common import METRICS, PLOTS, InputError, read_yaml
from stages.params import FAMILIES, PARAMS_FILE
from tools.git import git
from tools.pipeline import LOCK, params_of

CELL, LISTED = 500, 4  # characters of a name or value; names in a cell
ARCHITECTURES, CHANGES, STAGES = 50, 8, 5  # rows of each table; with the study's eleven networks, 40 lines in all
BARS, POINTS = "▁▂▃▄▅▆▇█", 8  # of a sparkline
LEGEND = (
    f"Accuracy: mean of all runs, also of those that did not learn. Noise: p of {SIGNIFICANT} or more (Welch's test, "
    "corrected over this table by Holm; it needs two runs per side). Loss: training loss from 0 to its highest."
)
DIVERGED = {"test_accuracy": [""], "loss": [""]}  # empty cells; an architecture may be called nan
Side = dict[str, Any]  # by names: an architecture's runs, verdicts, parameters or stages in one commit


def _read(commits: Sequence[str], notes: list[str], parse: Callable[..., Side], *paths: Path) -> list[Side]:
    """Return the parsed files of each commit; empty ones and a new Markdown note if a file cannot be read.

    Raises InputError in a partial clone.
    """
    try:
        return [parse(*(git("show", f"{commit}:./{path}") for path in paths)) for commit in commits]
    except Exception as error:  # a file of another form can make a parser raise anything
        if "promisor" in str(error):
            raise
        notes.append(f"{_listed(paths)}: {code(error)}")
        return [{} for _ in commits]


def report(base: str = "origin/main") -> str:
    """Return the report, or one line with the reason why there is none."""
    notes: list[str] = []
    try:
        commits = git("merge-base", "--end-of-options", base, "HEAD").strip(), git("rev-parse", "HEAD").strip()
        read, before, after = partial(_read, commits, notes), Side(), Side()
        for family in FAMILIES:
            old, new = read(_runs, PLOTS / f"{family}_accuracy.csv", PLOTS / f"{family}_curves.csv")
            before |= old
            after |= new
        verdicts = read(_verdicts_and_parameters, METRICS / "verdicts.json", PARAMS_FILE)
        lock = read(lambda text: dict(read_yaml(text, LOCK)["stages"]), Path(LOCK))
        sections = [*filter(None, [architectures(before, after), changes(*verdicts), stages(*lock)])]
        if uncommitted := git("diff", "--name-only", "--relative", "HEAD").splitlines():
            notes.append(f"changes that are not committed: {_listed(uncommitted)}")
    except InputError as error:
        return f"Nothing was compared: {code(error)}\n"
    start, end = (commit[:7] for commit in commits)
    page = [f"{'Changes' if sections else 'No changes'} from {code(base)} ({start}) to this branch ({end}).", *sections]
    if notes:
        page.append("\n".join(["Not compared:\n", *(f"- {note}" for note in notes)]))
    if sections:
        metrics = f"dvc metrics diff {start} {end} --targets {METRICS}/study.json"
        page.append(f"More: `{metrics}`, `dvc plots diff {start} {end}`.")
    return "\n\n".join(page) + "\n"


def architectures(before: Side, after: Side) -> str:
    """Return a row per architecture whose runs or whose name differ."""
    renamed = {new: old for new in after.keys() - before for old in before.keys() - after if before[old] == after[new]}
    rows: list[Side] = []
    for name in _changed(before, after):
        was = renamed.get(name, name)
        if name not in renamed.values():
            name_cell = {"architecture": _steps(code(was), code(name))}
            rows.append(name_cell | _cells(before.get(was, {}), after.get(name, {})))
    tested = [row for row in rows if isinstance(row["noise"], float)]
    for row, p in zip(tested, holm([row["noise"] for row in tested]), strict=True):
        row["noise"] = f"{'more than ' * (p < SIGNIFICANT)}noise, p = {p:.3f}"
    return f"{_table(rows, ARCHITECTURES)}\n\n{LEGEND}" if rows else ""


def _runs(accuracy: str, curves: str) -> Side:
    """Return the runs of a family by architecture. Raises KeyError if a column is missing."""
    read: Any = partial(pd.read_csv, na_values=DIVERGED, keep_default_na=False)
    runs = read(StringIO(accuracy))[["architecture", "parameters", "test_accuracy", "learned"]]
    epochs = read(StringIO(curves))[["architecture", "epoch", "loss"]]
    losses = epochs.groupby(["architecture", "epoch"])["loss"].mean()
    return {
        str(name): {
            "accuracies": table["test_accuracy"].dropna().tolist(),
            "learned": f"{table['learned'].sum()} of {len(table)}",
            "parameters": f"{table['parameters'].iloc[0]:,}",
            "loss": sparkline(losses.get(name, [])),
        }
        for name, table in runs.groupby("architecture", sort=False)
    }


def sparkline(losses: Sequence[float]) -> str:
    """Return bars from 0 to the highest loss, for epochs at equal steps up to the last one."""
    shown = losses[:: -(len(losses) // POINTS + 1)]
    return "".join(BARS[round(7 * loss / max(shown))] for loss in shown)[::-1]


def _cells(old: Side, new: Side) -> Side:
    """Return an architecture's cells by column; "noise" is a word, or a p-value that is not yet corrected."""
    accuracies = [side.get("accuracies", []) for side in (old, new)]
    before, after = (100 * float(np.mean(values or np.nan)) for values in accuracies)
    test = difference(*accuracies)
    word = "renamed" if old == new else "new" if not old else "removed" if not new else "not tested"
    return {
        "before, %": f"{before:.2f}",
        "after, %": f"{after:.2f}",
        "difference": f"{after - before:+.2f}",
        "noise": test.p if test and old != new else word,
    } | {key: _steps(*(side[key] for side in (old, new) if side)) for key in ("learned", "parameters", "loss")}


def _steps(*cells: str) -> str:
    return " → ".join(dict.fromkeys(cells))


def changes(before: Side, after: Side) -> str:
    """Return a row per claim whose verdict differs, and per key of params.yaml that differs."""
    rows = [
        {"verdict or parameter": code(key), "before": code(before.get(key, "-")), "after": code(after.get(key, "-"))}
        for key in _changed(before, after)
    ]
    return _table(rows, CHANGES)


def _verdicts_and_parameters(verdicts: str, params: str) -> Side:
    claims = {one["claim"]: one["verdict"] for one in read_yaml(verdicts, "verdicts").values()}
    return {**claims, **flatten(read_yaml(params, str(PARAMS_FILE)))}


def _changed(before: Side, after: Side) -> list[str]:
    return [key for key in {**after, **before} if before.get(key) != after.get(key)]


def stages(before: Side, after: Side) -> str:
    """Return a row per set of inputs that changed in dvc.lock, with the stages that depend on them."""
    groups: dict[tuple[str, str], list[str]] = {}
    for stage in _changed(before, after):
        was, now = before.get(stage), after.get(stage)
        row = ("", "new" if now else "removed")
        if was and now:
            row = (_listed(_changed(_inputs(was), _inputs(now))), "same" if was["outs"] == now["outs"] else "other")
        groups.setdefault(row, []).append(stage)
    return _table(
        [{"stages": _listed(groups[row]), "changed inputs": row[0], "results": row[1]} for row in groups], STAGES
    )


def _inputs(stage: Side) -> Side:
    """Return the command, the hashes of dependencies and the parameters of an entry in dvc.lock, by name."""
    files = {one["path"]: one.get("md5") for one in stage.get("deps", [])}
    return {"cmd": stage["cmd"]} | files | params_of(stage)


def _table(rows: list[Side], most: int) -> str:
    """Return a Markdown table of at most `most` rows; "" without rows."""
    table = pd.DataFrame(rows[:most]).replace(["nan", "+nan"], "-").to_markdown(index=False, disable_numparse=True)
    return table + (f"\n| and {len(rows) - most} more |" if len(rows) > most else "")


def _listed(names: Sequence[object]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(code, names[:LISTED])) + more


def code(value: object) -> str:
    """Return text as code on one line, which breaks no table and mentions no user."""
    text = textwrap.shorten(str(value), CELL, placeholder="…")
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def main() -> None:
    print(report(*sys.argv[1:2]), end="")


if __name__ == "__main__":
    main()
