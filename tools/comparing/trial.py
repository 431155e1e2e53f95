"""A version of the project run on the sample, in a folder of its own, so that two versions can be compared."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.common import DATASET_FILE, InputError, read_yaml, yaml_text
from stages.params import BASELINES, PARAMS_FILE
from tools.comparing.lock import read_lock

SAMPLE = {"data.source": "tests/sample", "data.validation": 100, "train.epochs": 2, "train.seeds": [0, 1]}
WHOLE = {"train.epochs": 1, "train.seeds": [0]}
LOCK = Path("dvc.lock")
CONFIG = """\
[core]
    analytics = false
    check_update = false
    no_scm = true
[cache]
    dir = cache
"""  # a cache of its own, whatever the user's settings: nothing that is kept of trainings may be found in it
LOG_LINES = 15  # of a run that failed, shown


def prepare(project: Path, values: dict[str, Any]) -> None:
    """Make the files in `project` a DVC project without Git, with these values, by dotted key, in its params.yaml."""
    path = project / PARAMS_FILE
    params = read_yaml(path.read_text(encoding="utf-8"), str(path))
    for key, value in values.items():
        section, _, name = key.partition(".")
        params[section][name] = value
    path.write_text(yaml_text(params), encoding="utf-8")
    (project / LOCK).unlink(missing_ok=True)
    (project / ".dvc").mkdir(exist_ok=True)
    (project / ".dvc/config").write_text(CONFIG, encoding="utf-8")


def run_pipeline(project: Path, tell_stage: Callable[[str], None]) -> None:
    """Every stage in the project; `tell_stage` gets its name when it begins. Raises InputError where one fails."""
    _repro(project, [], tell_stage)


def run_on_whole_data(project: Path, stages: list[str], data: Path, tell_stage: Callable[[str], None]) -> None:
    """These trainings alone, on the packed data set at `data`. Raises InputError where one fails."""
    place = project / DATASET_FILE
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data, place)
    _repro(project, ["--single-item", *stages], tell_stage)


def _repro(project: Path, arguments: list[str], tell_stage: Callable[[str], None]) -> None:
    command = ["dvc", "repro", "--no-commit", *arguments]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if begun := re.match(r"Running stage '([^']+)'", line):
                tell_stage(begun[1])
    if process.returncode:
        end = "".join(said[-LOG_LINES:])
        raise InputError(f"{' '.join(command)} failed in {project}; the end of what it said:\n{end}")


def outputs(project: Path) -> dict[str, str]:
    """What the stages of the project's dvc.lock wrote: a checksum by path; of a folder, one of all that is in it."""
    lock = read_lock((project / LOCK).read_text(encoding="utf-8"))
    return {output["path"]: output["md5"] for stage in lock.values() for output in stage.get("outs", [])}


def differing_files(old: Path, new: Path, path: str) -> list[str]:
    """The files of an output that are not the same bytes in the two projects, by path."""
    names = {
        str(file.relative_to(project))
        for project in (old, new)
        for file in ([project / path] if (project / path).is_file() else (project / path).rglob("*"))
        if file.is_file()
    }
    return sorted(name for name in names if _content(old / name) != _content(new / name))


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def narrow_and_deep(project: Path) -> list[str]:
    """Of the project's study the narrowest and the deepest architecture, as stages; a pick where the study has none."""
    params = read_yaml((project / PARAMS_FILE).read_text(encoding="utf-8"), str(PARAMS_FILE))
    width, depth = (params["study"][family] for family in BASELINES)
    narrow = f"train_width@{min(width, key=lambda name: sum(width[name]))}" if width else "train@width"
    deep = f"train_depth@{max(depth)}" if depth else "train@depth"
    return [narrow, deep]
