"""Which file imports which: arrows between folders run one way, and every stage depends on what decides its results."""

import ast
from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.checkpoints import DECIDING
from tests.conftest import ROOT
from tests.imports import imported, reached, sources

ROOMS = [
    "common",
    "data",
    "network",
    "training",
    "trials",
    "params",
    "analysis",
    "page",
    "command",
]  # each may import those before
LONGEST = 200  # lines; a longer file gives its reason at its top

WORDS = "it says what is wrong, and decides nothing else"
PLACES = "paths: a stage that wrote elsewhere would lack its outputs"
READS = "it reads what is there or refuses; the file is a dependency itself"
VERSIONS = "it refuses others than libraries.txt names, on which the stage depends"
KERAS = "only a model needs it, and this stage builds none"
VALUES = "its values are parameters of the stage, or are in its command"
NOT_DEPENDED_ON = {
    "fetch": {
        "stages/common.py": WORDS,
        "stages/common.py": WORDS,
        "stages/common.py": PLACES,
        "stages/data/failures.py": WORDS,
        "stages/training/architecture.py": VALUES,
        "stages/training/backend.py": KERAS,
        "stages/training/fast.py": KERAS,
        "stages/common.py": VALUES,
        "stages/params.py": VALUES,
        "stages/training/settings.py": VALUES,
        "stages/trials/settings.py": VALUES,
        "stages/trials/space.py": VALUES,
    },
    "prepare": {
        "stages/common.py": WORDS,
        "stages/common.py": WORDS,
        "stages/common.py": PLACES,
        "stages/common.py": VERSIONS,
        "stages/common.py": "it is for those who read what this stage writes",
        "stages/common.py": VALUES,
        "stages/training/architecture.py": VALUES,
        "stages/training/backend.py": KERAS,
        "stages/training/fast.py": KERAS,
        "stages/params.py": VALUES,
        "stages/training/settings.py": VALUES,
        "stages/trials/settings.py": VALUES,
        "stages/trials/space.py": VALUES,
    },
    "train": {
        "stages/common/cores.py": WORDS,
        "stages/common.py": WORDS,
        "stages/common.py": WORDS,
        "stages/common/locks.py": "one waits, to the same bytes",
        "stages/common.py": PLACES,
        "stages/common/processor.py": "it tells kept states apart, and is in no output",
        "stages/common.py": VERSIONS,
        "stages/common.py": READS,
        "stages/common.py": VALUES,
        "stages/training/dataset.py": READS,
        "stages/params.py": VALUES,
        "stages/train.py": "the command line; what it is given is in the stage's command",
        "stages/training/every_seed.py": "it hands on every seed that is asked for, and what is kept of it",
        "stages/checkpoints.py": "a training that is taken up ends in the same bytes",
        "stages/training/progress.py": "display",
        "stages/training/settings.py": VALUES,
        "stages/trials/settings.py": VALUES,
        "stages/trials/space.py": VALUES,
    },
    "aggregate": {
        "stages/common.py": WORDS,
        "stages/common.py": WORDS,
        "stages/common.py": PLACES,
        "stages/training/backend.py": KERAS,
        "stages/training/fast.py": KERAS,
        "stages/common.py": VERSIONS,
        "stages/training/settings.py": VALUES,
        "stages/trials/settings.py": VALUES,
        "stages/trials/space.py": VALUES,
    },
    "search": {
        "stages/common/cores.py": "how many trainings run at a time",
        "stages/common.py": WORDS,
        "stages/common.py": VERSIONS,
        "stages/common/locks.py": "one waits, to the same bytes",
        "stages/common.py": PLACES,
        "stages/common.py": WORDS,
        "stages/common/processor.py": "it tells kept states apart, and is in no output",
        "stages/common.py": READS,
        "stages/common.py": VALUES,
        "stages/training/dataset.py": READS,
        "stages/params.py": VALUES,
        "stages/checkpoints.py": "a training that is taken up ends in the same bytes",
        "stages/training/settings.py": VALUES,
        "stages/trials/processes.py": "where a training runs",
        "stages/trials/rung.py": "a process around a training",
        "stages/trials/settings.py": VALUES,
        "stages/trials/space.py": VALUES,
    },
}


def room(file: str) -> str:
    parts = Path(file).parts
    if len(parts) > 2:
        return parts[1]
    return "params" if file == "stages/params.py" else "command"


@pytest.mark.parametrize("file", [file for file in sources("stages") if not file.endswith("__init__.py")])
def test_a_file_imports_nothing_of_a_later_room(file: str) -> None:
    later = ROOMS[ROOMS.index(room(file)) + 1 :]
    back = {
        other for other in imported(file, type_checking=True) if other.startswith("stages/") and room(other) in later
    }
    assert not back
    assert not {other for other in imported(file, type_checking=True) if other.startswith(("tools/", "tests/"))}


def test_files_of_a_room_do_not_import_each_other_in_a_circle() -> None:
    for file in sources("stages", "tools"):
        for other in imported(file, type_checking=False) - {file}:
            assert file not in reached(other), f"{file} and {other}"


def dependencies(project: Path) -> dict[str, set[str]]:
    """The files of code that each stage names."""
    with Repo(str(project)) as repo:
        return {
            stage.name: {dep.def_path for dep in stage.deps if dep.def_path.startswith("stages/")}
            for stage in repo.index.stages
        }


def test_every_stage_depends_on_what_it_imports_but_for_what_decides_nothing(fresh: Path) -> None:
    named = dependencies(fresh)
    assert len(named) == 15
    for stage, files in named.items():
        command = "train" if stage.startswith("train") else stage
        code = {file for file in reached(f"stages/{command}.py") if file.startswith("stages/")}
        assert not NOT_DEPENDED_ON[command].keys() - code, "no longer imported"
        assert {file for file in files if file.endswith(".py")} == code - NOT_DEPENDED_ON[command].keys(), stage


def test_a_training_depends_on_eight_files_and_what_is_kept_of_it_on_the_same(fresh: Path) -> None:
    trainings = [files for stage, files in dependencies(fresh).items() if stage.startswith("train")]
    assert len(trainings) == 11
    for files in trainings:
        code = {file for file in files if file.endswith(".py")}
        assert len(code) == 8
        assert code == {f"stages/{name}" for name in DECIDING}


@pytest.mark.parametrize("file", sources("stages", "tools", "tests"))
def test_no_file_is_long_without_a_reason_at_its_top(file: str) -> None:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST or any("ver 200 lines" in line for line in lines[:15]), f"{len(lines)} lines"


@pytest.mark.parametrize("file", [file for file in sources("tests") if "/test_" in file])
def test_a_slow_test_says_what_only_a_long_one_shows(file: str) -> None:
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    all_of_them = any(ast.unparse(node) == "pytestmark = pytest.mark.slow" for node in module.body)
    slow = [
        test for test in tests if all_of_them or "pytest.mark.slow" in [ast.unparse(d) for d in test.decorator_list]
    ]
    assert [test.name for test in slow if not ast.get_docstring(test)] == []
