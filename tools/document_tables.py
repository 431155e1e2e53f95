"""Write the tables of README.md and docs/ from metrics/ and records/, between markers in these files.

    python -m tools.document_tables

A table stands between the lines `<!-- table NAME -->` and `<!-- end -->`; the functions below have the names.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from stages.analysis.reference import reference_accuracy
from stages.common import PLOTS, reported_in_one_line
from stages.params import StudyArchitecture, load_params
from stages.training.files import write_text

DOCUMENTS = (Path("README.md"), *sorted(Path("docs").glob("*.md")))
TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
Numbers = dict[str, dict[str, dict[str, Any]]]  # by family and architecture, as in metrics/study.json


def study_of(place: str) -> Numbers:
    """Return metrics/study.json of a record, or of the project for ".", with today's names of its keys."""
    text = (Path(place) / "metrics/study.json").read_text(encoding="utf-8")
    for old, new in (("started_share", "learned_fraction"), ("started", "learned"), ('"found"', '"custom"')):
        text = text.replace(old, new)
    numbers: Numbers = json.loads(text)
    return numbers


def markdown(rows: list[dict[str, str]]) -> str:
    """Return the rows as a Markdown table."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def with_interval(numbers: dict[str, Any]) -> str:
    """Return the mean test accuracy of the runs that learned and its 95 % interval, in percent."""
    if not numbers["learned"]:
        return "-"
    low, high = (percent(numbers[f"test_accuracy_learned_{end}"]) for end in ("low", "high"))
    return f"{percent(numbers['test_accuracy_learned'])} ({low} to {high})"


def studied() -> list[StudyArchitecture]:
    return [described for described in load_params().study_architectures() if described.family != "custom"]


def study() -> str:
    """Return the nine networks: the notebook's single run, and the five seeds on record."""
    rows, recorded = [], study_of("records/study")
    for described in studied():
        numbers = recorded[described.family][described.key]
        rows.append(
            {
                "architecture": described.label,
                "parameters": f"{numbers['parameters']:,}",
                "notebook, %": percent(reference_accuracy(described.architecture)),
                "five seeds, %": with_interval(numbers),
                "learned": f"{numbers['learned']} of {numbers['seeds']}",
            }
        )
    return markdown(rows)


def protocols() -> str:
    """Return the nine networks' accuracies in metrics/ and by the notebook's protocol, and how often they learn."""
    rows, places = [], {place: study_of(place) for place in (".", "records/notebook", "records/study")}
    for described in studied():
        one, notebook, five = (numbers[described.family][described.key] for numbers in places.values())
        low, high = (f"{100 * five[f'learned_fraction_{end}']:.0f}" for end in ("low", "high"))
        rows.append(
            {
                "architecture": described.label,
                "`metrics/`, %": percent(one["test_accuracy"]),
                "notebook's protocol, %": percent(notebook["test_accuracy"]),
                "learns in (95 % interval)": f"{low} to {high} %",
            }
        )
    return markdown(rows)


def adopted() -> str:
    """Return what the committed search found under each budget, and its five seeds."""
    search = json.loads(Path("metrics/search.json").read_text(encoding="utf-8"))
    rows, params = [], load_params()
    for name, numbers in study_of("records/adopted")["custom"].items():
        rows.append(
            {
                "parameters up to": f"{params.search.budgets[name]:,}" if params.search else "",
                "parameters": f"{numbers['parameters']:,}",
                "validation accuracy in the search, %": percent(search["validation_accuracy"].get(name)),
                "test accuracy of five seeds, %": with_interval(numbers),
            }
        )
    return markdown(rows)


def by_hand() -> str:
    """Return the networks that were chosen by hand instead of searched for."""
    accuracies = study_of("records/untuned")["custom"]
    table = pd.read_csv("records/untuned" / PLOTS / "found_accuracy.csv").drop_duplicates("architecture")
    rows = [
        {"network": name, "parameters": f"{size:,}", "test accuracy, %": percent(accuracies[name]["test_accuracy"])}
        for name, size in zip(table["architecture"], table["parameters"], strict=True)
    ]
    return markdown(rows)


def benchmark(record: str) -> Callable[[], str]:
    """Return what reads the first table of a record of `make bench`."""

    def table() -> str:
        lines = (Path("records") / record).read_text(encoding="utf-8").splitlines()
        return "\n".join(line for line in lines if line.startswith("|"))

    return table


TABLES: dict[str, Callable[[], str]] = {
    "study": study,
    "protocols": protocols,
    "adopted": adopted,
    "by-hand": by_hand,
    "benchmark": benchmark("benchmark/benchmark.md"),
    "benchmark-normalized": benchmark("benchmark/kinds/benchmark.md"),
    "benchmark-pieces": benchmark("benchmark/pieces/benchmark.md"),
}


def written(text: str) -> str:
    """Return the document's text with its tables as metrics/ and records/ have them now."""
    return TABLE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", text)


def main() -> None:
    with reported_in_one_line("document_tables"):
        for path in DOCUMENTS:
            text = path.read_text(encoding="utf-8")
            if written(text) != text:
                write_text(path, written(text))


if __name__ == "__main__":
    main()
