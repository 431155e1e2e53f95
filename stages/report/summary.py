"""The short results: the few numbers that DVC compares, and the table with which a run ends.

    python -m stages.report.summary [FOLDER]

prints the table again from params.yaml, metrics/, plots/ and the names of classes in data/raw/. FOLDER (default: here)
is put in front of the page's path.
"""

import io
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.table import Table

from stages.analysis.tables import in_order
from stages.analysis.verdicts import BEST, OPEN
from stages.common import METRICS, PLOTS, RAW, InputError, reported_in_one_line
from stages.data.class_names import CLASS_NAMES, read_class_names
from stages.params import FAMILIES, Family, Params, StudyArchitecture, load_params

ACCURACY = METRICS / "accuracy.json"
STUDY, SUMMARY, VERDICTS = METRICS / "study.json", METRICS / "summary.json", METRICS / "verdicts.json"
PAGE = PLOTS / "report.html"
COLUMNS = 80  # of the terminal
MOST_ROWS = 12  # of the table, so that a run ends in one screen
Numbers = dict[str, Any]  # of an architecture, by the names that `tables.summarize` gives them


def compared_numbers(params: Params, summary: Numbers, study: Numbers) -> Numbers:
    """Return what `dvc metrics` and `dvc exp show` compare: three numbers per baseline, one per other architecture.

    Test accuracies are means over all runs, failed ones included. A number that does not exist is left out.
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


def summarize_run(params: Params, page: Path = PAGE) -> str:
    """Return the table of all architectures, the decided verdicts and the page's path, as lines for a terminal.

    Raises OSError if a file of metrics/ or plots/ is missing, InputError if it is damaged or lacks an architecture.
    """
    summary, study, verdicts = (_read_json(path) for path in (SUMMARY, STUDY, VERDICTS))
    references = _references([family for family in FAMILIES if family in study])
    rows = []
    for family in FAMILIES:
        members = [
            Row(one.label, _numbers(one, summary, study), references.get(one.label))
            for one in in_order(family, params.architectures())
        ]
        rows += sorted(members, key=lambda row: row.numbers["parameters"]) if family == "custom" else members
    best = verdicts[BEST]["verdict"]
    shown = _most_accurate(rows, best)
    varied = "filters, blocks, custom" if params.study.custom else "filters, blocks"
    parts = [_title(params), *_table_lines(shown, best, varied)]
    if more := len(rows) - len(shown):
        parts.append(f"  and {more} more, of lower validation accuracy: {STUDY}")
    decided = _decided(verdicts, len(params.train.seeds))
    return "\n".join([*parts, *_legend(shown, best), *_class_names(), "", *decided, "", f"Full report: {page}"])


def _read_json(path: Path) -> Numbers:
    try:
        content: Numbers = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Run `make repro`.") from None
    return content


def _references(families: list[Family]) -> dict[str, float]:
    """Return the notebook's test accuracies by label."""
    references: dict[str, float] = {}
    for path in map(accuracy_csv, families):
        try:
            known = pd.read_csv(path, usecols=["architecture", "reference"]).dropna().astype({"reference": float})
        except ValueError as error:
            raise InputError(f"{path}: not a table of accuracies ({error}). Run `make repro`.") from None
        references |= dict(zip(known["architecture"], known["reference"], strict=True))
    return references


def accuracy_csv(family: Family) -> Path:
    """Return the path of a family's accuracies, one row per run."""
    return PLOTS / f"{family}_accuracy.csv"


def _numbers(described: StudyArchitecture, summary: Numbers, study: Numbers) -> Numbers:
    place, path = (summary, SUMMARY) if described.is_baseline else (study.get(described.family, {}), STUDY)
    numbers: Numbers = place.get(described.key, {})
    if "learned" not in numbers:
        raise InputError(f"{path}: no entry for {described.name} as today's code writes it. Run `make repro`.")
    return numbers


def _most_accurate(rows: list[Row], best: str) -> list[Row]:
    """Return at most MOST_ROWS: `best`, and those of highest validation accuracy, or test accuracy without."""

    def rank(row: Row) -> tuple[bool, float]:
        known = (row.numbers.get(f"{part}_accuracy") for part in ("validation", "test"))
        return row.label == best, next((float(accuracy) for accuracy in known if accuracy is not None), 0)

    chosen = sorted(rows, key=rank, reverse=True)[:MOST_ROWS]
    return [row for row in rows if row in chosen]


def _title(params: Params) -> str:
    epochs, seeds = params.train.epochs, params.train.seeds
    length = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return textwrap.shorten(f"Test accuracy in %, {length}, {drawn}, {params.data.source}", COLUMNS, placeholder=" ...")


def _table_lines(rows: list[Row], best: str, varied: str) -> list[str]:
    columns = {
        f"  {varied}": [f"{'*' if row.label == best else ' '} {row.label}" for row in rows],
        "parameters": [f"{row.numbers['parameters']:,}" for row in rows],
        "learned": [f"{row.numbers['learned']} of {row.numbers['seeds']}" for row in rows],
        "accuracy": [_accuracy(row.numbers) for row in rows],
        "95 % interval": [_interval(row.numbers) for row in rows],
        "notebook": [_percent(row.reference) for row in rows],
    }
    used = {title: cells for title, cells in columns.items() if any(cells)}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for number, title in enumerate(used):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for cells in zip(*used.values(), strict=True):
        table.add_row(*cells)
    text = io.StringIO()
    Console(file=text, width=10 * COLUMNS, color_system=None, markup=False, emoji=False, _environ={}).print(table)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def _accuracy(numbers: Numbers) -> str:
    """Return the mean of the runs that learned; of all, if none did; a dash, if all diverged."""
    return _percent(numbers.get("test_accuracy_learned", numbers.get("test_accuracy"))) or "-"


def _interval(numbers: Numbers) -> str:
    low, high = (numbers.get(f"test_accuracy_learned_{end}") for end in ("low", "high"))
    return "" if low is None else f"{_percent(low)} to {_percent(high)}"


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _legend(rows: list[Row], best: str) -> list[str]:
    marked = "* best for its cost. " if any(row.label == best for row in rows) else ""
    means = "Means of the runs that learned (of all, if none did)." if rows[0].numbers["seeds"] > 1 else ""
    return [line] if (line := f"{marked}{means}".rstrip()) else []


def _class_names() -> list[str]:
    path = RAW / CLASS_NAMES
    names = f"Classes: {', '.join(read_class_names(path))}" if path.exists() else ""
    return [textwrap.shorten(names, COLUMNS, placeholder=" ...")] if names else []


def _decided(verdicts: Numbers, seeds: int) -> list[str]:
    decided = [one for key, one in verdicts.items() if key != BEST and one["verdict"] not in OPEN]
    lines = [f"{one['claim']}: {one['verdict']}" for one in decided]
    if not decided and seeds > 1:
        lines = [f"{seeds} seeds settle no claim."]
    elif not decided:
        lines = ["One seed cannot settle a claim. Six: dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'"]
    return [part for line in lines for part in textwrap.wrap(line, COLUMNS, subsequent_indent="  ")]


def main() -> None:
    with reported_in_one_line("summary"):
        print(f"\n{summarize_run(load_params(), Path(*sys.argv[1:], PAGE))}")


if __name__ == "__main__":
    main()
