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

from stages.common import read_yaml, yaml_text
from tests.conftest import ENVIRONMENT, ROOT, STORE, commit, documented, ran_stages, run
from tests.tools.test_repro import processes_below
from tests.trials.conftest import OUTPUTS, rows, search, states, write_params, written

DEFAULT = read_yaml((ROOT / "params.yaml").read_text(), "params.yaml")["search"]


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


def test_record_of_a_search_has_what_it_left_and_its_front_and_is_refused_where_it_is_behind(
    project: Path,
) -> None:
    record = [sys.executable, "-m", "tools.record", "--search", "sample", "make search"]
    run(*record, cwd=project)
    place = project / "records/sample"
    for name in ("params.yaml", *OUTPUTS):
        assert (place / name).read_bytes() == (project / name).read_bytes()
    page = (place / "README.md").read_text()
    assert "Made by `make search`, then `python -m tools.record --search sample`." in page
    front = page.split("```")[1]
    assert front.startswith("\nThe front of ")
    assert front in (project / "search.log").read_text()
    before = contents(place)
    write_params(project, trials=6)
    assert "`make search` first" in run(*record, cwd=project, status=1)
    assert contents(place) == before


def contents(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.slow
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


@pytest.mark.slow
def test_what_was_trained_is_found_again_and_more_trials_train_only_what_is_new(project: Path) -> None:
    """Two searches more, by the documented commands: what is not trained again is told by what they leave."""
    before, known = states(project), rows(project)
    for name in OUTPUTS:
        (project / name).unlink()
    output = run(*documented("make search JOBS=2"), cwd=project)
    assert states(project) == before
    assert rows(project) == known
    assert "trials 2/4" not in output, "a line is for what was trained"
    command = documented("dvc exp run -S search.trials=48 search/dvc.yaml")
    assert "search/dvc.yaml:search" in ran_stages(run(*[word.replace("48", "6") for word in command], cwd=project))
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


def test_the_study_neither_runs_nor_waits_for_the_search(searched: Path) -> None:
    behind = run(sys.executable, "-m", "tools.check", cwd=searched, status=1)
    assert "train@width" in behind
    assert "search" not in behind
    asked = run(
        sys.executable, "-c", "from tools.common.pipeline import stale_stages; print(stale_stages())", cwd=searched
    )
    assert "train@width" in asked
    assert "search" not in asked


def test_another_space_is_a_parameter(project: Path) -> None:
    """The documented command, on a search of its own, as its space is another."""
    command = documented("dvc exp run -S '~search.budgets.small' -S '~search.budgets.medium' -S '~search.budgets.large' -S '+search.budgets.notebook=780570' -S 'search.space.kernel=[5]' -S 'search.space.stride=[1]' -S 'search.space.head=[dense]' -S 'search.space.activation=[sigmoid]' -S 'search.space.normalization=[none]' -S search.space.dropout.high=0 -S search.trials=16 -S search.ties=operations -S '~search.space.learning_rate' -S 'search.space.average=[0]' -S search.space.blocks.low=1 -S search.space.blocks.high=2 -S 'search.space.filters=[{low:6,high:24}]' -S search.space.dense_units.low=40 -S search.space.dense_units.high=160 search/dvc.yaml")  # fmt: skip  # noqa: E501
    write_params(project, space=DEFAULT["space"], budgets=DEFAULT["budgets"])
    few = ["-S", "search.trials=2", "-S", "search.rungs=[1]"]
    run(*command[:-1], *few, command[-1], cwd=project)
    trials = [row.split(",") for row in rows(project)]
    assert {(row[11], row[14], row[15]) for row in trials} == {("sigmoid", "", "0")}
    best = json.loads((project / "metrics/search.json").read_text())["validation_accuracy"]
    assert best.keys() <= {"notebook"}, "the other budgets are none of this search"


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
