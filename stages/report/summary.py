"""The short results: the numbers per architecture, and the table with which a run ends.

    python -m stages.report.summary [FOLDER]

prints the table again from params.yaml, metrics/, plots/ and the names of classes in data/raw/. FOLDER (default: here)
is put in front of the page's path.
"""

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from stages.analysis.runs import MEANS, in_order, network_labels
from stages.analysis.verdicts import BEST, OPEN
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

    Further columns: `architecture` (the label), `family` (the first that names it), `reference` (the notebook's
    accuracy) and `accuracies` (a list: test accuracies of all runs that did not diverge). A number that does not exist
    is NaN. Raises OSError if a file is missing, ValueError or KeyError if it is damaged or lacks an architecture.
    """
    summary, study = (json.loads(path.read_text(encoding="utf-8")) for path in (SUMMARY, STUDY))
    numbers = {
        one.name: summary[one.family] if one.is_baseline else study[one.family][one.key]
        for one in params.architectures()
    }
    shown = in_order(params, {name: known["parameters"] for name, known in numbers.items()})
    labels = network_labels(params)
    names = [labels[one.name] for one in shown]
    runs = pd.concat([pd.read_csv(accuracy_csv(family)) for family in FAMILIES]).astype({"reference": float})
    runs = runs.drop_duplicates(["architecture", "seed"]).groupby("architecture")
    table = pd.DataFrame([numbers[one.name] for one in shown], index=names)
    table = table.assign(architecture=names, family=[one.family for one in shown]).drop_duplicates("architecture")
    table["reference"] = runs["reference"].first()
    table["accuracies"] = runs["test_accuracy"].agg(lambda accuracies: list(accuracies.dropna()))
    return table.reindex(columns=table.columns.union([*MEANS, *SPREAD], sort=False))


def summarize_run(params: Params, page: Path = PAGE) -> str:
    """Return the table of all architectures, the decided verdicts and the page's path, as lines for a terminal.

    Raises errors as `read_numbers` does, InputError if the names of classes cannot be read.
    """
    numbers, verdicts = read_numbers(params), json.loads(VERDICTS.read_text(encoding="utf-8"))
    best = numbers["architecture"] == verdicts[BEST]["verdict"]
    gain = numbers["validation_accuracy"].fillna(numbers["test_accuracy"]).mask(best, 2)
    shown = numbers[gain.rank(method="first", ascending=False, na_option="bottom") <= MOST_ROWS]
    mean, low, high = (100 * shown[f"test_accuracy_learned{end}"] for end in ("", "_low", "_high"))
    table = pd.DataFrame(
        {
            "parameters": shown["parameters"].map("{:,}".format),
            "learned": shown["learned"].astype(str) + " of " + shown["seeds"].astype(str),
            "accuracy": mean.fillna(100 * shown["test_accuracy"]),
            "95 % from": low,
            "to": high,
            "notebook": 100 * shown["reference"],
        }
    )
    table.index = shown.index + best[shown.index].map({True: " *", False: ""})
    known = table.dropna(axis="columns", how="all").rename_axis("architecture", axis="columns")
    widths = list(known.columns.str.len() + 2)
    lines = known.to_string(float_format="{:.2f}".format, na_rep="-", col_space=widths)
    parts = [_shortened(_title(params)), lines]
    if more := len(numbers) - len(shown):
        parts.append(f"and {more} more, of lower validation accuracy: {STUDY}")
    seeds = len(params.train.seeds)
    marked = "* best for its cost. " if best.any() else ""
    parts.append(f"{marked}{'Means of the runs that learned (of all, if none did).' if seeds > 1 else ''}".rstrip())
    if (path := RAW / CLASS_NAMES).exists():
        parts.append(_shortened(f"Classes: {', '.join(read_class_names(path))}"))
    return "\n".join([*filter(None, parts), "", *_decided(verdicts, seeds), "", f"Full report: {page}"])


def _title(params: Params) -> str:
    epochs, seeds = params.train.epochs, params.train.seeds
    length = f"{epochs} epoch{'' if epochs == 1 else 's'}"
    drawn = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return f"Test accuracy in %, {length}, {drawn}, {params.data.source}"


def _shortened(line: str) -> str:
    return textwrap.shorten(line, COLUMNS, placeholder=" ...")


def _decided(verdicts: dict[str, Any], seeds: int) -> list[str]:
    decided = [one for key, one in verdicts.items() if key != BEST and one["verdict"] not in OPEN]
    lines = [f"{one['claim']}: {one['verdict']}" for one in decided]
    if not decided and seeds > 1:
        lines = [f"{seeds} seeds settle no claim."]
    elif not decided:
        lines = ["One seed cannot settle a claim. Six: dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'"]
    return [part for line in lines for part in textwrap.wrap(line, COLUMNS, subsequent_indent="  ")]


def main() -> None:
    with reported_in_one_line("summary"):
        try:
            print(f"\n{summarize_run(load_params(), Path(*sys.argv[1:], PAGE))}")
        except (ValueError, KeyError) as error:
            raise InputError(f"{METRICS}: not as today's code writes it ({error!r}). Run `make repro`.") from None


if __name__ == "__main__":
    main()
