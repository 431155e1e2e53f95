"""The check of a pull request, in a clone without data."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MODELS, documented, edit_params, run
from tests.in_process import called
from tools.check import main

PASSED = "check: the results are up to date\n"
TRAININGS = "train@depth, train@width, train_depth@1, train_width@w2-4"


def refused(project: Path) -> str:
    """Return the only line that the check prints."""
    (line,) = called(main, project, status=1).splitlines()
    return line


def test_committed_results_pass_and_those_of_other_parameters_do_not(cloned: Path) -> None:
    assert run(*documented("make check"), cwd=cloned) == PASSED
    edit_params(cloned, "blocks: 1\n  kernel_size: 5\n", "blocks: 2\n  kernel_size: 5\n")
    assert refused(cloned).startswith("check: out of date: aggregate, train@depth. ")


def test_some_models_may_be_missing_but_no_file_of_a_model(cloned: Path, reproduced: Path) -> None:
    """A refused experiment leaves an empty folder where there was none, and `dvc repro -s` one that lacks the rest."""
    models = cloned / MODELS
    models.mkdir(parents=True)
    assert called(main, cloned) == PASSED
    shutil.copytree(reproduced / MODELS / "w2-4", models / "w2-4")
    assert called(main, cloned) == PASSED
    (models / "w2-4/history.csv").unlink()
    assert refused(cloned).startswith("check: out of date: train_width@w2-4. ")


def append_line(path: Path) -> None:
    path.write_text(f"{path.read_text()}\n")


def another_numpy(path: Path) -> None:
    for file in (path, path.parents[2] / "requirements.lock"):
        file.write_text(re.sub(r"^numpy==\S+", "numpy==9.8.7", file.read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "change", "stale"),
    [
        ("metrics/study.json", append_line, "aggregate"),
        ("metrics/study.json", Path.unlink, "aggregate"),  # which `dvc repro --dry --allow-missing` lets pass
        ("tests/sample", shutil.rmtree, "fetch"),
        ("stages/prepare.py", append_line, "prepare"),
        ("stages/training/loop.py", append_line, f"aggregate, {TRAININGS}"),
        ("stages/libraries/training.txt", another_numpy, f"aggregate, prepare, {TRAININGS}"),
    ],
)
def test_changed_or_missing_file_that_git_tracks_makes_its_stages_stale_and_no_other(
    cloned: Path, name: str, change: Callable[[Path], None], stale: str
) -> None:
    change(cloned / name)
    assert refused(cloned).startswith(f"check: out of date: {stale}. ")


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("dvc.yaml", "stages: [\n", "unable to read: 'dvc.yaml', YAML file structure is corrupted: "),
        ("params.yaml", "data: 3\n", "failed to parse 'stages.train_width.foreach' in 'dvc.yaml': "),
        ("requirements.lock", "keras==9.8.7\nnumpy==1\n", "requirements.lock: "),
    ],
)
def test_file_that_cannot_be_used_is_refused_in_a_line(cloned: Path, name: str, content: str, line: str) -> None:
    (cloned / name).write_text(content)
    assert refused(cloned).startswith(f"check: {line}")
