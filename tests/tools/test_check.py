"""The check of a pull request, in a clone without data."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import MODELS, documented, edit_params, give_environment, run
from tests.in_process import called
from tools.check import main

PASSED = "check: the results are up to date\n"
TRAININGS = "train@depth, train@width, train_depth@1, train_width@w2-4"


@pytest.fixture
def project(reduced: Path, tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", str(reduced), str(tmp_path / "clone"), cwd=tmp_path)
    give_environment(tmp_path / "clone")
    return tmp_path / "clone"


def refused(project: Path) -> str:
    """Return the stages that the check calls out of date, and what it advises."""
    (line,) = called(main, project, status=1).splitlines()
    return line.removeprefix("check: results are out of date for ")


def test_committed_results_pass_and_those_of_other_parameters_do_not(project: Path) -> None:
    assert run(*documented("make check"), cwd=project) == PASSED
    edit_params(
        project, "blocks: 1\n  kernel_size: 5\n  pooling: average", "blocks: 2\n  kernel_size: 5\n  pooling: average"
    )
    assert refused(project) == (
        "aggregate, train@depth. Run `make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
    )


def test_models_of_which_some_are_there_are_judged_by_those(project: Path, reduced: Path) -> None:
    """A refused experiment leaves an empty folder where there was none, and `dvc repro -s` one that lacks the rest."""
    models = project / MODELS
    models.mkdir(parents=True)
    assert called(main, project) == PASSED
    shutil.copytree(reduced / MODELS / "w2-4", models / "w2-4")
    assert called(main, project) == PASSED
    (models / "w2-4/history.csv").unlink()
    first = "Run `dvc checkout` first, as dvc.lock has other content of data/models/w2-4. If that is not all: "
    assert refused(project).startswith(f"train_width@w2-4. {first}")


def edit_numbers(path: Path) -> None:
    numbers = json.loads(path.read_text())
    numbers["width"]["w2-4"]["test_accuracy"] = 0.99
    path.write_text(json.dumps(numbers))


def append_line(path: Path) -> None:
    path.write_text(f"{path.read_text()}# one more line\n")


@pytest.mark.parametrize(
    ("name", "change", "stages"),
    [
        ("metrics/study.json", edit_numbers, "aggregate"),
        ("metrics/study.json", Path.unlink, "aggregate"),  # which `dvc repro --dry --allow-missing` lets pass
        ("stages/aggregate.py", Path.unlink, "aggregate"),
        ("tests/sample", shutil.rmtree, "fetch"),
        ("stages/prepare.py", append_line, "prepare"),
        ("stages/training/loop.py", append_line, TRAININGS),
    ],
)
def test_changed_or_missing_file_that_git_tracks_makes_its_stages_stale_and_no_other(
    project: Path, name: str, change: object, stages: str
) -> None:
    change(project / name)  # type: ignore[operator]
    assert refused(project).startswith(f"{stages}. Run ")


@pytest.mark.parametrize(
    ("name", "library", "stages"),
    [
        ("stages/libraries/training.txt", "numpy==", f"aggregate, prepare, {TRAININGS}. "),
        ("stages/libraries/report.txt", "matplotlib==", "aggregate. "),
        (None, "keras==", "check: keras is 9.8.7 in requirements.lock, "),
    ],
)
def test_other_libraries_make_what_follows_from_them_stale(
    project: Path, name: str | None, library: str, stages: str
) -> None:
    for path in filter(None, (name, "requirements.lock")):
        text = (project / path).read_text()
        (project / path).write_text(re.sub(rf"^{library}\S+", f"{library}9.8.7", text, flags=re.MULTILINE))
    assert refused(project).startswith(stages)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dvc.yaml", "stages: [\n", "check: unable to read: 'dvc.yaml', YAML file structure is corrupted: "),
        ("params.yaml", "data: 3\n", "check: failed to parse 'stages.train_width.foreach' in 'dvc.yaml': "),
    ],
)
def test_pipeline_that_dvc_refuses_is_refused_in_its_words(project: Path, name: str, content: str, said: str) -> None:
    (project / name).write_text(content)
    assert refused(project).startswith(said)
