"""Clones pull the results of another clone through DVC's remote."""

from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import clone, documented, edit_params, ran_stages, run

REMOTE = documented("dvc remote add --default team /srv/project")


def data(project: Path) -> dict[str, bytes]:
    """Return every file that DVC tracks, by name."""
    lock = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"]
    outputs = [project / output["path"] for stage in lock.values() for output in stage["outs"]]
    tracked = [path for path in outputs if path.is_relative_to(project / "data")]
    files = [file for path in tracked for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return {str(file.relative_to(project)): file.read_bytes() for file in files}


@pytest.mark.slow
def test_others_pull_the_same_bytes_and_train_nothing_again(small: Path, tmp_path: Path) -> None:
    run(*REMOTE[:-1], str(tmp_path / "shared"), cwd=small)
    run(*documented("dvc remote modify team verify true"), cwd=small)
    run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=small)
    run("git", "clone", "--quiet", "--bare", str(small), str(tmp_path / "origin"), cwd=tmp_path)
    run("git", "remote", "add", "origin", str(tmp_path / "origin"), cwd=small)
    committed = data(small)
    run("dvc", "exp", "run", "--name", "deeper", "-S", "study.depth=[1,2]", cwd=small)
    deeper = (small / "data/models/depth-2/results.json").read_bytes()
    run(*documented("dvc exp push origin --rev HEAD"), cwd=small)
    run("make", "undo", cwd=small)
    run(*documented("dvc push --run-cache"), cwd=small)

    second = clone(tmp_path / "origin", tmp_path / "second")
    run(*documented("dvc pull"), cwd=second)
    assert data(second) == committed
    run(*documented("dvc exp pull origin --rev HEAD"), cwd=second)
    run("dvc", "exp", "apply", "deeper", cwd=second)
    assert (second / "data/models/depth-2/results.json").read_bytes() == deeper

    third = clone(tmp_path / "origin", tmp_path / "third")
    edit_params(third, "  depth:\n  - 1\n", "  depth:\n  - 1\n  - 2\n")
    assert ran_stages(run(*documented("dvc repro --pull"), cwd=third)) == ["aggregate"]
    assert (third / "data/models/depth-2/results.json").read_bytes() == deeper
