"""What one clone has trained the others pull: over S3, SSH and a shared folder, against real servers on loopback."""

from pathlib import Path

import pytest

from tests.conftest import documented, edit_params, ran_stages, run
from tests.tools.conftest import clone_of, data, give, refused, set_up
from tests.tools.servers import Server

pytestmark = pytest.mark.slow
RESULTS = "data/models/depth-2/results.json"


def ask_for_two_blocks(project: Path) -> None:
    edit_params(project, "# blocks\n  - 1\n", "# blocks\n  - 1\n  - 2\n")


def pulled_without_training(clone: Path, expected: Path) -> None:
    """Let the clone ask for two blocks, which were trained and pushed elsewhere."""
    ask_for_two_blocks(clone)
    assert ran_stages(run(*documented("dvc repro --pull"), cwd=clone)) == ["aggregate"]
    assert (clone / RESULTS).read_bytes() == (expected / RESULTS).read_bytes()


def test_others_pull_the_same_bytes_and_train_nothing_again(first: Path, server: Server, reproduced: Path) -> None:
    """Three clones and a real server: a clone's own cache could stand in for what it has pushed."""
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
    pulled_without_training(clone_of(first, "third", server.right), reproduced)


def test_experiments_travel_through_git_and_a_shared_folder(small: Path, reproduced: Path, tmp_path: Path) -> None:
    """Two clones, for the same reason."""
    set_up(small, "folder", str(tmp_path / "shared"))
    run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=small)
    run("git", "clone", "--quiet", "--bare", str(small), str(tmp_path / "origin"), cwd=tmp_path)
    run("git", "remote", "add", "origin", str(tmp_path / "origin"), cwd=small)
    run("dvc", "exp", "run", "--name", "deeper", "-S", "study.depth=[1,2]", cwd=small)
    run(*documented("dvc exp push origin --rev HEAD"), cwd=small)
    second = clone_of(tmp_path / "origin", "second", {})
    run(*documented("dvc exp pull origin --rev HEAD"), cwd=second)
    run("dvc", "exp", "apply", "deeper", cwd=second)
    assert (second / RESULTS).read_bytes() == (reproduced / RESULTS).read_bytes()


@pytest.mark.parametrize("down", [True, False])
def test_server_that_refuses_or_is_down_is_told_and_nothing_is_lost(first: Path, server: Server, down: bool) -> None:
    run("dvc", "push", cwd=first)
    second = clone_of(first, "second", server.right if down else server.right | server.wrong)
    reason = {"s3": "Forbidden", "ssh": "Permission denied for user"}[server.kind]
    if down:
        server.stop()
        reason = {"s3": "Could not connect to the endpoint URL", "ssh": "Connect call failed"}[server.kind]
    else:
        give(first, server.wrong)
    assert reason in refused(first, "dvc", "push", status=255)
    assert reason in refused(second, "dvc", "pull")
