"""The list of stored trainings, and which are pruned."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from stages.checkpoints import CheckpointStore, fingerprint
from stages.params import read_params
from stages.training.results import State
from tests.conftest import ROOT, STORE
from tests.in_process import called
from tools.prune import main

PARAMS = read_params((ROOT / "params.yaml").read_text())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    for name in ("params.yaml", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def store(project: Path, name: str, seed: int, days: float, epochs: list[int]) -> CheckpointStore:
    """Store checkpoints of an architecture of params.yaml that were last used some days ago."""
    named = next(one for one in PARAMS.architectures() if one.name == name)
    stored = CheckpointStore(fingerprint(named.architecture, PARAMS.train, seed, "data", "code"), project / STORE)
    for number in epochs:
        stored.save(State([[1.0, 0.1, 1.0, 0.1]] * number, [np.zeros(9, np.float32)]), number)
    used = time.time() - days * 86_400
    os.utime(stored.folder / "fingerprint.json", (used, used))
    return stored


def listed(project: Path, *arguments: str) -> list[str]:
    """Return a row per training, its cells apart by " | "."""
    lines = called(main, project, *arguments).splitlines()
    return sorted(re.sub(" +", " ", line) for line in lines[2:-1])


def test_every_training_is_listed_with_its_names_epochs_size_and_age(project: Path) -> None:
    assert listed(project) == []
    store(project, "w8-16", 0, 3, [20])
    store(project, "w2-4", 4, 40, [5, 10, 25])
    assert listed(project) == ["| w2-4 | 4 | 5, 10, 25 | 0.0 | 40.0 |", "| width, w8-16 | 0 | 20 | 0.0 | 3.0 |"]


def test_old_trainings_are_removed_and_what_is_used_or_running_stays(project: Path) -> None:
    store(project, "w2-4", 0, 29, [20])
    store(project, "w2-4", 1, 31, [20])
    with store(project, "w2-4", 2, 31, [20]).lock(lambda: None):
        assert [row.split(" | ")[1] for row in listed(project, "30")] == ["0", "2"]


def test_another_argument_than_days_is_refused_in_one_line(project: Path) -> None:
    assert called(main, project, "all", status=1) == "checkpoints: PRUNE: expected a number of days, got 'all'\n"


def test_training_of_another_schema_is_listed(project: Path) -> None:
    CheckpointStore({"architecture": {"new": 1}, "seed": 0}, project / STORE)
    assert listed(project)[0].startswith('| {"new": 1} | 0 |')


def test_damaged_fingerprint_or_configuration_is_refused_in_one_line(project: Path) -> None:
    file = store(project, "w2-4", 0, 1, [20]).folder / "fingerprint.json"
    file.write_text("")
    assert called(main, project, status=1) == f"checkpoints: {file}: damaged. Remove its folder.\n"
    (project / ".dvc/config").write_text("[core")
    assert "Correct DVC's configuration." in called(main, project, status=1)
