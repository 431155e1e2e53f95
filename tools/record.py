"""Keep the current results as a record.

    python -m tools.record NAME COMMAND
    python -m tools.record --search NAME COMMAND

Writes records/NAME/, replacing an earlier record of that name: params.yaml, metrics/ and plots/ (CSV with every seed's
values, PNG, the page), layers/ (what happened inside the study's networks) and a README.md with the command, the
machine and the verdicts. With `--search`, the outputs of the search and its front instead. Refused if dvc.lock, or
search/dvc.lock, is out of date.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import pandas as pd

from stages.common import METRICS, MODELS, TRIALS, InputError, read_yaml, reported_in_one_line, scratch_folder
from stages.params import PARAMS_FILE, Params, load_params
from stages.search import checked_search
from stages.training.architecture import NAME
from stages.training.files import write_text
from stages.trials.trial import read_trials, summarize
from tools.adopt import check_up_to_date
from tools.benchmark import machine
from tools.common.pipeline import stale_stages

RECORDS = Path("records")


def results_table(study: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a Markdown row per architecture: runs that learned, their mean test accuracy and 95 % interval, the mean.

    `study` is metrics/study.json: numbers by family and architecture, accuracies as fractions.
    """

    def percent(numbers: dict[str, float], *names: str) -> str:
        values = [numbers.get(f"test_accuracy{name}") for name in names]
        return " to ".join("-" if value is None else f"{100 * value:.2f}" for value in values).replace("- to -", "-")

    rows = [
        {
            "family": family,
            "filters or blocks": key,
            "learned": f"{numbers['learned']} of {numbers['seeds']}",
            "accuracy if learned, %": percent(numbers, "_learned"),
            "95 % interval": percent(numbers, "_learned_low", "_learned_high"),
            "over all runs, %": percent(numbers, ""),
        }
        for family, architectures in study.items()
        for key, numbers in architectures.items()
    ]
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def outputs(lock: Path, stage: str) -> list[Path]:
    """Return what a stage has written, as its lock file names it."""
    stages = read_yaml(lock.read_text(encoding="utf-8"), str(lock))["stages"]
    return [Path(out["path"]) for out in stages[stage]["outs"]]


def study_record(params: Params) -> tuple[dict[Path, Path], list[str]]:
    """Return the study's files by their path in the record, and the paragraphs of its README. Raise InputError."""
    if stale := ", ".join(stale_stages()):
        raise InputError(f"dvc.lock: out of date for {stale}. Run `make repro` first.")
    paths = outputs(Path("dvc.lock"), "aggregate")
    files = {path: path for path in paths if params.study.custom or not path.name.startswith("custom_")}
    files |= {
        Path("layers") / f"{one.name}.csv": MODELS / one.name / "layers.csv" for one in params.study_architectures()
    }
    study, verdicts = (json.loads((METRICS / name).read_text("utf-8")) for name in ("study.json", "verdicts.json"))
    claims = "\n".join(f"- *{one['claim']}*: **{one['verdict']}**. {one['sentence']}" for one in verdicts.values())
    return files, ["All of it is on [one page](plots/report.html).", results_table(study), claims]


def search_record(params: Params) -> tuple[dict[Path, Path], list[str]]:
    """Return the search's files and the paragraphs of its README. Raise InputError."""
    check_up_to_date()
    search, trials = checked_search(params), read_trials(TRIALS)
    files = {path: path for path in outputs(Path("search/dvc.lock"), "search")}
    return files, [f"All trials: [{TRIALS}]({TRIALS}).", f"```\n{summarize(trials, search)}\n```"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.record", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--search", action="store_true", help="record the search instead of the study")
    parser.add_argument("name", help="the record's folder below records/")
    parser.add_argument("command", help="the command that made the results, for the README")
    asked = parser.parse_args()
    with reported_in_one_line("record"):
        if not re.fullmatch(NAME, asked.name):
            raise InputError(f"NAME: expected letters, digits and hyphens, got {asked.name!r}.")
        files, paragraphs = (search_record if asked.search else study_record)(load_params())
        made_by = f"Made by `{asked.command}`, then `python -m tools.record {'--search ' * asked.search}{asked.name}`."
        about = "\n".join(f"- {what}: {value}" for what, value in machine().items())
        with scratch_folder(RECORDS) as scratch:
            for path, source in {PARAMS_FILE: PARAMS_FILE, **files}.items():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, scratch / path)
            write_text(scratch / "README.md", "\n\n".join([f"# {asked.name}", made_by, *paragraphs, about]) + "\n")
            scratch.chmod(0o755)
            shutil.rmtree(RECORDS / asked.name, ignore_errors=True)  # so that no file of an older one stays
            scratch.rename(RECORDS / asked.name)
        print(f"record: {RECORDS / asked.name}")


if __name__ == "__main__":
    main()
