"""The gate of a pull request, in a clone without data."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import MODELS, documented, edit_params, give_environment, run
from tests.in_process import called
from tools.gate import main


@pytest.fixture
def project(reduced: Path, tmp_path: Path) -> Path:
    run("git", "clone", "--quiet", str(reduced), str(tmp_path / "clone"), cwd=tmp_path)
    give_environment(tmp_path / "clone")
    return tmp_path / "clone"


def refused(project: Path) -> str:
    """The line with which the gate refuses the project."""
    (line,) = called(main, project, status=1).splitlines()
    return line


def test_committed_results_of_the_committed_code_pass(project: Path) -> None:
    assert run(*documented("make gate"), cwd=project) == "gate: Data and pipelines are up to date.\n"


def test_results_of_other_parameters_are_refused_with_the_stages_and_what_to_do(project: Path) -> None:
    edit_params(
        project, "blocks: 1\n  kernel_size: 5\n  pooling: average", "blocks: 2\n  kernel_size: 5\n  pooling: average"
    )
    assert refused(project) == (
        "gate: dvc.lock is behind the code, the parameters or the metrics at aggregate, train@depth: "
        "`make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
    )


def test_models_of_which_some_are_there_are_judged_by_those(project: Path, reduced: Path) -> None:
    """A refused experiment leaves an empty folder where there was none, and `dvc repro -s` one that lacks the rest."""
    models = project / MODELS
    models.mkdir(parents=True)
    assert called(main, project) == "gate: Data and pipelines are up to date.\n"
    shutil.copytree(reduced / MODELS / "w2-4", models / "w2-4")
    assert called(main, project) == "gate: Data and pipelines are up to date.\n"
    (models / "w2-4/history.csv").unlink()
    line = refused(project)
    assert (
        "the metrics at train_width@w2-4: first `dvc checkout`, as dvc.lock has other content of data/models/w2-4; "
        in line
    )
    assert line.endswith(
        "if that is not all, `make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
    )


def test_data_of_which_git_alone_brought_the_lock_back_are_to_be_checked_out(project: Path) -> None:
    for name in ("fashion_mnist.npz", "models/w2-4/history.csv", "models/depth-1/history.csv", "raw/labels"):
        (project / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (project / "data" / name).write_text("of an experiment")
    others = "data/fashion_mnist.npz, data/models/depth-1, data/models/w2-4 and others"
    assert f": first `dvc checkout`, as dvc.lock has other content of {others}; if that is not all, " in refused(
        project
    )


def test_numbers_that_no_stage_wrote_are_refused(project: Path) -> None:
    path = project / "metrics/study.json"
    numbers = json.loads(path.read_text())
    numbers["width"]["w2-4"]["test_accuracy"] = 0.99
    path.write_text(json.dumps(numbers))
    assert "the metrics at aggregate: " in refused(project)


@pytest.mark.parametrize("name", ["metrics/study.json", "stages/aggregate.py"])
def test_file_that_git_should_hold_may_not_be_missing(project: Path, name: str) -> None:
    """As data may be, of which Git holds nothing; `dvc repro --dry --allow-missing` makes no difference."""
    (project / name).unlink()
    assert "the metrics at aggregate: " in refused(project)


TRAININGS = "train@depth, train@width, train_depth@1, train_width@w2-4"


@pytest.mark.parametrize(
    ("name", "old", "stages"),
    [
        ("stages/libraries/training.txt", "numpy==", f"aggregate, prepare, {TRAININGS}"),
        ("stages/libraries/report.txt", "matplotlib==", "aggregate"),
    ],
)
def test_other_libraries_make_what_follows_from_them_stale(project: Path, name: str, old: str, stages: str) -> None:
    for path in (project / name, project / "requirements.lock"):
        text = path.read_text()
        path.write_text(re.sub(rf"^{old}\S+", f"{old}9.8.7", text, flags=re.MULTILINE))
    (project / ".venv/ready").touch()
    assert f"the metrics at {stages}: " in refused(project)


def test_libraries_that_are_not_those_of_the_lock_file_are_refused(project: Path) -> None:
    path = project / "requirements.lock"
    path.write_text(re.sub(r"^(keras==)\S+", r"\g<1>9.8.7", path.read_text(), flags=re.MULTILINE))
    (project / ".venv/ready").touch()
    assert refused(project).startswith("gate: keras is 9.8.7 in requirements.lock, ")


def test_file_that_the_system_does_not_let_be_read_is_told_in_a_line(project: Path) -> None:
    (project / "requirements.lock").unlink()
    (project / "requirements.lock").mkdir()
    assert refused(project).startswith("gate: requirements.lock: Is a directory; ")


def test_folder_of_data_that_git_should_hold_may_not_be_missing(project: Path) -> None:
    shutil.rmtree(project / "tests/sample")
    assert "the metrics at fetch: " in refused(project)


def test_changed_code_makes_the_stages_that_depend_on_it_stale_and_no_other(project: Path) -> None:
    with (project / "stages/prepare.py").open("a") as file:
        file.write("# one more line\n")
    assert "the metrics at prepare: " in refused(project)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dvc.yaml", "stages: 3\n", "gate: './dvc.yaml' validation failed: expected a dictionary"),
        ("dvc.yaml", "stages: [\n", "gate: unable to read: 'dvc.yaml', YAML file structure is corrupted: "),
        ("params.yaml", "data: 3\n", "gate: failed to parse 'stages.train_width.foreach' in 'dvc.yaml': "),
    ],
)
def test_pipeline_that_dvc_refuses_is_refused_in_its_words(project: Path, name: str, content: str, said: str) -> None:
    (project / name).write_text(content)
    assert refused(project).startswith(said)
