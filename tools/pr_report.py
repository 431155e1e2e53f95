"""Print what a branch changes as Markdown, for the reviewer of a pull request.

    python -m tools.pr_report [BASE]

Compares HEAD with the commit at which it left BASE (default: origin/main), as committed; needs no data and no cache.
It names what it cannot compare, and exits with status 0 even so, because the review goes on.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.analysis.statistics import SIGNIFICANT, difference, holm
from stages.common import METRICS, PLOTS, InputError, read_yaml
from stages.params import FAMILIES, PARAMS_FILE, read_params
from stages.training.results import EPOCH_COLUMNS
from tools.common.console import counted
from tools.common.git import file_at, git, git_or_none

COMPARED = ["dvc.lock", str(PARAMS_FILE), str(METRICS), str(PLOTS)]
ABSENT = "-"
CELL = 100  # characters of a name or value
LISTED = 4  # names in a cell
ROWS = 50  # of a table; GitHub takes 65,536 characters per comment
BARS, POINTS = "▁▂▃▄▅▆▇█", 10  # of a sparkline
LEGEND = (
    "Before and after: mean test accuracy of all runs, also those that did not learn. Noise: p of "
    f"{SIGNIFICANT} or more (Welch's test, corrected over this table by Holm). Training loss: mean by epoch, from 0."
)


@dataclass
class Comparison:
    """The two commits, and notes in Markdown on what could not be compared."""

    base: str
    branch: str
    notes: list[str] = field(default_factory=list)

    def read(self, path: str | Path, parse: Callable[[str], dict[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the parsed file of the base and of the branch; None and a note if it is absent or unreadable.

        A file that both have alike needs no note. Raises GitError.
        """
        contents = [file_at(commit, str(path)) for commit in (self.base, self.branch)]
        notes = [] if contents[0] == contents[1] else self.notes
        parsed: list[dict[str, Any] | None] = [None, None]
        for side, (name, content) in enumerate(zip(("base", "branch"), contents, strict=True)):
            if content is None:
                notes.append(f"{code(path)} is absent on the {name}")
                continue
            try:
                parsed[side] = parse(content.decode(errors="replace"))
            except Exception as error:  # a file of another form can make a parser raise anything
                notes.append(f"{code(path)} is not readable on the {name}: {code(error)}")
        return parsed


def report(base: str) -> str:
    """Return the report, or one line with the reason why there is none."""
    try:
        pair = compared(base)
        sections = [
            architectures(pair),
            values(pair, "parameter", PARAMS_FILE, lambda text: dict(read_yaml(text, str(PARAMS_FILE)))),
            stages(pair),
            values(pair, "verdict", f"{METRICS}/verdicts.json", _verdicts),
        ]
        if uncommitted := git("diff", "--name-only", "--relative", "HEAD", "--", *COMPARED).splitlines():
            pair.notes.append(f"Not committed: {_listed(uncommitted)}")
    except InputError as error:
        return f"Nothing was compared: {error}\n"
    old, new = pair.base[:7], pair.branch[:7]
    what = "Changed" if any(sections) else "Nothing that could be compared changed" if pair.notes else "Nothing changed"
    page = [f"{what} between {code(base)} ({old}) and this branch ({new}).", *filter(None, sections)]
    if pair.notes:
        page.append("Not compared:\n\n" + "\n".join(f"- {note}." for note in dict.fromkeys(pair.notes)))
    if any(sections):
        page.append(f"All numbers: `dvc metrics diff {old} {new} --targets {METRICS}/study.json`")
    return "\n\n".join(page) + "\n"


