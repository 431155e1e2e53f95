"""Write the tables of README.md and docs/ from metrics/ and records/.

    python -m tools.document_tables

A table is between the lines `<!-- table NAME -->` and `<!-- end -->`; NAME is a key of TABLES.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from stages.analysis.reference import reference_accuracy
from stages.common import reported_in_one_line
from stages.params import StudyArchitecture, load_params
from stages.report.summary import summarize_run
from stages.training.files import write_text

TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
Numbers = dict[str, dict[str, dict[str, Any]]]  # by family and architecture, as in metrics/study.json


def study_of(place: str) -> Numbers:
    """Return metrics/study.json of a record, or of the project for ".", with the present names of its keys."""
    text = Path(place, "metrics/study.json").read_text(encoding="utf-8")
    for old, new in (("started_share", "learned_fraction"), ("started", "learned"), ('"found"', '"custom"')):
        text = text.replace(old, new)
    numbers: Numbers = json.loads(text)
    return numbers


def markdown(rows: list[dict[str, str]]) -> str:
    """Return the rows as a Markdown table."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def numbers_of(numbers: dict[str, Any]) -> dict[str, str]:
    """Return an architecture's parameters, runs that learned, and their mean test accuracy with its 95 % interval."""
    mean, low, high = (percent(numbers.get(f"test_accuracy_learned{end}")) for end in ("", "_low", "_high"))
    return {
        "parameters": f"{numbers['parameters']:,}",
        "learned": f"{numbers['learned']} of {numbers['seeds']}",
        "test accuracy, %": mean if low == "-" else f"{mean} ({low} to {high})",
    }


def nine(describe: Callable[..., dict[str, str]], *places: str) -> str:
    """Return a table of the notebook's networks; `describe` makes a row from a network and its numbers per place."""
    studies = [study_of(place) for place in places]
    return markdown(
        [
            {"architecture": one.label} | describe(one, *(study[one.family][one.key] for study in studies))
            for one in load_params().study_architectures()
            if one.family != "custom"
        ]
    )


def study(one: StudyArchitecture, five: dict[str, Any]) -> dict[str, str]:
    return {"notebook, %": percent(reference_accuracy(one.architecture))} | numbers_of(five)


def protocols(_: StudyArchitecture, *numbers: dict[str, Any]) -> dict[str, str]:
    ours, notebook, five = numbers
    low, high = (f"{100 * five[f'learned_fraction_{end}']:.0f}" for end in ("low", "high"))
    return {
        "`metrics/`, %": percent(ours["test_accuracy"]),
        "notebook's protocol, %": percent(notebook["test_accuracy"]),
        "learns in (95 % interval)": f"{low} to {high} %",
    }


def custom(place: str) -> str:
    """Return the custom architectures of a record."""
    return markdown([{"name": name} | numbers_of(numbers) for name, numbers in study_of(place)["custom"].items()])


def benchmark(record: str) -> str:
    """Return the table in a record of `make bench`."""
    lines = Path("records/benchmark", record, "benchmark.md").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


TABLES: dict[str, Callable[[], str]] = {
    "summary": lambda: f"```\n{summarize_run(load_params())}\n```",
    "study": lambda: nine(study, "records/study"),
    "protocols": lambda: nine(protocols, ".", "records/notebook", "records/study"),
    "adopted": lambda: custom("records/adopted"),
    "by-hand": lambda: custom("records/untuned"),
    "benchmark": lambda: benchmark(""),
    "benchmark-normalized": lambda: benchmark("kinds"),
}


def with_tables(text: str) -> str:
    """Return the document's text with up-to-date tables."""
    return TABLE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", text)


def main() -> None:
    with reported_in_one_line("document_tables"):
        for path in (Path("README.md"), *Path("docs").glob("*.md")):
            text = path.read_text(encoding="utf-8")
            write_text(path, with_tables(text))


if __name__ == "__main__":
    main()
