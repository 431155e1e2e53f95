"""`make images`, from pictures, arrays and tables to a folder that the pipeline takes."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stages.common import RAW
from stages.data.class_names import CLASS_NAMES, class_names
from stages.data.holdout import check_parts, read_split
from stages.data.idx import FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, read_idx
from stages.data.sources import SUMS, sums_of
from stages.data.transfer import from_folder
from tests.conftest import ROOT, run
from tests.tools.own_images.forms import CLASSES, IMAGES, LABELS, content, forms, images, learned, left, refusal


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images in several forms, outside the folder that stands for the project."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return forms(tmp_path / "mine")


def test_pictures_become_a_folder_that_fetch_and_prepare_take(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images(f"FROM={mine}/pictures", "TO=own/a")
    assert capsys.readouterr().out.splitlines() == [
        "images: 30 training and 9 test images of 8 x 6 pixels",
        "images: 3 classes: cat, dog, 猫",
        "images: dvc exp run -S data.source=own/a -S data.validation=3",
    ]
    run("sha256sum", "--check", "--strict", SUMS, cwd=Path("own/a"))
    from_folder(Path("own/a"), sums_of(Path("own/a")))
    train, test = read_split(RAW, TRAIN_IMAGES, TRAIN_LABELS), read_split(RAW, TEST_IMAGES, TEST_LABELS)
    check_parts(train, test)
    for part, read in (("train", train), ("test", test)):
        assert np.array_equal(read.images, IMAGES[part])
        assert np.array_equal(read.labels, LABELS[part])
    assert class_names(Path("own/a"), range(3)) == CLASSES
    assert set(content("own/a")) == {*FILES, CLASS_NAMES, SUMS}


def test_pictures_arrays_and_tables_of_the_same_images_give_the_same_bytes(mine: Path) -> None:
    images(f"FROM={mine}/pictures", "TO=a", "SIZE=6")
    (mine / CLASS_NAMES).write_text("".join(f"{name}\n" for name in CLASSES), encoding="utf-8")
    images(f"FROM={mine}/a.npz", "TO=b", "SIZE=6")
    (mine / "tables").mkdir()
    shutil.copy(mine / CLASS_NAMES, mine / "tables")
    names = "label," + ",".join(f"pixel{number}" for number in range(36))
    for part, file in (("train", TRAIN_IMAGES), ("test", TEST_IMAGES)):
        rows = np.column_stack([LABELS[part], read_idx(Path("a", file), 3).reshape(-1, 36)])
        np.savetxt(mine / f"tables/my_{part}.csv", rows, "%d", delimiter=",", header=names, comments="")
    images(f"FROM={mine}/tables", "TO=c")
    assert content("a") == content("b") == content("c")
    images(f"FROM={mine}/tables/my_train.csv", "TO=d")
    assert len(content("d")[TEST_LABELS]) == 8 + 6


def test_test_part_is_drawn_by_the_seed_where_there_is_none(mine: Path) -> None:
    source = f"FROM={mine}/pictures/train"
    for words in (["TO=a"], ["TO=same", "SEED=0", "TEST=0.2"], ["TO=seed", "SEED=1"], ["TO=half", "TEST=0.5"]):
        images(source, *words)
    assert content("a") == content("same")
    assert (
        list(read_idx(Path("a", TEST_LABELS), 1)) == list(read_idx(Path("seed", TEST_LABELS), 1)) == [0, 0, 1, 1, 2, 2]
    )
    assert content("a")[TEST_IMAGES] != content("seed")[TEST_IMAGES]
    assert len(read_idx(Path("half", TEST_LABELS), 1)) == 15


def test_make_takes_names_with_spaces_and_quotes(mine: Path, fresh: Path, tmp_path: Path) -> None:
    project = shutil.copytree(fresh, tmp_path / "clone", symlinks=True)
    shutil.copytree(mine / "pictures", project / "my 'own' pictures")
    output = run("make", "images", "FROM=my 'own' pictures", "TO=their data", "SIZE=7", cwd=project)
    assert "of 7 x 7 pixels\n" in output
    assert "images: dvc exp run -S 'data.source=their data' -S data.validation=3\n" in output
    assert set(content(str(project / "their data"))) == {*FILES, CLASS_NAMES, SUMS}
    refused = run("make", "images", cwd=project, status=2).splitlines()
    assert refused[0] == "images: FROM is missing: field required; TO is missing: field required"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["FROM=nowhere"], "FROM holds nowhere, which is not there; may hold a folder of pictures or of CSV files,"),
        (
            ["FROM=/dev/null"],
            "FROM holds /dev/null; may hold a folder of pictures or of CSV files, an .npz or a .csv file",
        ),
        (["FROM=~nobody-of-that-name/x"], "FROM holds ~nobody-of-that-name/x, which is not there"),
        ([f"FROM={ROOT}/tests/sample"], f"{ROOT}/tests/sample: holds IDX files, which data.source takes as they are"),
        (["FROM=."], "TO holds a, may hold a folder outside FROM, which holds ."),
        (["SIZE=big"], "SIZE holds 'big': "),
        (["SIZE=0"], "SIZE holds '0': "),
        (["SEED=-1"], "SEED holds '-1': "),
        (["TEST=1"], "TEST holds '1': "),
        (["TEST=nan"], "TEST holds 'nan': "),
        (["COLOUR=red"], "COLOUR holds 'red': unknown key"),
        (["SEED=1", "TEST=0.1"], "{mine}/pictures/test: is a test part, so that SEED and TEST would draw nothing"),
        (["TO=../outside"], "TO holds ../outside, may hold a folder inside the project, but not in data/"),
        (
            ["TO=data/own"],
            "TO holds data/own, may hold a folder inside the project, but not in data/, which Git ignores",
        ),
        (["TO=."], ".: is there, and not as `make images` leaves a folder"),
    ],
)
def test_words_that_do_not_fit_are_refused(mine: Path, words: list[str], says: str) -> None:
    assert refusal(f"FROM={mine}/pictures", "TO=a", *words).startswith(says.format(mine=mine))
    assert left() == []


def test_refusal_is_one_line_even_of_a_file_whose_name_is_two(mine: Path) -> None:
    (mine / "pictures/train/cat/a\nb.txt").touch()
    with learned(f"FROM={mine}/pictures", "TO=a", stderr=subprocess.PIPE) as process:
        said, refused = process.communicate()
    assert (process.returncode, said, len(refused.splitlines())) == (1, "", 1)
    assert refused.startswith(f"images: {mine}/pictures/train/cat/a\\nb.txt: is no picture")
    assert left() == []


def test_terminal_shows_how_far_it_is_and_is_cleared_at_the_end(mine: Path) -> None:
    leader, follower = pty.openpty()
    with learned(f"FROM={mine}/pictures", "TO=a", stderr=follower) as process:
        os.close(follower)
        said, _ = process.communicate()
    shown = os.read(leader, 10_000).decode()
    os.close(leader)
    assert "images:   0%|" in shown
    assert max(map(len, shown.split("\r"))) <= 80
    assert shown.split("\r")[-2:] == [" " * len(shown.split("\r")[-2]), ""]
    assert len(said.splitlines()) == 3
