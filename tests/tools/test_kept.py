"""What is kept of trainings, listed and pruned; the states are made up."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from stages.checkpoints import Kept, identity, states
from stages.common import read_yaml
from stages.params import StudyArchitecture, read_params
from stages.training.loop import State
from tests.conftest import STORE, commit, edit_params, run
from tests.in_process import called
from tools.kept import main


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def keep(project: Path, name: str, epochs: list[int], learning_rate: float = 0.001, **changes: object) -> Kept:
    """Made-up states of an architecture of params.yaml, at the ends of that many epochs."""
    params = read_params((project / "params.yaml").read_text())
    train = params.train.model_copy(update={"learning_rate": learning_rate})
    described: StudyArchitecture = next(one for one in params.architectures() if one.name == name)
    lock = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"]["prepare"]
    train = train.with_overrides(described.overrides)
    made_by = identity(described.architecture, train, 0, lock["outs"][0]["md5"], "p") | changes
    kept = Kept(made_by, project / STORE)
    with kept.held(lambda: None):
        for number in epochs:
            kept.keep(State([[1.0, 0.1, 1.0, 0.1]] * number, [np.zeros(9, np.float32)]), number)
    return kept


def kept_tool(project: Path, *arguments: str, status: int = 0) -> list[str]:
    return called(main, project, *arguments, status=status).splitlines()


def test_list_has_every_training_and_marks_those_that_params_yaml_asks_for(project: Path) -> None:
    keep(project, "w8-16", [20])
    keep(project, "w2-4", [5, 20, 25])
    keep(project, "w2-4", [20], seed=3)
    keep(project, "depth-2", [25])
    head, *rows, total, place = kept_tool(project)
    assert head.split() == ["architecture", "seed", "epochs", "MB"]
    assert sorted(re.sub(r" {2,}", " | ", row) for row in rows) == [
        "depth-2 | 0 | 25 | 0.0",
        "w2-4 | 0 | 5, 20, 25 | 0.0 *",
        "w2-4 | 3 | 20 | 0.0",
        "width, w8-16 | 0 | 20 | 0.0 *",
    ]
    assert total == "4 trainings, 0.0 MB; 2 of them, *, params.yaml asks for now"
    assert place == f"in {project / STORE}"


def test_what_was_found_is_asked_for_with_the_average_that_it_names(project: Path) -> None:
    """The same architecture as a width of the study, which is asked for without one."""
    found = "{filters: [2, 4], blocks: 1, pooling: max, dense_units: 80, activation: sigmoid, ema_momentum: 0.9}"
    edit_params(project, "  custom: {} ", f"  custom: {{mine: {found}}} ")
    keep(project, "mine", [20])
    keep(project, "w2-4", [20], train=identity_of_train(project) | {"average": 0.5})
    _, *rows, _, _ = kept_tool(project)
    assert sorted(row.endswith("*") for row in rows) == [False, True]


def identity_of_train(project: Path) -> dict[str, object]:
    train = read_params((project / "params.yaml").read_text()).train
    return train.model_dump(exclude={"epochs", "seeds"}, exclude_defaults=True)


def test_prune_keeps_what_working_tree_head_branches_and_queue_ask_for(project: Path) -> None:
    asked = keep(project, "w2-4", [5, 20, 25])
    nobody = keep(project, "w2-4", [20], learning_rate=0.5)
    other_code = keep(project, "w2-4", [20], code={"training/loop.py": "0" * 64})
    other_data = keep(project, "w2-4", [20], data="0" * 32)
    branch = keep(project, "w2-4", [20], learning_rate=0.01)
    queued = keep(project, "w2-4", [3], learning_rate=0.02, data="f" * 32)
    tree = keep(project, "w2-4", [20], learning_rate=0.03)

    run("git", "switch", "--quiet", "--create", "branch", cwd=project)
    edit_params(project, "learning_rate: 0.001", "learning_rate: 0.01")
    commit(project, "Faster")
    run("git", "switch", "--quiet", "main", cwd=project)
    run("dvc", "exp", "run", "--queue", "-S", "train.learning_rate=0.02", cwd=project)
    edit_params(project, "learning_rate: 0.001", "learning_rate: 0.03")

    (line,) = kept_tool(project, "--prune")
    assert line.startswith("kept: 5 states removed")
    left = {kept.folder: list(states(kept.folder)) for kept in (asked, branch, queued, tree)}
    assert left == {asked.folder: [20], branch.folder: [20], queued.folder: [3], tree.folder: [20]}
    assert not any(kept.folder.exists() for kept in (nobody, other_code, other_data))


def test_prune_leaves_a_training_that_runs_alone(project: Path) -> None:
    running = keep(project, "w2-4", [3, 20], learning_rate=0.5)
    with running.held(lambda: None):
        kept_tool(project, "--prune")
        assert list(states(running.folder)) == [3, 20]


def test_nothing_kept_is_an_empty_list(project: Path) -> None:
    assert kept_tool(project)[1:] == [
        "0 trainings, 0.0 MB; 0 of them, *, params.yaml asks for now",
        f"in {project / STORE}",
    ]


def test_another_argument_is_refused(project: Path) -> None:
    (line,) = kept_tool(project, "prune", status=1)
    assert "holds 'prune', may hold --prune" in line


def test_partial_clone_that_lacks_what_a_branch_asks_for_prunes_nothing_and_says_what_to_fetch(project: Path) -> None:
    run("git", "switch", "--quiet", "--create", "branch", cwd=project)
    edit_params(project, "learning_rate: 0.001", "learning_rate: 0.01")
    commit(project, "Faster")
    run("git", "switch", "--quiet", "main", cwd=project)
    run("git", "config", "uploadpack.allowFilter", "true", cwd=project)
    run("git", "clone", "--quiet", "--filter=blob:none", f"file://{project}", "part", cwd=project.parent)
    clone = project.parent / "part"
    kept = [keep(clone, "w2-4", [5, 20], learning_rate=rate) for rate in (0.01, 0.5)]
    (line,) = kept_tool(clone, "--prune", status=1)
    assert "; this clone is partial, `git fetch --refetch --no-filter` makes it whole" in line
    assert [list(states(each.folder)) for each in kept] == [[5, 20], [5, 20]]
    run("git", "fetch", "--quiet", "--refetch", "--no-filter", cwd=clone)
    assert kept_tool(clone, "--prune")[0].startswith("kept: 3 states removed")
