"""The search on the sample: the same bytes however it is run, from what is kept, and without a look at test images."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.common.strict_yaml import read_yaml, yaml_text
from tests.conftest import ENVIRONMENT, STORE, commit, documented, made_once, ran_stages, run
from tests.tools.test_repro import processes_below

OUTPUTS = ("metrics/search.json", "plots/search_front.png", "plots/search_progress.png", "plots/search_trials.csv")
SEARCH: dict[str, Any] = {
    "trials": 4,
    "generation": 2,
    "epochs": [2, 3],
    "keep": 0.5,
    "budgets": {"small": 3000, "large": 400_000},
    "space": {
        "filters": {"low": 4, "high": 12},
        "blocks": [1, 2],
        "kernel": [3],
        "pooling": ["max"],
        "stride": [2],
        "head": ["average", "dense"],
        "dense_units": [16],
        "activation": ["relu"],
        "normalization": ["none", "batch"],
        "average": [0.9],
    },
}


def write_params(project: Path, **search: Any) -> None:
    """The small search on the sample, with these keys of its own."""
    path = project / "params.yaml"
    content = read_yaml(path.read_text(), "params.yaml")
    content["data"] |= {"source": "tests/sample", "validation": 100}
    content["train"] |= {"batch_size": 20, "threads": 1, "epochs": 3}
    content["search"] |= SEARCH | search
    path.write_text(yaml_text(content))


def search(project: Path, jobs: int, status: int = 0) -> str:
    command = ["env", f"JOBS={jobs}", sys.executable, "-m", "stages.search"]
    return run(*command, cwd=project, status=status)


def written(project: Path) -> dict[str, str]:
    return {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in OUTPUTS}


def rows(project: Path) -> list[str]:
    return (project / "plots/search_trials.csv").read_text().splitlines()[1:]


def states(project: Path) -> dict[str, int]:
    """When every kept state was written, by its place."""
    return {str(path): path.stat().st_mtime_ns for path in (project / STORE).glob("*/epoch-*.npz")}


@pytest.fixture(scope="session")
def searched(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose search has ended, by the documented command. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(fresh, place, dirs_exist_ok=True, symlinks=True)
        write_params(place)
        (place / "search/dvc.lock").unlink(missing_ok=True)
        (place / "search.log").write_text(run(*documented("make search"), cwd=place))
        commit(place, "A search")

    return made_once(tmp_path_factory, "searched", make)


@pytest.fixture
def project(searched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched, tmp_path / "searched", symlinks=True))


def test_it_tells_its_generations_and_its_end_and_leaves_small_files_that_git_holds(searched: Path) -> None:
    output = (searched / "search.log").read_text()
    assert ran_stages(output) == ["fetch", "prepare", "search/dvc.yaml:search"]
    assert "trials 2/4, epochs " in output
    assert "trials 4/4, epochs " in output
    assert "The front of " in output
    assert "`make adopt` writes them into params.yaml" in output
    assert set(OUTPUTS) <= set(run("git", "ls-files", cwd=searched).splitlines())
    numbers = json.loads((searched / "metrics/search.json").read_text())
    assert numbers["trials"] == 4
    assert numbers["epochs"] == 2 * (2 + 3)
    assert numbers["validation_accuracy"]["large"] > 0.2
    assert run("dvc", "status", "search/dvc.yaml", cwd=searched).strip() == "Data and pipelines are up to date."


def test_other_workers_a_kill_and_other_test_labels_give_the_same_bytes(searched: Path, project: Path) -> None:
    """A long test, since each training is a process: what is compared are all bytes of two whole searches."""
    with_other_test_labels(project)
    shutil.rmtree(project / STORE)
    for name in OUTPUTS:
        (project / name).unlink()
    for reached in ("*/epoch-2.npz", "*/epoch-3.npz"):  # killed in each rung
        driver = subprocess.Popen(
            [sys.executable, "-m", "stages.search"], cwd=project, env=ENVIRONMENT | {"JOBS": "3"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while not list((project / STORE).glob(reached)):
            assert driver.poll() is None, "it ended before it was killed"
            time.sleep(0.05)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        deadline = time.monotonic() + 60
        while processes_below(project):
            assert time.monotonic() < deadline, "trainings go on without the search"
            time.sleep(0.1)
    assert not any((project / name).exists() for name in OUTPUTS)
    search(project, jobs=1)
    assert written(project) == written(searched)


def with_other_test_labels(project: Path) -> None:
    """The sample with its test labels permuted, so that whoever looks at them finds nonsense."""
    folder = project / "tests/sample"
    labels = folder / "t10k-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes(content[:8] + np.random.default_rng(0).permutation(list(content[8:])).astype(np.uint8).tobytes())
    lines = [line.split() for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for _, name in lines]
    (folder / "SHA256SUMS").write_text("".join(sums))
    assert ran_stages(run("dvc", "repro", "prepare", cwd=project)) == ["fetch", "prepare"]


def test_what_was_trained_is_found_again_and_more_trials_train_only_what_is_new(project: Path) -> None:
    before, known = states(project), rows(project)
    for name in OUTPUTS:
        (project / name).unlink()
    output = search(project, jobs=2)
    assert states(project) == before
    assert rows(project) == known
    assert "trials 2/4" not in output, "a line is for what was trained"
    write_params(project, trials=6)
    search(project, jobs=2)
    assert rows(project)[: len(known)] == known
    now = states(project)
    assert {place: now[place] for place in before} == before
    new = [row for row in rows(project)[len(known) :] if row.split(",")[2] != "0"]
    assert len(now) - len(before) == len(new)


def test_what_a_search_asks_for_is_not_pruned(project: Path) -> None:
    before = states(project)
    stray = next(iter((project / STORE).iterdir()))
    shutil.copytree(stray, project / STORE / "0123")
    assert "removed" in run("make", "kept", "PRUNE=1", cwd=project)
    assert states(project) == before
    write_params(project, seed=1)
    commit(project, "Another search")
    assert "removed" in run("make", "kept", "PRUNE=1", cwd=project)
    assert len(states(project)) < len(before)


def test_the_best_are_adopted_once_and_trained_as_the_study_is(project: Path) -> None:
    assert "study.found." in run(*documented("make adopt"), cwd=project)
    text = (project / "params.yaml").read_text()
    found = read_yaml(text, "params.yaml")["study"]["found"]
    accuracies = json.loads((project / "metrics/search.json").read_text())["validation_accuracy"]
    assert 1 <= len(found) <= len(accuracies)
    assert all(architecture["average"] == 0.9 for architecture in found.values())
    run("dvc", "params", "diff", cwd=project)
    assert run("dvc", "status", "search/dvc.yaml", cwd=project).strip() == "Data and pipelines are up to date."
    name = next(iter(found))
    output = run("dvc", "repro", "--single-item", f"train_found@{name}", cwd=project)
    assert "3 of 3 epochs were trained before" in output or "2 of 3 epochs were trained before" in output
    assert run(*documented("make adopt"), cwd=project)
    assert (project / "params.yaml").read_text() == text


def test_adoption_of_a_search_of_other_params_is_refused(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    write_params(project, seed=5)
    changed = (project / "params.yaml").read_text()
    assert before != changed
    said = run("make", "adopt", cwd=project, status=2)
    assert "search/dvc.yaml: what it found is not of this params.yaml and this code; `make search` first" in said
    assert (project / "params.yaml").read_text() == changed


def test_the_study_neither_runs_nor_waits_for_the_search(searched: Path) -> None:
    behind = run(sys.executable, "-m", "tools.gate", cwd=searched, status=1)
    assert "train@width" in behind
    assert "search" not in behind
    asked = run(
        sys.executable, "-c", "from tools.common.pipeline import stale_stages; print(stale_stages())", cwd=searched
    )
    assert "train@width" in asked
    assert "search" not in asked


@pytest.mark.parametrize(
    ("changed", "jobs", "said"),
    [
        ({"trials": 5}, "1", "search: params.yaml: search.trials holds 5: a multiple of generation, 2"),
        ({}, "two", "search: JOBS holds 'two', may hold a number of trainings from 1"),
        ({}, "0", "search: JOBS holds '0', may hold a number of trainings from 1"),
    ],
)
def test_what_it_refuses_it_refuses_in_a_line(project: Path, changed: dict[str, Any], jobs: str, said: str) -> None:
    write_params(project, **changed)
    output = run("env", f"JOBS={jobs}", sys.executable, "-m", "stages.search", cwd=project, status=1)
    assert output.startswith(said)
    assert len(output.splitlines()) == 1


def test_it_needs_images_that_are_held_out_and_a_section_of_its_own(project: Path) -> None:
    path = project / "params.yaml"
    content = read_yaml(path.read_text(), "params.yaml")
    path.write_text(yaml_text(content | {"data": content["data"] | {"validation": 0}}))
    assert "data.validation holds 0, may hold a number from 1" in search(project, jobs=1, status=1)
    path.write_text(yaml_text({key: value for key, value in content.items() if key != "search"}))
    assert "params.yaml: search is missing" in search(project, jobs=1, status=1)


def test_a_training_that_fails_ends_the_search_with_its_own_words(project: Path) -> None:
    shutil.rmtree(project / STORE)
    os.mkdir(project / STORE)  # noqa: PTH102
    (project / STORE).chmod(0o500)
    try:
        if os.access(project / STORE, os.W_OK):
            pytest.skip("root may write everywhere")
        assert "Permission denied" in search(project, jobs=2, status=1)
    finally:
        (project / STORE).chmod(0o700)
