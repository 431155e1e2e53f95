"""What came out, short: the few numbers that DVC compares, and the table with which a run ends.

Both are made of what metrics/ and plots/ hold, and data/raw/ where classes have names, so that the table can be had
again without a run.
"""

import csv
import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from stages.analysis.recorded import OPEN
from stages.analysis.tables import in_order
from stages.common import METRICS, PLOTS, RAW, InputError
from stages.data.class_names import CLASS_NAMES, read_class_names
from stages.params import FAMILIES, Family, Params, StudyArchitecture

ACCURACY = METRICS / "accuracy.json"
STUDY, SUMMARY, VERDICTS = METRICS / "study.json", METRICS / "summary.json", METRICS / "verdicts.json"
PAGE = PLOTS / "report.html"
BEST = "best_for_its_cost"
COLUMNS = 80  # of the terminal
MOST_ROWS = 12  # of the table; with them, and every verdict decided, it is 26 lines long
Numbers = dict[str, Any]  # of an architecture, by the names that `tables.summarize` gives them


def compared_numbers(params: Params, summary: Numbers, study: Numbers) -> Numbers:
    """What `dvc metrics` and `dvc exp show` compare: of the picks three numbers, of all others one, by their names.

    The test accuracies are means over all runs, those that failed to learn included. What does not exist is left out.
    """
    chosen: Numbers = {}
    for described in params.architectures():
        numbers = _numbers(described, summary, study)
        if described.is_baseline:
            names = ("validation_accuracy", "test_accuracy", "learned")
            chosen[described.name] = {name: numbers[name] for name in names if name in numbers}
        elif "test_accuracy" in numbers:
            chosen[described.name] = numbers["test_accuracy"]
    return chosen


class Row(NamedTuple):
    label: str
    numbers: Numbers
    reference: float | None  # the notebook's test accuracy


def outcome(params: Params, page: Path = PAGE) -> str:
    """The table of all architectures, the verdicts that are decided, and where the page lies: lines for a terminal.

    Raises InputError where these lack a file, or the numbers of an architecture of `params`.
    """
    summary, study, verdicts = (_read(path) for path in (SUMMARY, STUDY, VERDICTS))
    references = _references([family for family in FAMILIES if family in study])
    rows = []
    for family in FAMILIES:
        ordered = in_order(family, params.architectures())
        told = [Row(one.label, _numbers(one, summary, study), references.get(one.label)) for one in ordered]
        rows += sorted(told, key=lambda row: row.numbers["parameters"]) if family == "custom" else told
    best = verdicts[BEST]["verdict"]
    shown = _shown(rows, best)
    varied = "kernels, blocks, found" if params.study.custom else "kernels, blocks"
    parts = [_title(params), *_table(shown, best, varied)]
    if more := len(rows) - len(shown):
        parts.append(f"  and {more} more, of lower validation accuracy: {STUDY}")
    decided = _decided(verdicts, len(params.train.seeds))
    return "\n".join([*parts, *_legend(shown, best), *_classes(), "", *decided, "", f"All of it: {page}"])


def _read(path: Path) -> Numbers:
    try:
        content: Numbers = json.loads(_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); `make repro` makes it anew") from None
    return content


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: missing; `make repro` makes it") from None


def _references(families: list[Family]) -> dict[str, float]:
    """The notebook's test accuracies by label, of the architectures that it had on these data."""
    rows = [row for family in families for row in csv.DictReader(_text(accuracy_csv(family)).splitlines())]
    return {row["architecture"]: float(row["reference"]) for row in rows if row.get("reference")}


def accuracy_csv(family: Family) -> Path:
    """Where a family's accuracies lie, a run a row."""
    return PLOTS / f"{family}_accuracy.csv"


def _numbers(described: StudyArchitecture, summary: Numbers, study: Numbers) -> Numbers:
    place, path = (summary, SUMMARY) if described.is_baseline else (study.get(described.family, {}), STUDY)
    if described.key not in place:
        raise InputError(f"{path}: holds nothing of {described.name}, which params.yaml names; `make repro` adds it")
    numbers: Numbers = place[described.key]
    return numbers


def _shown(rows: list[Row], best: str) -> list[Row]:
    """All, or MOST_ROWS: the best for its cost, and those of highest validation accuracy, or test accuracy without."""

    def rank(row: Row) -> tuple[bool, float]:
        known = (row.numbers.get(f"{part}_accuracy") for part in ("validation", "test"))
        return row.label == best, next((float(accuracy) for accuracy in known if accuracy is not None), 0)

    chosen = sorted(rows, key=rank, reverse=True)[:MOST_ROWS]
    return [row for row in rows if row in chosen]


def _title(params: Params) -> str:
    epochs, seeds = params.train.epochs, params.train.seeds
    ran = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return textwrap.shorten(f"Test accuracy in %, {ran}, {drawn}, {params.data.source}", COLUMNS, placeholder=" ...")


def _table(rows: list[Row], best: str, varied: str) -> list[str]:
    told = [
        [
            f"{'*' if row.label == best else ' '} {row.label}",
            f"{row.numbers['parameters']:,}",
            f"{row.numbers['learned']} of {row.numbers['seeds']}",
            _accuracy(row.numbers),
            _interval(row.numbers),
            _percent(row.reference),
        ]
        for row in rows
    ]
    titles = [f"  {varied}", "parameters", "learned", "accuracy", "95 % interval", "notebook"]
    used = [k for k in range(len(titles)) if any(cells[k] for cells in told)]  # no interval, no column of them
    lines = [[cells[k] for k in used] for cells in [titles, *told]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join([first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]).rstrip() for first, *others in lines
    ]


def _accuracy(numbers: Numbers) -> str:
    """Of the runs that learned; of all, where none did; nothing, where all diverged."""
    return _percent(numbers.get("test_accuracy_learned", numbers.get("test_accuracy"))) or "-"


def _interval(numbers: Numbers) -> str:
    low, high = (numbers.get(f"test_accuracy_learned_{end}") for end in ("low", "high"))
    return "" if low is None else f"{_percent(low)} to {_percent(high)}"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _legend(rows: list[Row], best: str) -> list[str]:
    marked = "* best for its cost. " if any(row.label == best for row in rows) else ""
    means = "Means of the runs that learned (of all, where none did)." if rows[0].numbers["seeds"] > 1 else ""
    return [line] if (line := f"{marked}{means}".rstrip()) else []


def _classes() -> list[str]:
    """The names of the classes, where the data set has them."""
    path = RAW / CLASS_NAMES
    names = f"Classes: {', '.join(read_class_names(path))}" if path.exists() else ""
    return [textwrap.shorten(names, COLUMNS, placeholder=" ...")] if names else []


def _decided(verdicts: Numbers, seeds: int) -> list[str]:
    """A claim a line, with its verdict."""
    decided = [one for key, one in verdicts.items() if key != BEST and one["verdict"] not in OPEN]
    if decided:
        return [line for one in decided for line in _wrapped(f"{one['claim']}: {one['verdict']}")]
    if seeds == 1:
        return ["One seed decides no claim; five: dvc exp run -S 'train.seeds=[0,1,2,3,4]'"]
    return ["No claim is decided by these seeds."]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, COLUMNS, subsequent_indent="  ")
