"""The search on the sample: the same bytes however it is run and resumed, and without a look at test images."""

import json
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from stages.common import DATASET_FILE, read_yaml, yaml_text
from stages.search import main
from stages.training.dataset import read_dataset, write_dataset
from tests.conftest import ENVIRONMENT, STORE, documented, ran_stages, run
from tests.in_process import called
from tests.processes import stored, until, until_none_works_below
from tests.trials.conftest import OUTPUTS, checkpoints, rows, written

SEARCH = [sys.executable, "-m", "stages.search"]


def test_it_prints_its_rounds_and_its_end_and_leaves_small_files_in_git(searched: Path) -> None:
    output = (searched / "search.log").read_text()
    assert ran_stages(output) == ["fetch", "prepare", "search/dvc.yaml:search"]
    for line in ("trials 2/4, epochs 5: ", "trials 4/4, epochs 10: ", "The Pareto front of ", "`make adopt` writes"):
        assert line in output
    assert set(OUTPUTS) <= set(run("git", "ls-files", cwd=searched).splitlines())
    numbers = json.loads((searched / "metrics/search.json").read_text())
    assert (numbers["trials"], numbers["epochs"]) == (4, 2 * (2 + 3))
    assert numbers["validation_accuracy"]["large"] > 0.2
    assert run("dvc", "status", "search/dvc.yaml", cwd=searched).strip() == "Data and pipelines are up to date."


@pytest.mark.slow
def test_other_workers_a_kill_and_other_test_labels_give_the_same_bytes(searched: Path, project: Path) -> None:
    """Two whole searches: all bytes are compared."""
    data = read_dataset(project / DATASET_FILE)
    write_dataset(project / DATASET_FILE, data._replace(test=data.test._replace(labels=data.test.labels[::-1])))
    shutil.rmtree(project / STORE)
    for name in OUTPUTS:
        (project / name).unlink()
    for reached in ("epoch-2.*.npz", "epoch-3.*.npz"):  # killed in each rung
        driver = subprocess.Popen(
            SEARCH, cwd=project, env=ENVIRONMENT | {"JOBS": "3"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(partial(stored, project, reached), reached, 600)
        driver.kill()
        assert driver.wait() == -9, "it ended before it was killed"
        until_none_works_below(project, 60)
    assert not any((project / name).exists() for name in OUTPUTS)
    run("env", "JOBS=1", *SEARCH, cwd=project)
    assert written(project) == written(searched)


@pytest.mark.slow
def test_what_was_trained_is_found_again_and_more_trials_train_only_what_is_new(project: Path) -> None:
    before, known = checkpoints(project), rows(project)
    for name in OUTPUTS:
        (project / name).unlink()
    run(*documented("make search JOBS=2"), cwd=project)
    assert checkpoints(project) == before
    assert rows(project) == known
    command = [word.replace("48", "6") for word in documented("dvc exp run -S search.trials=48 search/dvc.yaml")]
    assert "search/dvc.yaml:search" in ran_stages(run(*command, cwd=project))
    assert rows(project)[: len(known)] == known
    now = checkpoints(project)
    assert {place: now[place] for place in before} == before
    new = [row for row in rows(project)[len(known) :] if row.split(",")[2] != "0"]
    assert len(now) - len(before) == len(new)


def test_the_study_neither_runs_nor_waits_for_the_search(searched: Path) -> None:
    behind = run(sys.executable, "-m", "tools.check", cwd=searched, status=1)
    assert "train@width" in behind
    assert "search" not in behind


def test_it_needs_a_section_images_that_are_held_out_and_a_space_that_fits(project: Path) -> None:
    content = read_yaml((project / "params.yaml").read_text(), "params.yaml")
    for changed, message in (
        ({"data": content["data"] | {"validation": 0}}, "data.validation: expected at least 1, got 0"),
        ({"search": None}, "search: missing"),
        ({"search": content["search"] | {"max_training_flops": 1}}, "search.max_training_flops: expected at least "),
    ):
        (project / "params.yaml").write_text(yaml_text(content | changed))
        output = called(main, project, status=1)
        assert output.startswith(f"search: params.yaml: {message}")
        assert len(output.splitlines()) == 1
