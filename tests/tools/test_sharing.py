"""What one clone has trained the others pull: over S3, SSH and a shared folder, against real servers on loopback."""

from pathlib import Path

import pytest

from tests.conftest import documented, edit_params, ran_stages, run
from tests.tools.conftest import clone_of, data, give, one_line, refused, set_up
from tests.tools.servers import Server

pytestmark = pytest.mark.slow


def ask_for_two_blocks(project: Path) -> None:
    edit_params(project, "# blocks\n  - 1\n", "# blocks\n  - 1\n  - 2\n")


def pulled_without_training(clone: Path, expected: Path) -> None:
    """Let the clone ask for two blocks, which were trained and pushed elsewhere."""
    ask_for_two_blocks(clone)
    output = run(*documented("dvc repro --pull"), cwd=clone)
    assert ran_stages(output) == ["aggregate"]
    results = (clone / "data/models/depth-2/results.json").read_bytes()
    assert results == (expected / "data/models/depth-2/results.json").read_bytes()


def test_others_pull_the_same_bytes_and_train_nothing_again(first: Path, server: Server, reproduced: Path) -> None:
    """Three clones and a real server: what one has pushed is told from what it has by another clone alone."""
    ask_for_two_blocks(first)
    assert ran_stages(run("dvc", "repro", cwd=first)) == ["aggregate"]  # they are in its cache
    run(*documented("dvc push --run-cache"), cwd=first)
    run("git", "checkout", "--quiet", ".", cwd=first)
    run("dvc", "checkout", cwd=first)
    run("dvc", "push", cwd=first)
    second = clone_of(first, "second", server.right)
    run(*documented("dvc pull"), cwd=second)
    assert len(data(second)) > 20
    assert data(second) == data(first)
    assert "holds everything that dvc.lock names" in run(*documented("make remote"), cwd=second)
    pulled_without_training(clone_of(first, "third", server.right), reproduced)


def test_shared_folder_does_so_too_and_experiments_travel(small: Path, reproduced: Path, tmp_path: Path) -> None:
    """Three clones, for the same reason."""
    set_up(small, "folder", str(tmp_path / "shared"))
    run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=small)
    run("git", "clone", "--quiet", "--bare", str(small), str(tmp_path / "origin"), cwd=tmp_path)
    run("git", "remote", "add", "origin", str(tmp_path / "origin"), cwd=small)
    run("dvc", "exp", "run", "--name", "deeper", "-S", "study.depth=[1,2]", cwd=small)
    run(*documented("dvc exp push origin --rev HEAD"), cwd=small)
    run("git", "checkout", "--quiet", ".", cwd=small)
    run("dvc", "checkout", cwd=small)
    run("dvc", "push", "--run-cache", cwd=small)

    second = clone_of(tmp_path / "origin", "second", {})
    run("dvc", "pull", cwd=second)
    assert data(second) == data(small)
    run(*documented("dvc exp pull origin --rev HEAD"), cwd=second)
    run("dvc", "exp", "apply", "deeper", cwd=second)
    assert (second / "data/models/depth-2/results.json").read_bytes() == (
        reproduced / "data/models/depth-2/results.json"
    ).read_bytes()
    pulled_without_training(clone_of(tmp_path / "origin", "third", {}), reproduced)


def test_server_that_refuses_or_is_down_is_told_and_nothing_is_lost(first: Path, server: Server) -> None:
    """Real servers and DVC's own patience with them: each command may meet the failure at a place of its own."""
    run("dvc", "push", cwd=first)
    second = clone_of(first, "second", server.right | server.wrong)
    give(first, server.wrong)
    reason = "Forbidden" if server.kind == "s3" else "Permission denied for user"
    assert reason in refused(first, "dvc", "push", status=255)
    assert reason in refused(second, "dvc", "pull")
    assert reason in refused(second, "dvc", "repro", "--pull", status=255)
    assert reason in one_line(second, "make", "remote")

    give(first, server.right)
    give(second, server.right)
    server.stop()
    reason = "Could not connect to the endpoint URL" if server.kind == "s3" else "Connect call failed"
    assert reason in refused(first, "dvc", "push", status=255)
    assert reason in refused(second, "dvc", "pull")
    assert reason in one_line(second, "make", "remote")
