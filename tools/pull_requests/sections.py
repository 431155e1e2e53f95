"""The sections of a report: what changed between two commits, and in what of it."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import pandas as pd

from stages.report.summary import ACCURACY, STUDY, SUMMARY, VERDICTS
from stages.common import PLOTS, read_yaml
from stages.params import BASELINES, FAMILIES, PARAMS_FILE, Family
from tools.common.console import counted
from tools.common.markdown import ABSENT, code, curve, folded, number, plain, table
from tools.pull_requests.revisions import Side, dvc_diff, json_diff
from tools.pull_requests.seed_noise import judged, read_curves, seed_values

FIRST = ("test_accuracy", "test_accuracy_learned")  # of the metrics; the others are folded
CURVES = {"loss": "training loss", "val_accuracy": "monitored accuracy"}
CAUSES = 4  # of a stage that ran again, shown
ROWS = 50  # of a table, shown; GitHub takes 65,536 characters a comment
SENTENCE = 400  # characters
NOISE = "*Noise*: over the seeds, the 95 % interval of the difference holds 0, so the change may be chance."


class Section(NamedTuple):
    """A part of the page."""

    what: str  # changed, in the singular
    changes: int
    text: str  # Markdown, with its heading; of no use where there are no changes


def parameters(old: Side, new: Side) -> Section:
    rows = [
        [code(key if file == str(PARAMS_FILE) else f"{file}: {key}"), _value(change["old"]), _value(change["new"])]
        for file, changes in sorted(dvc_diff("params", old, new).items())
        for key, change in sorted(changes.items())
    ]
    return Section("parameter", len(rows), f"## Parameters\n\n{table(['', 'base', 'branch'], rows, ROWS)}")


def metrics(old: Side, new: Side) -> Section:
    """The numbers that changed, the largest difference first, and what the seeds say of it.

    Those of metrics/study.json and summary.json, which hold all that the few numbers do that DVC compares, and of what
    else is a metric of DVC's.
    """
    ours = [json_diff(str(path), old, new) for path in (STUDY, SUMMARY)]
    others = dvc_diff("metrics", old, new, without=[str(path) for path in (STUDY, SUMMARY, ACCURACY, VERDICTS)])
    changes = {
        key: change
        for keys in (*ours, *others.values())
        for key, change in keys.items()
        if all(isinstance(change[side], int | float | None) for side in ("old", "new"))
    }
    before, after = (seed_values(old), seed_values(new)) if changes else ({}, {})
    first: list[list[str]] = []
    folded_away: list[list[str]] = []
    for key in sorted(changes, key=lambda key: (-abs(changes[key].get("diff", 0)), key)):
        change = changes[key]
        row = [code(key), number(change["old"]), number(change["new"]), number(change.get("diff"), "+")]
        row.append(judged(before.get(key, []), after.get(key, [])) if "diff" in change else "")
        (first if key.rpartition(".")[2] in FIRST else folded_away).append(row)
    columns = ["", "base", "branch", "difference", "by the seeds"]
    text = table(columns, first, ROWS) if first else "No test accuracy changed.\n"
    if folded_away:
        text += "\n" + folded(counted(len(folded_away), "other metric"), table(columns, folded_away, ROWS))
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
    return Section("stage", len(rows), f"## Stages\n\n{table(['', '', 'because of'], rows, ROWS)}")


class Run(NamedTuple):
    """A stage as dvc.lock has it: its command, parameters and files, and the hashes of what came of them."""

    inputs: dict[str, Any]
    outputs: dict[str, str]


def _runs(lock: str) -> dict[str, Run]:
    runs = {}
    for name, stage in read_yaml(lock, "dvc.lock")["stages"].items():
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
        before, after = (_curves(side, family) for side in (old, new))
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
    what = "First epoch, the course, last epoch; means over all seeds, failed runs included."
    text = f"{what}\n\n{table(['', '', 'base', 'branch'], rows, ROWS)}"
    return Section("learning curve", changes, f"## Learning curves\n\n{text}")


def _curves(side: Side, family: Family) -> dict[str, pd.DataFrame] | None:
    path = f"{PLOTS}/{family}_curves.csv"
    if family not in BASELINES and side.text(path) is None:
        return {}  # it is from before anything could be found
    return side.read(path, _by_architecture)


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
    return Section("verdict", len(rows), f"## Verdicts\n\n{table(['claim', 'base', 'branch', ''], rows, ROWS)}")


def _verdicts(text: str) -> dict[str, dict[str, str]]:
    return {
        claim: {name: str(entry[name]) for name in ("claim", "verdict", "sentence")}
        for claim, entry in json.loads(text).items()
    }


def _value(value: Any) -> str:
    return ABSENT if value is None else code(value)


def unique(items: Iterable[str]) -> list[str]:
    """Each once, in the order in which they first come."""
    return list(dict.fromkeys(items))
