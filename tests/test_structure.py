"""Imports between folders run one way, and every stage depends on the files that decide its results."""

from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import ROOT, run
from tests.imports import imported, reached, sources

FOLDERS = ["training", "common", "data", "params", "flops", "checkpoints", "jobs", "runner", "pareto"]
FOLDERS += ["trials", "analysis", "report", "command"]  # each imports only from those before it
# Files that stages import without depending on them, each with the reason why it decides no result
DECIDES_NOTHING = {
    "stages/checkpoints.py": "a resumed training ends in the same bytes",
    "stages/common.py": "it refuses input, or reads it as DVC does",
    "stages/jobs.py": "where and when a training runs",
    "stages/params.py": "its values are parameters of the stages",
    "stages/runner.py": "where and when a training runs",
    "stages/train.py": "it copies what the store has",
}


def folder(file: str) -> str:
    """Return the folder or single module of FOLDERS that a file of stages/ belongs to."""
    parts = Path(file).parts
    name = parts[1] if len(parts) > 2 else Path(file).stem
    return name if name in FOLDERS else "command"


@pytest.mark.parametrize("file", [file for file in sources("stages") if not file.endswith("__init__.py")])
def test_imports_run_one_way(file: str) -> None:
    allowed = FOLDERS[: FOLDERS.index(folder(file)) + 1]
    used = imported(file, type_checking=True)
    assert {other for other in used if other.startswith("stages/") and folder(other) not in allowed} == set()
    assert not {other for other in used if other.startswith(("tools/", "tests/"))}
    if folder(file) == "training":
        assert {other for other in used if folder(other) != "training"} == set()


def test_no_modules_import_each_other_in_a_cycle() -> None:
    for file in sources("stages", "tools"):
        for other in imported(file, type_checking=False) - {file}:
            assert file not in reached(other), f"{file} and {other}"


@pytest.mark.parametrize(("pipeline", "count"), [("dvc.yaml", 7), ("search/dvc.yaml", 1)])
def test_every_file_that_a_stage_imports_is_a_dependency_or_decides_nothing(pipeline: str, count: int) -> None:
    stages = read_yaml((ROOT / pipeline).read_text(encoding="utf-8"), pipeline)["stages"]
    assert len(stages) == count
    for name, stage in stages.items():
        stage = stage.get("do", stage)
        command = stage["cmd"] if isinstance(stage["cmd"], str) else stage["cmd"][-1]
        module = command.split()[2].replace(".", "/") + ".py"
        needed = {file for file in reached(module) if file.startswith("stages/")} - DECIDES_NOTHING.keys()
        missing = {file for file in needed if not any(f"{file}/".startswith(f"{dep}/") for dep in stage["deps"])}
        if name in ("fetch", "prepare"):  # they train nothing, though params.py knows architectures
            missing -= {file for file in missing if file.startswith("stages/training/")}
        assert missing == set(), name


def stale(project: Path) -> set[str]:
    """Return the training stages whose code changed."""
    status = read_yaml(run("dvc", "status", "--json", cwd=project), "dvc status")
    return {stage for stage, changes in status.items() if stage.startswith("train") and "stages/" in str(changes)}


def test_only_changed_bytes_of_modules_make_trainings_stale(copied: Path) -> None:
    before = stale(copied)
    for name in ("__pycache__/loop.cpython-311.pyc", ".loop.py.swp", ".#loop.py", "loop.py~", "notes.txt"):
        (copied / "stages/training" / name).parent.mkdir(exist_ok=True)
        (copied / "stages/training" / name).write_text("not code")
    for file in sources("stages", "tools"):
        if not file.startswith("stages/training/"):
            with (copied / file).open("a") as text:
                text.write("# changed\n")
    assert stale(copied) == before
