"""Write docs/result.png and the tables of README.md and docs/ from metrics/ and records/.

    python -m tools.document_tables

A table stands between the lines `<!-- table NAME -->` and `<!-- end -->`; TABLES has the names.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.analysis.reference import reference_accuracy
from stages.common import reported_in_one_line
from stages.params import load_params
from stages.report.figures import own_style, write_png
from stages.training.files import write_text

TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
Numbers = dict[str, dict[str, dict[str, Any]]]  # by family and architecture, as in metrics/study.json


def study_of(place: str) -> Numbers:
    """Return metrics/study.json of a record, or of the project for ".", with today's names of its keys."""
    text = Path(place, "metrics/study.json").read_text(encoding="utf-8")
    for old, new in (("started_share", "learned_fraction"), ("started", "learned"), ('"found"', '"custom"')):
        text = text.replace(old, new)
    numbers: Numbers = json.loads(text)
    return numbers


def markdown(rows: list[dict[str, str]] | pd.DataFrame) -> str:
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


def study() -> str:
    """Return one row per notebook network: its accuracy there, in our run of its protocol, and from five seeds."""
    five, notebook, rows = study_of("records/study"), study_of("records/notebook"), []
    for one in load_params().study_architectures():
        if one.family != "custom":
            accuracies = reference_accuracy(one.architecture), notebook[one.family][one.key]["test_accuracy"]
            known = dict(zip(("notebook, %", "our run, %"), map(percent, accuracies), strict=True))
            rows.append({"network": one.label} | known | numbers_of(five[one.family][one.key]))
    return markdown(rows)


def result() -> str:
    """Return the README's rows: some of the study's networks, and two that the search found."""
    five, found = study_of("records/study"), study_of("records/adopted")["custom"]
    chosen = {
        "(5, 10): best for its cost": five["width"]["w5-10"],
        "(10, 20): most accurate of the nine": five["width"]["w10-20"],
        "(15, 30): widest": five["width"]["w15-30"],
        "4 blocks: deepest": five["depth"]["4"],
        "small: found by the search": found["small"],
        "medium: found by the search": found["medium"],
    }
    return markdown([{"network": label} | numbers_of(numbers) for label, numbers in chosen.items()])


@own_style()
def result_figure() -> Figure:
    """Draw mean test accuracy against parameters: networks of the study that learned, networks of the search."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    five, found = study_of("records/study"), study_of("records/adopted")["custom"]
    for label, networks in {"width": five["width"], "depth": five["depth"], "search": found}.items():
        learned = pd.DataFrame([numbers for numbers in networks.values() if numbers["learned"]])
        axes.plot(learned["parameters"], 100 * learned["test_accuracy_learned"], "o:", label=label)
    axes.set(
        xscale="log",
        xlabel="parameters",
        ylabel="test accuracy, %",
        title="Mean of the runs that learned, five seeds each",
    )
    axes.set_xticks([10_000, 30_000, 100_000, 300_000, 1_000_000])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="lower right")
    return figure


def custom(place: str) -> str:
    """Return the custom architectures of a record."""
    return markdown([{"name": name} | numbers_of(numbers) for name, numbers in study_of(place)["custom"].items()])


def chart(*lines: str) -> str:
    """Return a chart that GitHub draws, its lines in blue, orange and red."""
    colours = {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77b4,#ff7f0e,#d62728"}}}
    return "\n    ".join([f"```mermaid\n%%{{init:{json.dumps(colours)}}}%%\nxychart-beta", *lines]) + "\n```"


def gradients() -> str:
    """Return a chart of one layer's gradient norm by epoch, in powers of ten, for three runs of the study."""
    lines = []
    for name, seed in (("w10-20", 0), ("w10-20", 4), ("w15-30", 0)):
        layers = pd.read_csv(f"records/study/layers/{name}.csv")
        norms = layers["gradient_norm"][(layers["seed"] == seed) & (layers["layer"] == "block1_conv2")]
        lines.append(f"line [{','.join(np.log10(norms).map('{:.1f}'.format))}]")
    return chart('x-axis "epoch" 0 --> 20', 'y-axis "log10 of the gradient norm" -12 --> 0', *lines)


def benchmark() -> str:
    """Return a chart and a table of the record of `make bench`."""
    lines = Path("records/benchmark/benchmark.md").read_text(encoding="utf-8").splitlines()
    header, _, *rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    table = pd.DataFrame(rows[:-1], columns=header).iloc[:, [0, 1, 3, 8]]
    table.columns = pd.Index(["architecture", "seconds per epoch", "stock Keras / ours", "PyTorch / ours"])
    bars = f"bar [{','.join(table['stock Keras / ours'])}]"
    picture = chart(f"x-axis {json.dumps(list(table['architecture']))}", 'y-axis "stock Keras / ours" 0 --> 2.5', bars)
    return f"{picture}\n\n{markdown(table)}"


TABLES: dict[str, Callable[[], str]] = {
    "result": result,
    "study": study,
    "gradients": gradients,
    "adopted": lambda: custom("records/adopted"),
    "benchmark": benchmark,
}


def with_tables(text: str) -> str:
    """Return the document's text with current tables from metrics/ and records/."""
    return TABLE.sub(lambda match: f"{match[1]}{TABLES[match[2]]()}\n{match[3]}", text)


def main() -> None:
    with reported_in_one_line("document_tables"):
        for path in (Path("README.md"), *Path("docs").glob("*.md")):
            text = path.read_text(encoding="utf-8")
            write_text(path, with_tables(text))
        write_png(Path("docs/result.png"), result_figure())


if __name__ == "__main__":
    main()
