"""Save the current results as a record.

    python -m tools.record NAME COMMAND

Writes records/NAME/ and replaces an earlier record of that name. It has params.yaml, metrics/, plots/ (CSV with every
seed's values, PNG, the page) and layers/ (statistics inside the study's networks). Its README.md has the command, the
machine and the verdicts. Needs up-to-date results.
"""

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from stages.common import DATA, METRICS, MODELS, InputError, reported_in_one_line, scratch_folder
from stages.params import PARAMS_FILE, load_params
from stages.training.architecture import NAME
from stages.training.files import write_text
from tools.benchmark import machine
from tools.pipeline import entries_of, stages_behind

RECORDS = Path("records")


def read_study(place: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return metrics/study.json of a project or record by family and name."""
    families = json.loads((place / "metrics/study.json").read_bytes()).items()
    return {(family, name): numbers for family, networks in families for name, numbers in networks.items()}


def markdown(rows: list[dict[str, str]] | pd.DataFrame) -> str:
    """Return the rows as a Markdown table."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def describe(numbers: dict[str, Any]) -> dict[str, str]:
    """Return an architecture's parameters, runs that learned, and their mean test accuracy with its 95 % interval."""
    mean, low, high = (percent(numbers.get(f"test_accuracy_learned{end}")) for end in ("", "_low", "_high"))
    return {
        "parameters": f"{numbers['parameters']:,}",
        "learned": f"{numbers['learned']} of {numbers['seeds']}",
        "test accuracy, %": mean if low == "-" else f"{mean} ({low} to {high})",
    }


def describe_study() -> str:
    """Return the study's numbers and verdicts as Markdown."""
    rows = [
        {"family": family, "filters or blocks": key} | describe(numbers)
        for (family, key), numbers in read_study(Path()).items()
    ]
    verdicts = json.loads((METRICS / "verdicts.json").read_text(encoding="utf-8")).values()
    claims = "\n".join(
        f"- *{one['claim']}*: **{one['verdict']}**. {one['sentence']} {one['statistics']}".rstrip() for one in verdicts
    )
    return f"All results: [one page](plots/report.html).\n\n{markdown(rows)}\n\n{claims}"


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.record", description=__doc__)
    parser.add_argument("name", help="the record's folder below records/")
    parser.add_argument("command", help="the command that made the results, for the README")
    options = parser.parse_args()
    with reported_in_one_line("record"):
        if not re.fullmatch(NAME, options.name):
            raise InputError(f"NAME: expected letters, digits and hyphens, got {options.name!r}.")
        if behind := stages_behind():
            raise InputError(f"out of date: {', '.join(behind)}. Run `make repro`.")
        outputs = [Path(out["path"]) for entry in entries_of(Path.cwd()).values() for out in entry["outs"]]
        files = {path: path for path in [PARAMS_FILE, *outputs] if DATA not in path.parents}
        names = [one.name for one in load_params().study_architectures()]
        files |= {Path("layers", f"{name}.csv"): MODELS / name / "layers.csv" for name in names}
        with scratch_folder(RECORDS) as scratch:
            for path, source in files.items():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, scratch / path)
            text = f"# {options.name}\n\nMade by `{options.command}`.\n\n{describe_study()}\n\n{machine()}\n"
            write_text(scratch / "README.md", text)
            scratch.chmod(0o755)
            shutil.rmtree(RECORDS / options.name, ignore_errors=True)  # so that no older file stays
            scratch.rename(RECORDS / options.name)
        print(f"record: {RECORDS / options.name}")


if __name__ == "__main__":
    main()
