"""What `make images` writes is there as a whole or not at all, and replaces nothing but its own."""

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stages.data.class_names import CLASS_NAMES
from stages.data.download import SUMS
from stages.data.idx import TEST_IMAGES, TRAIN_IMAGES, read_idx
from tests.conftest import ENVIRONMENT, ROOT, run
from tests.tools.own_images.forms import content, forms, images, left, refusal, started


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images in several forms, outside the folder that stands for the project."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return forms(tmp_path / "mine")


def test_folder_that_it_has_not_made_is_left_as_it_is(mine: Path) -> None:
    Path("a").mkdir()
    Path("a/thesis.txt").write_text("years of work")
    assert refusal(f"FROM={mine}/pictures", "TO=a").startswith(
        "a: is there, and not as `make images` leaves a folder; "
    )
    assert content("a") == {"thesis.txt": b"years of work"}

    images(f"FROM={mine}/pictures", "TO=b")
    for name, change in (("thesis.txt", "years of work"), (CLASS_NAMES, "other\nnames\n")):
        shutil.copytree("b", "c")
        Path("c", name).write_text(change)
        before = content("c")
        assert refusal(f"FROM={mine}/pictures", "TO=c").startswith("c: is there, and not as")
        assert content("c") == before
        shutil.rmtree("c")
    assert left() == ["a", "b"]


def test_folder_that_it_has_made_is_replaced_as_a_whole_or_not_at_all(mine: Path) -> None:
    images(f"FROM={mine}/pictures", "TO=a")
    before = content("a")
    another = mine / "pictures/train/cat/zero.png"
    another.touch()
    assert refusal(f"FROM={mine}/pictures", "TO=a").startswith(f"{another}: not read as a whole PNG or JPEG picture")
    assert content("a") == before

    shutil.copy(mine / "pictures/train/cat/00.png", another)
    limited = ["sh", "-c", 'ulimit -f 1 && exec "$@"', "sh", sys.executable, "-m", "tools.images"]
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    full = subprocess.run(
        [*limited, f"FROM={mine}/pictures", "TO=a"], env=environment, capture_output=True, text=True, check=False
    )
    assert full.returncode == 1
    assert full.stderr.endswith(f"{TRAIN_IMAGES}: File too large\n")
    assert content("a") == before

    images(f"FROM={mine}/pictures", "TO=a")
    assert read_idx(Path("a", TRAIN_IMAGES), 3).shape == (31, 6, 8)
    assert content("a")[TEST_IMAGES] == before[TEST_IMAGES]
    assert left() == ["a"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["reading", "writing"])
def test_interrupted_it_leaves_nothing_or_once_it_writes_all(mine: Path, number: signal.Signals, moment: str) -> None:
    large, labels = np.zeros((30, 1000, 1000), np.uint8), np.arange(30) % 2
    np.savez(mine / "large.npz", x_train=large, y_train=labels, x_test=large[:2], y_test=labels[:2])
    leader, follower = pty.openpty()
    with started(f"FROM={mine}/large.npz", "TO=a", stderr=follower) as process:
        os.close(follower)
        os.read(leader, 1)  # of the progress
        while moment == "writing" and not list(Path().glob(".a-*")):
            time.sleep(0.001)
        process.send_signal(number)
        process.communicate()
    os.close(leader)
    if moment == "reading":
        assert (process.returncode, left()) == (1, [])
    else:
        assert (process.returncode, left()) == (0, ["a"])
        run("sha256sum", "--check", "--strict", SUMS, cwd=Path("a"))
