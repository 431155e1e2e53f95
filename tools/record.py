"""Keep the results that lie in the project, as they are now, as a record.

    python -m tools.record NAME COMMAND
    python -m tools.record --search NAME COMMAND

Writes records/NAME/, in the place of one that is there: params.yaml, metrics/ and plots/ (CSV with every seed's values,
PNG, and the page, of about 1 MB, which needs the models to be made), layers/ (what happened inside the networks of the
study), and a README.md with the command that made them, the machine, and the verdicts. With `--search` what the search
has left, and its front. Refused where dvc.lock, or search/dvc.lock, is behind params.yaml or the code.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.common import METRICS, MODELS, TRIALS, InputError, read_yaml, reported_in_one_line
from stages.params import PARAMS_FILE, Params, load_params
from stages.search import checked_search
from stages.training.architecture import NAME
from stages.training.files import write_text
from stages.trials.summary import outcome
from stages.trials.table import read_trials
from tools.adopt import check_up_to_date
from tools.common.markdown import ABSENT, table
from tools.common.pipeline import stale_stages
from tools.measuring.machine import machine

RECORDS = Path("records")
LAYERS = "layers"
COLUMNS = [
    "family", "kernels, or blocks", "learned", "accuracy of the learned, %", "95 % interval", "over all runs, %",
]  # fmt: skip


def results_table(study: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown row an architecture: runs that learned, mean test accuracy of those with its interval, over all.

    `study` is what metrics/study.json holds: numbers by family and architecture, accuracies as fractions.
    """
    rows = []
    for family, architectures in study.items():
        for key, numbers in architectures.items():
            low, high = (numbers.get(f"test_accuracy_learned_{end}") for end in ("low", "high"))
            interval = f"{100 * low:.2f} to {100 * high:.2f}" if low is not None and high is not None else ABSENT
            means = [numbers.get(name) for name in ("test_accuracy_learned", "test_accuracy")]
            learned, overall = (f"{100 * mean:.2f}" if mean is not None else ABSENT for mean in means)
            rows.append([family, key, f"{numbers['learned']} of {numbers['seeds']}", learned, interval, overall])
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


def outputs(lock: Path, stage: str) -> list[Path]:
    """What a stage has written, as its lock file names it."""
    stages = read_yaml(lock.read_text(encoding="utf-8"), str(lock))["stages"]
    return [Path(out["path"]) for out in stages[stage]["outs"]]


def compared(params: Params) -> list[Path]:
    """What the comparison has written, but for the empty tables and pictures where nothing is found."""
    paths = outputs(Path("dvc.lock"), "aggregate")
    return [path for path in paths if params.study.custom or not path.name.startswith("found_")]


def write_record(place: Path, params: Params, command: str) -> None:
    """All of it, in a new folder."""
    if stale := ", ".join(stale_stages()):
        raise InputError(f"dvc.lock: is behind params.yaml, the data or the code at {stale}; `dvc repro` first")
    sources = {path: path for path in [PARAMS_FILE, *compared(params)]}
    sources |= {Path(LAYERS) / f"{one.name}.csv": MODELS / one.name / "layers.csv" for one in params.study_architectures()}
    write_files(place, sources, readme(place.name, command))


def write_search(place: Path, params: Params, command: str) -> None:
    """What the search has left, in a new folder."""
    check_up_to_date()
    search, trials = checked_search(params), read_trials(TRIALS)
    front = outcome(trials, search, exhausted=len(trials) < search.trials)
    parts = [
        f"# {place.name}",
        f"Made by `{command}`, then `python -m tools.record --search {place.name}`. All trials: [{TRIALS}]({TRIALS}).",
        f"```\n{front}\n```",
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    sources = {path: path for path in [PARAMS_FILE, *outputs(Path("search/dvc.lock"), "search")]}
    write_files(place, sources, "\n\n".join(parts) + "\n")


def write_files(place: Path, sources: dict[Path, Path], page: str) -> None:
    """Copies of `sources` by where they go, and the page."""
    for path, source in sources.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place / path)
    write_text(place / "README.md", page)


def main() -> None:
    with reported_in_one_line("record"):
        *option, name, command = sys.argv[1:] if len(sys.argv) > 2 else ["", ""]
        if option not in ([], ["--search"]) or not re.fullmatch(NAME, name):
            raise InputError(
                f"holds {' '.join(sys.argv[1:])!r}, may hold --search, a record's name, and the command that made it"
            )
        params, write = load_params(), write_search if option else write_record
        place = RECORDS / name
        with TemporaryDirectory(dir=RECORDS, prefix=".") as scratch:
            write(Path(scratch) / name, params, command)
            shutil.rmtree(place, ignore_errors=True)  # so that no file of an older one stays
            (Path(scratch) / name).rename(place)
        print(f"record: {place}")


if __name__ == "__main__":
    main()
