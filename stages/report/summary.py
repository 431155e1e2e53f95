"""Summarize the results for the terminal: the numbers of every network, a headline and a table.

    python -m stages.report.summary [FOLDER]

prints them from params.yaml, metrics/, plots/ and the names of classes in data/raw/. The page's path starts with FOLDER
(default: none).
"""

import json
import sys
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from stages.analysis.headline import summarize_study
from stages.analysis.runs import MEANS, in_order, network_labels
from stages.analysis.verdicts import BEST
from stages.common import METRICS, PLOTS, RAW, InputError, reported_in_one_line
from stages.data.class_names import CLASS_NAMES, read_class_names
from stages.params import FAMILIES, Family, Params, load_params

STUDY, SUMMARY, VERDICTS = METRICS / "study.json", METRICS / "summary.json", METRICS / "verdicts.json"
PAGE = PLOTS / "report.html"
COLUMNS = 80  # of the terminal
MOST_ROWS = 12  # of the table, so that a run ends in one screen
SPREAD = [f"test_accuracy_learned_{number}" for number in ("deviation", "low", "high")]


def accuracy_csv(family: Family) -> Path:
    """Return the path of a family's accuracies, one row per run."""
    return PLOTS / f"{family}_accuracy.csv"


def read_numbers(params: Params) -> pd.DataFrame:
    """Return the numbers of `runs.summarize`, one row per network that is shown, in order, by its label.

    Further columns: `family` (the first that names it) and `reference` (the notebook's accuracy). `accuracies` lists
    the test accuracies of all runs that did not diverge. A missing number is NaN. Raises OSError if a file is missing,
    ValueError or KeyError if it is damaged or lacks an architecture.
    """
    summary, study = (json.loads(path.read_bytes()) for path in (SUMMARY, STUDY))
    numbers = {
        one.name: summary[one.family] if one.is_baseline else study[one.family][one.key]
        for one in params.architectures()
    }
    labels = network_labels(params)
    shown = in_order(params, {name: known["parameters"] for name, known in numbers.items()})
    rows = [numbers[one.name] | {"architecture": labels[one.name], "family": one.family} for one in shown]
    table = pd.DataFrame(rows).drop_duplicates("architecture").set_index("architecture")
    # An architecture may be called nan
    read: Any = partial(pd.read_csv, dtype={"architecture": str}, keep_default_na=False, na_values=[""])
    runs = pd.concat([read(accuracy_csv(family)) for family in FAMILIES])
    of_network = runs.drop_duplicates(["architecture", "seed"]).groupby("architecture")
    table["reference"] = of_network["reference"].first().astype(float)
    table["accuracies"] = of_network["test_accuracy"].agg(lambda known: list(known.dropna()))
    return table.reindex(columns=table.columns.union([*MEANS, *SPREAD], sort=False))


def summarize_run(params: Params, page: Path = PAGE) -> str:
    """Return the headline, the table of all networks and the page's path for a terminal.

    Raises errors as `read_numbers` does, InputError if the names of classes cannot be read.
    """
    numbers = read_numbers(params)
    best = json.loads(VERDICTS.read_bytes())[BEST]
    headline = summarize_study(params, numbers, best["verdict"], best["sentence"])
    is_best = numbers.index == best["verdict"]
    gain = numbers["validation_accuracy"].fillna(numbers["test_accuracy"]).mask(is_best, 2)
    shown = numbers[gain.rank(method="first", ascending=False, na_option="bottom") <= MOST_ROWS]
    parts = [headline.title, headline.sentence, "", *_table(shown, best["verdict"])]
    notes = ["Test accuracy in %."]
    if len(params.train.seeds) > 1:
        notes = ["Test accuracy in %: mean of the runs that learned, or of all if none did."]
    if is_best.any():
        notes.append("* best for its cost.")
    if more := len(numbers) - len(shown):
        notes.append(f"{more} more are in {STUDY}.")
    parts.append(" ".join(notes))
    if (path := RAW / CLASS_NAMES).exists():
        parts.append(textwrap.shorten(f"Classes: {', '.join(read_class_names(path))}", COLUMNS, placeholder=" ..."))
    parts.append("")
    if len(params.train.seeds) == 1:
        parts.append("One seed cannot settle a claim. Six: dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'")
    lines = [line for part in parts for line in textwrap.wrap(part, COLUMNS, subsequent_indent="  ") or [""]]
    return "\n".join([*lines, f"Full report: {page}"])


def _table(shown: pd.DataFrame, best: str) -> list[str]:
    """Return the lines of the table; a label that is too long for the terminal is cut."""
    percent = 100 * shown.select_dtypes(float)
    table = pd.DataFrame(
        {
            "parameters": shown["parameters"].map("{:,}".format),
            "learned": shown["learned"].astype(str) + " of " + shown["seeds"].astype(str),
            "accuracy": percent["test_accuracy_learned"].fillna(percent["test_accuracy"]),
            "95 % from": percent["test_accuracy_learned_low"],
            "to": percent["test_accuracy_learned_high"],
            "notebook": percent["reference"],
        }
    ).dropna(axis="columns", how="all")
    widths = list(table.columns.str.len() + 2)
    rows = table.to_string(index=False, float_format="{:.2f}".format, na_rep="-", col_space=widths).splitlines()
    room = COLUMNS - len(rows[0])
    names = ["architecture", *(f"{label[: room - 2]}{' *' if label == best else ''}" for label in table.index)]
    width = max(map(len, names))
    return [f"{name:{width}}{row}" for name, row in zip(names, rows, strict=True)]


def main() -> None:
    with reported_in_one_line("summary"):
        try:
            print(f"\n{summarize_run(load_params(), Path(*sys.argv[1:], PAGE))}")
        except (ValueError, KeyError) as error:
            raise InputError(f"{METRICS}: written by other code ({error!r}). Run `make repro`.") from None


if __name__ == "__main__":
    main()
