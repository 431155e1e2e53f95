"""`make equivalence` on a study of two architectures: a change of no byte passes, another one is named."""

import json
import shutil
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import MODELS, STORE, commit, edit_params, made_once, run
from tests.in_process import called
from tools.equivalence import RUNS, main
from tools.prune import stored

LOOP = "stages/training/loop.py"


@pytest.fixture(scope="session")
def compared(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`reproduced` with three epochs, and with a run of its committed code. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(reproduced, place, dirs_exist_ok=True, symlinks=True)
        edit_params(place, "  epochs: 1\n", "  epochs: 3\n")
        run("dvc", "repro", cwd=place)
        commit(place, "Three epochs")
        shutil.rmtree(place / "data")  # as in a clone
        replace(place, LOOP, "import numpy as np\n", "import numpy as np  # arrays\n")
        run("make", "equivalence", cwd=place)
        run("git", "checkout", "--quiet", ".", cwd=place)

    return made_once(tmp_path_factory, "compared", make)


@pytest.fixture
def project(compared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compared, tmp_path / "project", symlinks=True))


def replace(project: Path, file: str, old: str, new: str) -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new))


def lock(project: Path) -> dict[str, dict[str, object]]:
    return dict(read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"])


@pytest.mark.slow
def test_comment_and_renamed_module_update_lock_and_checkpoints_without_data(project: Path) -> None:
    before = lock(project)
    old = {one["code"] for one in stored(project / STORE).values()}
    replace(project, LOOP, "import numpy as np\n", "import numpy as np  # numbers\n")
    run("git", "mv", "stages/training/diagnosis.py", "stages/training/inside.py", cwd=project)
    replace(project, LOOP, "training.diagnosis", "training.inside")
    assert "No result changes: " in called(main, project).splitlines()[-1]
    after = lock(project)
    for key in ("outs", "params"):
        assert [stage.get(key) for stage in after.values()] == [stage.get(key) for stage in before.values()]
    changes = json.loads(run("dvc", "status", "--json", "dvc.yaml", cwd=project))
    assert "modified" not in json.dumps({stage: change for stage, change in changes.items() if "search" not in stage})

    new = {one["code"] for one in stored(project / STORE).values()} - old
    assert len(new) == 1
    run("dvc", "repro", "prepare", cwd=project)
    assert "epoch 1/3" not in run("dvc", "repro", "--single-item", "--force", "train@width", cwd=project)
    assert (project / MODELS / "width/history.csv").read_text().count("\n") == 4


@pytest.mark.slow
def test_shuffle_that_differs_from_the_third_epoch_on_is_named(project: Path) -> None:
    later = "seed=[seed, epoch + tf.cast(epoch >= 2, epoch.dtype)]"
    replace(project, LOOP, "seed=[seed, epoch]", later)
    before = (project / "dvc.lock").read_bytes()
    assert "data/models/depth, " in called(main, project, status=1)
    assert (project / "dvc.lock").read_bytes() == before


def test_code_of_the_committed_results_needs_no_run(cloned: Path) -> None:
    (cloned / "stages/training/notes.txt").write_text("no module\n")
    assert "stages have the results and the code of " in called(main, cloned)
    assert not (cloned / RUNS).exists()


def test_other_parameters_are_refused_by_name_and_new_results_are_not_compared(cloned: Path) -> None:
    replace(cloned, LOOP, "import numpy as np\n", "import numpy as np  # arrays\n")
    edit_params(cloned, "learning_rate: 0.001", "learning_rate: 0.002")
    before = (cloned / "dvc.lock").read_bytes()
    assert "equivalence: params.yaml: train.learning_rate: other values than at " in called(main, cloned, status=1)
    assert (cloned / "dvc.lock").read_bytes() == before

    stages = lock(cloned)
    for md5 in {output["md5"] for stage in stages.values() for output in stage["outs"]}:  # type: ignore[attr-defined]
        replace(cloned, "dvc.lock", md5, "a" * 32 + md5[32:])
    commit(cloned, "Trained again")
    first, last = called(main, cloned, "HEAD~").splitlines()
    assert first.startswith("equivalence: not compared, as their results differ from ")
    assert last.startswith("equivalence: 0 stages have the results and the code of ")


def test_code_that_changes_during_the_comparison_is_refused(cloned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace(cloned, LOOP, "import numpy as np\n", "import numpy as np  # arrays\n")
    monkeypatch.setattr("tools.equivalence.compare", lambda *_: replace(cloned, LOOP, "# arrays", "# numbers"))
    before = (cloned / "dvc.lock").read_bytes()
    assert "changed during the comparison" in called(main, cloned, status=1)
    assert (cloned / "dvc.lock").read_bytes() == before


def test_committed_lock_that_is_stale_vouches_for_no_code(cloned: Path) -> None:
    replace(cloned, LOOP, "import numpy as np\n", "import numpy as np  # arrays\n")
    with (cloned / "dvc.lock").open("a") as file:
        file.write("# touched\n")
    commit(cloned, "Code without its results")
    replace(cloned, LOOP, "# arrays", "# numbers")
    assert ": not up to date with the code of train@width" in called(main, cloned, status=1)
