"""No epoch that was trained here is trained again, whatever is asked next; and every output is a fresh run's."""

import re
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from stages.checkpoints import states
from stages.common import read_yaml
from tests.conftest import STORE, contents, documented, edit_params, run
from tests.queues import start_queue, wait_for_queue

TRAINED = re.compile(r"^(\S+) seed (\d+) epoch (\d+)/\d+:", flags=re.MULTILINE)


def trained(output: str) -> list[tuple[str, int, int]]:
    """The epochs that were trained: name, seed, number."""
    return [(name, int(seed), int(epoch)) for name, seed, epoch in TRAINED.findall(output)]


def outputs(project: Path) -> dict[str, str]:
    """The checksums of all outputs, as dvc.lock has them."""
    stages = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"].values()
    return {out["path"]: out["md5"] for stage in stages for out in stage["outs"]}


def from_scratch(project: Path, place: Path) -> dict[str, str]:
    """The outputs of a run of the same project where nothing is kept and no stage is known."""
    shutil.copytree(project, place, symlinks=True)
    for folder in (STORE, Path(".dvc/cache/runs"), Path("data/models")):
        shutil.rmtree(place / folder)
    assert trained(run("dvc", "repro", "--force", cwd=place))
    return outputs(place)


def test_a_whole_run_trains_the_nine_of_the_study_and_no_pick_beside_them(reproduced: Path) -> None:
    epochs = trained((reproduced / "first-run.log").read_text())
    assert len(epochs) == 9
    assert len({name for name, _, _ in epochs if name not in ("width", "depth")} | {"w8-16", "depth-1"}) == 9


@pytest.mark.slow
def test_next_questions_cost_what_is_new_in_them(small: Path, tmp_path: Path) -> None:
    """The table of what trains how much, in one sequence; only whole runs show that each stage finds the others'."""
    assert (
        trained(run(*documented("dvc exp run -S 'width.filters=[10,20]'")[:-1], "width.filters=[2,4]", cwd=small)) == []
    )
    assert contents(small / "data/models/width") == contents(small / "data/models/w2-4")

    edit_params(small, "  - 0\n", "  - 0\n  - 1\n")
    more_seeds = Counter(seed for _, seed, _ in trained(run("dvc", "repro", cwd=small)))
    assert more_seeds == {1: 2}, "one epoch of each of two architectures"

    edit_params(small, "epochs: 1\n", "epochs: 3\n")
    more_epochs = Counter((seed, epoch) for _, seed, epoch in trained(run("dvc", "repro", cwd=small)))
    assert more_epochs == {(seed, epoch): 2 for seed in (0, 1) for epoch in (2, 3)}
    assert outputs(small) == from_scratch(small, tmp_path / "scratch")

    for name in ("w2-4", "depth-1"):
        shutil.rmtree(small / "data/models" / name)
    edit_params(small, "epochs: 3\n", "epochs: 2\n")
    fewer = run("dvc", "repro", "-s", "train_width@w2-4", cwd=small)
    assert "w2-4 seed 1: 1 of 2 epochs were trained before" in fewer
    edit_params(small, "epochs: 2\n", "epochs: 1\n")
    assert trained(run("dvc", "repro", "--force", "-s", "train_width@w2-4", cwd=small)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002"),
        ("stages/training/loop.py", "EVALUATION_BATCH = 1000", "EVALUATION_BATCH = 100"),
    ],
)
def test_what_changes_bytes_trains_all_anew(small: Path, file: str, old: str, new: str) -> None:
    """A stage as DVC runs it, with its code's file changed: only a process of its own reads that."""
    path = small / file
    path.write_text(path.read_text().replace(old, new))
    output = run("dvc", "repro", "-s", "train_width@w2-4", cwd=small)
    assert trained(output) == [("w2-4", 0, 1)]


@pytest.mark.slow
def test_queued_experiments_side_by_side_train_each_epoch_once_and_fill_the_same_store(small: Path) -> None:
    """Two at a time, in copies of the project; nothing shorter shows that the copies share what is kept."""
    known = {path.name for path in (small / STORE).iterdir()}
    for name in ("one", "two"):
        changes = ("-S", "width.filters=[3,5]", "-S", f"depth.dense_units={84 if name == 'one' else 80}")
        run("dvc", "exp", "run", "--queue", "--name", name, *changes, cwd=small)
    start_queue(small, "dvc", "queue", "start", "--jobs", "2")
    assert wait_for_queue(small, 2) == ["Success"] * 2
    said = [run("dvc", "queue", "logs", name, cwd=small) for name in ("one", "two")]
    assert [epoch for output in said for epoch in trained(output) if epoch[0] == "width"] == [("width", 0, 1)]
    assert len({path.name for path in (small / STORE).iterdir()} - known) == 2, "(3, 5), and one block with 80 units"


@pytest.mark.slow
def test_training_killed_in_the_queue_goes_on_also_after_a_shorter_one(small: Path) -> None:
    """From outside, as `dvc queue kill` says so itself: nothing shorter shows what it leaves below the shared cache."""
    stage = "train_width@w2-4"
    run("dvc", "exp", "run", "--queue", "--name", "long", "-S", "train.epochs=5000", stage, cwd=small)
    start_queue(small, "dvc", "queue", "start")
    while longest(small) < 5:
        assert "Failed" not in (status := run("dvc", "queue", "status", cwd=small)), status
        time.sleep(0.5)
    run("dvc", "queue", "kill", "long", cwd=small)
    assert wait_for_queue(small, 1) == ["Failed"]
    assert "interrupted. The same command goes on from here" in run("dvc", "queue", "logs", "long", cwd=small)
    done = longest(small)
    assert 5 <= done < 5000

    shorter = trained(run("dvc", "exp", "run", "-S", "train.epochs=2", stage, cwd=small))
    assert shorter == [("w2-4", 0, 2)]
    output = run("dvc", "exp", "run", "-S", f"train.epochs={done + 1}", stage, cwd=small)
    assert f"w2-4 seed 0: {done} of {done + 1} epochs were trained before" in output
    assert trained(output) == [("w2-4", 0, done + 1)]


def longest(project: Path) -> int:
    """The epochs of the longest training of which something is kept."""
    return max(epochs for folder in (project / STORE).iterdir() for epochs in states(folder))
