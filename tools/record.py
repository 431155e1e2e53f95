"""Keep the results that lie in the project, as they are now, as a record.

    python -m tools.record NAME COMMAND

Writes records/NAME/: params.yaml, metrics/ and plots/ (CSV with every seed's values, PNG, and the page, of about 1 MB,
which needs the models to be made), layers/ (what happened inside the networks of the study), and a README.md with the
command that made them, the machine, and the verdicts.
Refused where dvc.lock is behind params.yaml or the code.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from stages.common.errors import InputError, reported_in_one_line
from stages.common.files import write_text
from stages.common.places import METRICS, MODELS, PLOTS
from stages.params import NAME, PARAMS_FILE, load_params
from tools.common.markdown import ABSENT, table
from tools.common.pipeline import stale_stages
from tools.measuring.machine import machine

RECORDS = Path("records")
LAYERS = "layers"
COLUMNS = [
    "family", "kernels, or blocks", "started", "accuracy of the started, %", "95 % interval", "over all runs, %",
]  # fmt: skip


def results_table(study: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown row an architecture: runs that started, mean test accuracy of those with its interval, over all.

    `study` is what metrics/study.json holds: numbers by family and architecture, accuracies as fractions.
    """
    rows = []
    for family, architectures in study.items():
        for key, numbers in architectures.items():
            low, high = (numbers.get(f"test_accuracy_started_{end}") for end in ("low", "high"))
            interval = f"{100 * low:.2f} to {100 * high:.2f}" if low is not None and high is not None else ABSENT
            means = [numbers.get(name) for name in ("test_accuracy_started", "test_accuracy")]
            started, overall = (f"{100 * mean:.2f}" if mean is not None else ABSENT for mean in means)
            rows.append([family, key, f"{numbers['started']} of {numbers['seeds']}", started, interval, overall])
    return table(COLUMNS, rows)


def readme(name: str, command: str) -> str:
    """The record's page, from what lies in metrics/: the command, a row an architecture, the verdicts, the machine."""
    study = json.loads((METRICS / "study.json").read_text(encoding="utf-8"))
    verdicts = json.loads((METRICS / "verdicts.json").read_text(encoding="utf-8")).values()
    parts = [
        f"# {name}",
        f"Made by `{command}`, then `python -m tools.record {name}`. All of it on [one page](plots/report.html).",
        results_table(study).rstrip(),
        "\n".join(f"- *{one['claim']}*: **{one['verdict']}**. {one['sentence']}" for one in verdicts),
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with reported_in_one_line("record"):
        if len(sys.argv) != 3 or not re.fullmatch(NAME, sys.argv[1]):
            raise InputError(f"holds {' '.join(sys.argv[1:])!r}, may hold a record's name and the command that made it")
        name, command = sys.argv[1:]
        params = load_params()
        if stale := ", ".join(stale_stages()):
            raise InputError(f"dvc.lock: is behind params.yaml, the data or the code at {stale}; `dvc repro` first")
        place = RECORDS / name
        place.mkdir(parents=True, exist_ok=True)
        for folder in (METRICS, PLOTS):
            for path in sorted(folder.iterdir()):
                if path.suffix in (".json", ".csv", ".png", ".html"):
                    (place / folder).mkdir(exist_ok=True)
                    shutil.copyfile(path, place / path)
        (place / LAYERS).mkdir(exist_ok=True)
        for named in params.studied():
            shutil.copyfile(MODELS / named.name / "layers.csv", place / LAYERS / f"{named.name}.csv")
        shutil.copyfile(PARAMS_FILE, place / PARAMS_FILE)
        write_text(place / "README.md", readme(name, command))
        print(f"record: {place}")


if __name__ == "__main__":
    main()
