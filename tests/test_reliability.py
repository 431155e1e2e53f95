"""Full disks, damaged files and refused runs lose no results, and no parameter reaches a shell."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import MODELS, STORE, contents, edit_params, run, training


def one_line(project: Path, *arguments: str) -> str:
    """Run a command that fails; return its only line except those of epochs."""
    output = run(*arguments, cwd=project, status=1)
    (line,) = [line for line in output.splitlines() if " epoch " not in line]
    return line


@pytest.mark.parametrize(
    ("stage", "file"), [("prepare", "data/fashion_mnist.npz"), ("aggregate", "plots/width_curves.png")]
)
def test_full_disk_is_reported_with_the_file_and_loses_nothing(small: Path, stage: str, file: str) -> None:
    before = contents(small / MODELS / "w2-4")
    path = small / file
    path.with_name(f".partial-{path.name}").symlink_to("/dev/full")
    assert f"{file}: No space left on device" in one_line(small, sys.executable, "-m", f"stages.{stage}")
    assert contents(small / MODELS / "w2-4") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_full_disk_below_the_store_is_reported_and_loses_nothing(small: Path) -> None:
    before = contents(small / MODELS / "w2-4")
    edit_params(small, "learning_rate: 0.001", "learning_rate: 0.002")
    mount = f'mount -t tmpfs -o size=64k tmpfs {STORE} && exec "$@"'
    message = one_line(small, "unshare", "--mount", "sh", "-c", mount, "sh", *training("w2-4"))
    assert re.search(r"trainings/\w+/epoch-1\S*.npz: No space left on device", message)
    assert contents(small / MODELS / "w2-4") == before


def test_truncated_data_set_is_reported_and_restored_by_the_command_in_the_message(small: Path) -> None:
    path = small / "data/fashion_mnist.npz"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1000])
    message = one_line(small, *training("w2-4"))
    assert "data/fashion_mnist.npz: damaged" in message
    run(*message.split("`")[1].split(), cwd=small)
    assert path.read_bytes() == whole


def test_undo_of_a_refused_run_restores_the_results_and_keeps_the_edit(small: Path) -> None:
    """Both values have the same time and length, as after two writes in one second, so Git sees no edit."""
    params, before = small / "params.yaml", contents(small / MODELS / "w2-4")
    committed = params.read_bytes()
    run("git", "config", "core.trustctime", "false", cwd=small)  # a test cannot set this time
    os.utime(params, (0, 0))
    run("git", "update-index", "--refresh", cwd=small)
    edited = committed.replace(b"threads: 2", b"threads: 0")
    params.write_bytes(edited)
    os.utime(params, (0, 0))
    assert run("git", "status", "--porcelain", cwd=small) == ""
    assert "rm -f" not in run("dvc", "repro", cwd=small, status=255)
    assert "params.yaml.undone" in run("make", "undo", cwd=small)
    assert params.read_bytes() == committed
    assert (small / "params.yaml.undone").read_bytes() == edited
    assert contents(small / MODELS / "w2-4") == before
    assert run("git", "status", "--porcelain", cwd=small) == ""
    params.write_text("other")
    assert "params.yaml.undone.1" in run("make", "undo", cwd=small)
    assert (small / "params.yaml.undone").read_bytes() == edited


@pytest.mark.parametrize("key", ["w1; touch x", "w1\\ntouch x", "$(touch x)"])
def test_study_key_never_reaches_a_shell(small: Path, key: str) -> None:
    edit_params(small, "    w2-4:", f'    "{key}":')
    output = run("dvc", "repro", cwd=small, status=255)
    assert "study.width" in output
    assert "Traceback" not in output
    assert not (small / "x").exists()


def test_garbage_collection_of_dvc_removes_no_training(copied: Path) -> None:
    stored = copied / STORE / "training/epoch-1.npz"
    stored.parent.mkdir(parents=True)
    stored.touch()
    run("dvc", "gc", "--workspace", "--force", cwd=copied)
    assert stored.exists()