def compared(base: str) -> Comparison:
    """Return HEAD and the commit at which it left `base`; if Git finds none, `base` itself. Raises InputError."""
    commits = {}
    for name in (base, "HEAD"):
        found = git_or_none("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if not found:
            raise InputError(f"this clone has no commit {code(name)}. Try `git fetch`.")
        commits[name] = found.strip()
    if ancestor := git_or_none("merge-base", commits[base], commits["HEAD"]):
        return Comparison(ancestor.strip(), commits["HEAD"])
    why = f"Git finds no commit at which the branch left {code(base)}; in a shallow clone run `git fetch --unshallow`"
    return Comparison(commits[base], commits["HEAD"], [f"{why}. The base is {code(base)} itself"])


RUNS = {"architecture": str, "parameters": int, "seed": int, "test_accuracy": float, "learned": bool}
CURVES = {"architecture": str, "seed": int, "epoch": int} | dict.fromkeys(EPOCH_COLUMNS, float)


def architectures(pair: Comparison) -> str:
    """Return a row per architecture of which runs or learning curves differ, and per baseline that is another one."""
    rows: list[dict[str, Any]] = []
    unchanged = 0
    baselines = pair.read(PARAMS_FILE, lambda text: {one.family: one.label for one in read_params(text).baselines()})
    for family in FAMILIES:
        runs = pair.read(f"{PLOTS}/{family}_accuracy.csv", lambda text: _by_architecture(text, RUNS))
        curves = pair.read(f"{PLOTS}/{family}_curves.csv", lambda text: _by_architecture(text, CURVES))
        labels = [(side or {}).get(family, "") for side in baselines]
        if "" not in labels and labels[0] != labels[1]:
            for side, label in zip([*runs, *curves], [*labels, *labels], strict=True):
                if side and label in side:
                    side[f"{family}: {_steps(labels)}"] = side[label]
        for name in dict.fromkeys(name for side in reversed([*curves, *runs]) for name in side or {}):
            ran, drawn = ([(side or {}).get(name, pd.DataFrame()) for side in sides] for sides in (runs, curves))
            if ran[0].equals(ran[1]) and drawn[0].equals(drawn[1]):
                unchanged += 1
            else:
                rows.append({"": code(name)} | _cells(ran, drawn, comparable=None not in runs))
    tested = [row for row in rows if isinstance(row["by the runs"], float)]
    for row, p in zip(tested, holm([row["by the runs"] for row in tested]), strict=True):
        row["by the runs"] = f"{'noise' if p >= SIGNIFICANT else 'more than noise'}, p = {p:.3f}"
    others = f" {counted(unchanged, 'other architecture')} did not change." if unchanged else ""
    return f"{_table('architecture', len(rows), rows)}\n\n{LEGEND}{others}" if rows else ""


def _by_architecture(text: str, types: Mapping[str, type]) -> dict[str, pd.DataFrame]:
    """Return these columns of CSV by architecture. Raises ValueError if it lacks one."""
    missing = {name: ["", "nan", "inf", "-inf"] for name, kind in types.items() if kind is float}
    table = pd.read_csv(StringIO(text), usecols=list(types), dtype=types, na_values=missing, keep_default_na=False)
    return {str(label): group.reset_index(drop=True) for label, group in table.groupby("architecture", sort=False)}


def _cells(runs: list[pd.DataFrame], curves: list[pd.DataFrame], comparable: bool) -> dict[str, Any]:
    """Return an architecture's cells by column; "by the runs" is a word, or a p-value that is not yet corrected.

    `runs` and `curves` have a table per commit, empty if it lacks the architecture. `comparable`: both commits' runs
    could be read, so that such an architecture is new or removed.
    """
    ran = [table for table in runs if not table.empty]
    accuracies = [[] if table.empty else table["test_accuracy"].dropna().tolist() for table in runs]
    before, after = (sum(values) / len(values) if values else None for values in accuracies)
    word, test = "too few runs to test", None
    if len(ran) < 2:
        word = ("new" if runs[0].empty else "removed") if comparable else ""
    elif accuracies[0] and accuracies[0] == accuracies[1]:
        word = "equal"
    else:
        test = difference(*accuracies)
    return {
        "before": ABSENT if before is None else f"{100 * before:.2f} %",
        "after": ABSENT if after is None else f"{100 * after:.2f} %",
        "difference": "" if before is None or after is None else f"{100 * (after - before):+.2f}",
        "by the runs": test.p if test else word,
        "learned": _steps([f"{table['learned'].sum()} of {len(table)}" for table in ran]),
        "parameters": _steps([f"{table['parameters'].iloc[0]:,}" for table in ran]),
        "training loss": _steps(_sparklines([table for table in curves if not table.empty])),
    }


def _steps(cells: list[str]) -> str:
    return " → ".join(dict.fromkeys(cells))


def _sparklines(curves: list[pd.DataFrame]) -> list[str]:
    """Return the mean training loss of each table as at most POINTS bars, all on one scale from 0."""
    means = [table.groupby("epoch")["loss"].mean().dropna().to_numpy() for table in curves]
    top = max((losses.max() for losses in means if losses.size), default=0) or 1
    lines = []
    for losses in means:
        points = np.linspace(0, len(losses) - 1, min(len(losses), POINTS)).round().astype(int)
        heights = (losses[points] / top * (len(BARS) - 1)).round().astype(int)
        lines.append("".join(BARS[height] for height in heights))
    return lines


def values(pair: Comparison, what: str, path: str | Path, parse: Callable[[str], dict[str, Any]]) -> str:
    """Return a row per key that differs in a file; a new or removed section is one key."""
    before, after = pair.read(path, parse)
    changes = () if before is None or after is None else _differences(before, after)
    rows = [{"": code(key), "before": code(old), "after": code(new)} for key, old, new in changes]
    return _table(what, len(rows), rows)


def _verdicts(text: str) -> dict[str, str]:
    return {one["claim"]: one["verdict"] for one in json.loads(text).values()}


def _differences(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each differing key, with dots, and its two values, ABSENT if a side lacks the key."""
    for key in dict.fromkeys([*after, *before]):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key}", old, new


def stages(pair: Comparison) -> str:
    """Return a row per set of inputs that changed in dvc.lock, with the stages that depend on them."""
    before, after = pair.read("dvc.lock", _inputs_and_outputs)
    if before is None or after is None:
        return ""
    groups: dict[tuple[str, str], list[str]] = {}
    for stage in dict.fromkeys([*after, *before]):
        was, now = before.get(stage), after.get(stage)
        if was == now:
            continue
        done, causes = "new" if now else "removed", ""
        if was and now:
            done = "retrained" if stage.startswith("train") else "run again"
            done += ", to the same bytes" if was[1] == now[1] else ""
            causes = _listed([key for key, _, _ in _differences(was[0], now[0])])
        groups.setdefault((done, causes), []).append(stage)
    rows = [{"": _listed(names), " ": done, "changed": causes} for (done, causes), names in groups.items()]
    return _table("stage", sum(map(len, groups.values())), rows)


def _inputs_and_outputs(lock: str) -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Return by stage its command, parameters and dependencies by name, and the hashes of its outputs."""
    found = {}
    for name, stage in read_yaml(lock, "dvc.lock")["stages"].items():
        params = {key: value for file in stage.get("params", {}).values() for key, value in file.items()}
        files, outputs = ({one["path"]: one.get("md5") for one in stage.get(kind, [])} for kind in ("deps", "outs"))
        found[name] = ({"cmd": stage["cmd"]} | params | files, outputs)
    return found


def _table(what: str, count: int, rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table of at most ROWS rows, headed by the number of things; "" without rows."""
    if not rows:
        return ""
    table = pd.DataFrame(rows[:ROWS]).rename(columns={"": counted(count, what)})
    more = f"\n\nand {len(rows) - ROWS} more" if len(rows) > ROWS else ""
    return table.to_markdown(index=False, disable_numparse=True) + more


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(map(code, names[:LISTED])) + more


def code(value: object) -> str:
    """Return any text as code on one line, which ends no cell and mentions nobody."""
    text = " ".join(str(value).split())
    text = text if len(text) <= CELL else f"{text[: CELL - 1]}…"
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def main() -> None:
    print(report(sys.argv[1] if len(sys.argv) > 1 else "origin/main"), end="")


if __name__ == "__main__":
    main()
