"""What a branch changes, for who reviews it: Markdown on stdout.

    python -m tools.pull_requests.report [BASE]

Compares HEAD with the commit at which it left BASE (default: origin/main), both as they were committed: parameters,
metrics, the stages that ran, learning curves, verdicts. It needs no data and no cache. What it could not compare it
says, and ends with exit status 0 all the same: the review goes on.
"""

import json
import sys
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd
import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.common.places import METRICS, PLOTS
from stages.params import FAMILIES, PARAMS_FILE
from tools.common.markdown import ABSENT, code, curve, folded, number, plain, table
from tools.pull_requests.revisions import NothingToCompareError, Side, sides, uncommitted
from tools.pull_requests.seed_noise import judged, read_curves, seed_values

VERDICTS = METRICS / "verdicts.json"
COMPARED = ["dvc.lock", str(PARAMS_FILE), str(METRICS), str(PLOTS)]
FIRST = ("test_accuracy", "test_accuracy_started")  # of the metrics; the others are folded
CURVES = {"loss": "training loss", "val_accuracy": "watched accuracy"}
CAUSES = 4  # of a stage that ran again, shown
SENTENCE = 400  # characters
NOISE = "*Noise*: over the seeds, the 95 % interval of the difference holds 0, so the change may be chance."


class Section(NamedTuple):
    what: str
    changes: int
    text: str


def report(base: str) -> str:
    """The whole page."""
    try:
        old, new = sides(base)
    except NothingToCompareError as error:
        return f"Nothing was compared: {error}.\n"
    sections = [section(old, new) for section in (parameters, metrics, stages, curves, verdicts)]
    missing = unique([*old.missing, *new.missing])
    if not_committed := uncommitted(COMPARED):
        missing.append(f"What is not committed: {', '.join(map(code, not_committed))}")
    changed = [section for section in sections if section.changes]
    counts = ", ".join(_count(section.changes, section.what) for section in changed)
    nothing = "Nothing that could be compared" if missing else "Nothing"
    where = f"between {code(base)} ({old.commit[:7]}) and this branch ({new.commit[:7]})"
    page = [f"{counts or nothing} changed {where}.", *(section.text for section in changed)]
    if missing:
        page.append("## Not compared\n\n" + "\n".join(f"- {line}." for line in missing))
    return "\n\n".join(part.strip() for part in page) + "\n"


def parameters(old: Side, new: Side) -> Section:
    rows = [
        [code(key if file == str(PARAMS_FILE) else f"{file}: {key}"), _value(change["old"]), _value(change["new"])]
        for file, changes in sorted(dvc_diff("params", old, new).items())
        for key, change in sorted(changes.items())
    ]
    return Section("parameter", len(rows), f"## Parameters\n\n{table(['', 'base', 'branch'], rows)}")


def metrics(old: Side, new: Side) -> Section:
    """The numbers that changed, the largest difference first, and what the seeds say of it."""
    changes = {
        key: change
        for file, keys in dvc_diff("metrics", old, new).items()
        for key, change in keys.items()
        if file != str(VERDICTS) and all(isinstance(change[side], int | float | None) for side in ("old", "new"))
    }
    before, after = (seed_values(old), seed_values(new)) if changes else ({}, {})
    first: list[list[str]] = []
    others: list[list[str]] = []
    for key in sorted(changes, key=lambda key: (-abs(changes[key].get("diff", 0)), key)):
        change = changes[key]
        row = [code(key), number(change["old"]), number(change["new"]), number(change.get("diff"), "+")]
        row.append(judged(before.get(key, []), after.get(key, [])) if "diff" in change else "")
        (first if key.rpartition(".")[2] in FIRST else others).append(row)
    columns = ["", "base", "branch", "difference", "by the seeds"]
    text = table(columns, first) if first else "No test accuracy changed.\n"
    if others:
        text += "\n" + folded(f"{_count(len(others), 'other metric')}", table(columns, others))
    return Section("metric", len(changes), f"## Metrics\n\n{NOISE}\n\n{text}")


def stages(old: Side, new: Side) -> Section:
    """By dvc.lock: whether a stage's outputs are other, and what made it run."""
    before, after = (side.read("dvc.lock", _runs) for side in (old, new))
    if before is None or after is None:
        return Section("stage", 0, "")
    rows = []
    for stage in unique([*after, *before]):
        was, now = before.get(stage), after.get(stage)
        if was is None or now is None:
            rows.append([code(stage), "new" if now else "removed", ""])
        elif was != now:
            done = "retrained" if stage.startswith("train") else "run again"
            same = ", to the same bytes" if was.outputs == now.outputs else ""
            rows.append([code(stage), done + same, _causes(was.inputs, now.inputs)])
    return Section("stage", len(rows), f"## Stages\n\n{table(['', '', 'because of'], rows)}")


