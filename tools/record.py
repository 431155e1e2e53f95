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

from stages.common import METRICS, MODELS, TRIALS, InputError, read_yaml, reported_in_one_line, scratch_folder
from stages.params import PARAMS_FILE, load_params
from stages.search import checked_search
from stages.training.architecture import NAME
from stages.training.files import write_text
from stages.trials.trial import read_trials, summarize
from tools.benchmark import machine
from tools.document_tables import markdown, numbers_of, study_of
from tools.pipeline import SEARCH, STUDY, stages_behind

RECORDS = Path("records")


def outputs(pipeline: str, stage: str) -> dict[Path, Path]:
    """Return what a stage has written, as its lock file names it, by the path in a record."""
    lock = Path(pipeline).with_suffix(".lock")
    outs = read_yaml(lock.read_text(encoding="utf-8"), str(lock))["stages"][stage]["outs"]
    return {path: path for path in (Path(out["path"]) for out in outs)}


def study_record() -> tuple[dict[Path, Path], str]:
    """Return the study's files by their path in the record, and what its README says of them."""
    names = [one.name for one in load_params().study_architectures()]
    layers = {Path("layers") / f"{name}.csv": MODELS / name / "layers.csv" for name in names}
    rows = [
        {"family": family, "filters or blocks": key} | numbers_of(numbers)
        for family, architectures in study_of(".").items()
        for key, numbers in architectures.items()
    ]
    verdicts = json.loads((METRICS / "verdicts.json").read_text(encoding="utf-8")).values()
    claims = "\n".join(f"- *{one['claim']}*: **{one['verdict']}**. {one['sentence']}" for one in verdicts)
    page = "All of it is on [one page](plots/report.html)."
    return outputs(STUDY, "aggregate") | layers, f"{page}\n\n{markdown(rows)}\n\n{claims}"


def search_record() -> tuple[dict[Path, Path], str]:
    """Return the search's files by their path in the record, and what its README says of them."""
    front = summarize(read_trials(TRIALS), checked_search(load_params()))
    return outputs(SEARCH, "search"), f"All trials: [{TRIALS}]({TRIALS}).\n\n```\n{front}\n```"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.record", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--search", action="store_true", help="record the search instead of the study")
    parser.add_argument("name", help="the record's folder below records/")
    parser.add_argument("command", help="the command that made the results, for the README")
    asked = parser.parse_args()
    with reported_in_one_line("record"):
        if not re.fullmatch(NAME, asked.name):
            raise InputError(f"NAME: expected letters, digits and hyphens, got {asked.name!r}.")
        if behind := stages_behind(SEARCH if asked.search else STUDY):
            raise InputError(f"out of date: {', '.join(behind)}. Run `make {'search' if asked.search else 'repro'}`.")
        files, results = (search_record if asked.search else study_record)()
        about = "\n".join(f"- {what}: {value}" for what, value in machine().items())
        with scratch_folder(RECORDS) as scratch:
            for path, source in {PARAMS_FILE: PARAMS_FILE, **files}.items():
                (scratch / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, scratch / path)
            text = f"# {asked.name}\n\nMade by `{asked.command}`.\n\n{results}\n\n{about}\n"
            write_text(scratch / "README.md", text)
            scratch.chmod(0o755)
            shutil.rmtree(RECORDS / asked.name, ignore_errors=True)  # so that no file of an older one stays
            scratch.rename(RECORDS / asked.name)
        print(f"record: {RECORDS / asked.name}")


if __name__ == "__main__":
    main()
