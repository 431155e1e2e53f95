"""Write docs/result.png and the tables of README.md and docs/ from metrics/ and records/.

    python -m tools.document_tables

A table stands between the lines `<!-- table NAME -->` and `<!-- end -->`; TABLES has the names.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.analysis.reference import reference_accuracy
from stages.common import reported_in_one_line
from stages.params import FAMILIES, load_params
from stages.report.figures import own_style, write_png
from stages.training.files import write_text
from tools.record import describe, markdown, percent, read_study

TABLE = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
STUDY, NOTEBOOK, ADOPTED = (Path("records", name) for name in ("study", "notebook", "adopted"))
IN_README = {
    ("width", "w5-10"): "(5, 10): best for its cost",
    ("width", "w10-20"): "(10, 20): most accurate of the nine",
    ("width", "w15-30"): "(15, 30): widest",
    ("depth", "4"): "4 blocks: deepest",
    ("custom", "small"): "small: found by the search",
    ("custom", "medium"): "medium: found by the search",
}


def study() -> str:
    """Return one row per notebook network: its accuracy there, in our run of its protocol, and from five seeds."""
    five, notebook, rows = read_study(STUDY), read_study(NOTEBOOK), []
    for one in load_params().study_architectures():
        if one.family != "custom":
            key, reference = (one.family, one.key), percent(reference_accuracy(one.architecture))
            ours = percent(notebook[key]["test_accuracy"])
            rows.append({"network": one.label, "notebook, %": reference, "our run, %": ours} | describe(five[key]))
    return markdown(rows)


def result() -> str:
    """Return the README's rows: some of the study's networks, and two that the search found."""
    networks = read_study(STUDY) | read_study(ADOPTED)
    return markdown([{"network": label} | describe(networks[key]) for key, label in IN_README.items()])


@own_style()
def result_figure() -> Figure:
    """Draw mean test accuracy against parameters: networks of the study that learned, networks of the search."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    networks = (read_study(STUDY) | read_study(ADOPTED)).items()
    for family, label in zip(FAMILIES, ("width", "depth", "search"), strict=True):
        learned = pd.DataFrame([numbers for key, numbers in networks if key[0] == family and numbers["learned"]])
        axes.plot(learned["parameters"], 100 * learned["test_accuracy_learned"], "o:", label=label)
    axes.set(xscale="log", xlabel="parameters", ylabel="test accuracy, %")
    axes.set_title("Mean of the runs that learned, five seeds each")
    axes.set_xticks([10_000, 30_000, 100_000, 300_000, 1_000_000])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(loc="lower right")
    return figure


def adopted() -> str:
    """Return a row per network that the search found."""
    return markdown([{"name": name} | describe(numbers) for (_, name), numbers in read_study(ADOPTED).items()])


def chart(*lines: str) -> str:
    """Return a chart that GitHub draws, its lines in blue, orange and red."""
    colours = {"themeVariables": {"xyChart": {"plotColorPalette": "#1f77b4,#ff7f0e,#d62728"}}}
    return "\n    ".join([f"```mermaid\n%%{{init:{json.dumps(colours)}}}%%\nxychart-beta", *lines]) + "\n```"


def gradients() -> str:
    """Return a chart of one layer's gradient norm by epoch, in powers of ten, for three runs of the study."""
    lines = []
    for name, seed in (("w10-20", 0), ("w10-20", 4), ("w15-30", 0)):
        layers = pd.read_csv(STUDY / f"layers/{name}.csv")
        norms = layers.query(f"seed == {seed} and layer == 'block1_conv2'")["gradient_norm"]
        lines.append(f"line [{','.join(np.log10(norms).map('{:.1f}'.format))}]")
    return chart('x-axis "epoch" 0 --> 20', 'y-axis "log10 of the gradient norm" -12 --> 0', *lines)


def benchmark() -> str:
    """Return a chart and a table of the record of `make bench`."""
    path, columns = "records/benchmark/benchmark.md", [1, 2, 4, 9]  # column 0 is empty
    table = pd.read_csv(path, sep=r" *\| *", engine="python", dtype=str, skiprows=[1], nrows=9, usecols=columns)
    table.columns = pd.Index(["architecture", "seconds per epoch", "stock Keras / ours", "PyTorch / ours"])
    bars = f"bar [{','.join(table['stock Keras / ours'])}]"
    picture = chart(f"x-axis {json.dumps(list(table['architecture']))}", 'y-axis "stock Keras / ours" 0 --> 2.5', bars)
    return f"{picture}\n\n{markdown(table)}"


TABLES = {table.__name__: table for table in (result, study, gradients, adopted, benchmark)}


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