class Run(NamedTuple):
    """A stage as dvc.lock has it: its command, parameters and files, and the hashes of what came of them."""

    inputs: dict[str, Any]
    outputs: dict[str, str]


def _runs(lock: str) -> dict[str, Run]:
    runs = {}
    for name, stage in yaml.safe_load(lock)["stages"].items():
        params = {key: value for file in stage.get("params", {}).values() for key, value in file.items()}
        files = {dependency["path"]: dependency["md5"] for dependency in stage.get("deps", [])}
        outputs = {output["path"]: output["md5"] for output in stage.get("outs", [])}
        runs[name] = Run({"cmd": stage["cmd"]} | params | files, outputs)
    return runs


def _causes(old: dict[str, Any], new: dict[str, Any]) -> str:
    causes = [name for name in unique([*new, *old]) if old.get(name) != new.get(name)]
    more = len(causes) - CAUSES
    return ", ".join(map(code, causes[:CAUSES])) + (f" and {more} more" if more > 0 else "")


def curves(old: Side, new: Side) -> Section:
    """The architectures whose learning curves are other, base and branch on one scale."""
    rows, changes = [], 0
    for family in FAMILIES:
        before, after = (side.read(f"{PLOTS}/{family}_curves.csv", _by_architecture) for side in (old, new))
        if before is None or after is None:
            continue
        for architecture in unique([*after, *before]):
            pair = [side.get(architecture, pd.DataFrame()) for side in (before, after)]
            if pair[0].equals(pair[1]):
                continue
            changes += 1
            for column, title in CURVES.items():
                means = [_mean_over_seeds(one, column) for one in pair]
                drawn = [curve(mean, min(chain(*means), default=0), max(chain(*means), default=0)) for mean in means]
                rows.append([code(architecture), title, *drawn])
    what = "First epoch, the course, last epoch; means over all seeds, failed starts included."
    text = f"{what}\n\n{table(['', '', 'base', 'branch'], rows)}"
    return Section("learning curve", changes, f"## Learning curves\n\n{text}")


def _by_architecture(text: str) -> dict[str, pd.DataFrame]:
    groups = read_curves(text).groupby("architecture", sort=False)
    return {str(name): group.reset_index(drop=True) for name, group in groups}


def _mean_over_seeds(table: pd.DataFrame, column: str) -> list[float]:
    return [] if table.empty else list(table.groupby("epoch")[column].mean().dropna())


def verdicts(old: Side, new: Side) -> Section:
    if old.text(str(VERDICTS)) is None and new.text(str(VERDICTS)) is None:
        return Section("verdict", 0, "")  # both are from before there were any
    before, after = (side.read(str(VERDICTS), _verdicts) for side in (old, new))
    if before is None or after is None:
        return Section("verdict", 0, "")
    rows = []
    for claim in unique([*after, *before]):
        was, now = before.get(claim), after.get(claim)
        if (was and was["verdict"]) != (now and now["verdict"]):
            said = [plain(one["verdict"]) if one else ABSENT for one in (was, now)]
            latest = now or was or {}
            rows.append([plain(latest["claim"]), *said, plain(latest["sentence"], at_most=SENTENCE)])
    return Section("verdict", len(rows), f"## Verdicts\n\n{table(['claim', 'base', 'branch', ''], rows)}")


def _verdicts(text: str) -> dict[str, dict[str, str]]:
    return {
        claim: {name: str(entry[name]) for name in ("claim", "verdict", "sentence")}
        for claim, entry in json.loads(text).items()
    }


def dvc_diff(what: str, old: Side, new: Side) -> dict[str, dict[str, dict[str, Any]]]:
    """DVC's own difference of "params" or "metrics", by file and key: `old`, `new`, and of numbers `diff`.

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
    files: dict[str, dict[str, dict[str, Any]]] = result.get("diff", {})
    for side in (old, new):
        problems = result.get("errors", {}).get(side.commit, {})
        if not isinstance(problems, dict):  # with the pipeline, everything
            side.lacks(f"DVC's {what}", f"not readable ({plain(problems)})")
            return {}
        absent = [file for file in {*files, *problems} if side.text(file) is None]
        for file in absent:
            side.lacks(file, "absent")
        for file in problems.keys() - absent:
            side.lacks(file, f"not readable ({plain(problems[file])})")
            files.pop(file, None)
    return files


def _value(value: Any) -> str:
    return ABSENT if value is None else code(value)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def unique(items: Iterable[str]) -> list[str]:
    """Each once, in the order in which they first come."""
    return list(dict.fromkeys(items))


def main() -> None:
    print(report(sys.argv[1] if len(sys.argv) > 1 else "origin/main"), end="")


if __name__ == "__main__":
    main()
