import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.common import InputError
from tests.common.test_locale import ASCII
from tests.conftest import ENVIRONMENT, ROOT
from tools.own_images.folders import read_folders
from tools.own_images.pictures import Part

PICTURES = ("train/cat/1.png", "train/cat/2.jpg", "train/dog/1.JPEG", "test/cat/1.PNG", "test/dog/9.jpg")


def draw(folder: Path, names: Iterable[str], size: tuple[int, int] = (9, 6)) -> None:
    """A picture of one grey for each name, the n-th of 10 n."""
    for number, name in enumerate(names, start=1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        kind = "PNG" if name.lower().endswith("png") else "JPEG"
        Image.new("L", size, 10 * number).save(folder / name, kind)


def greys(part: Part) -> list[tuple[str, int]]:
    return [(label, int(image[0, 0])) for label, image in zip(part.labels, part.images, strict=True)]


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_folders(folder, None)
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


def test_two_parts_are_read_class_by_class_in_the_order_of_names(tmp_path: Path) -> None:
    draw(tmp_path, PICTURES)
    train, test = read_folders(tmp_path, None)
    assert greys(train) == [("cat", 10), ("cat", 20), ("dog", 30)]
    assert greys(test) == [("cat", 40), ("dog", 50)]
    assert (train.where, test.where) == (str(tmp_path / "train"), str(tmp_path / "test"))
    assert train.images.shape == (3, 6, 9)


@pytest.mark.parametrize("place", ["", "train"])
def test_one_part_may_lie_in_train_or_in_the_folder_itself(tmp_path: Path, place: str) -> None:
    draw(tmp_path / place, ["b/1.png", "a/1.png"])
    (part,) = read_folders(tmp_path, None)
    assert greys(part) == [("a", 20), ("b", 10)]


def test_class_may_be_called_train(tmp_path: Path) -> None:
    draw(tmp_path, ["car/1.png", "plane/1.png", "train/1.png"])
    (part,) = read_folders(tmp_path, None)
    assert part.labels == ["car", "plane", "train"]


def test_names_may_hold_spaces_and_any_letters_however_accents_are_written(tmp_path: Path) -> None:
    draw(tmp_path, ["train/T-shirt & top/1.png", "train/Caf\u00e9/1.png", "train/猫/1.png", "test/Cafe\u0301/1.png"])
    train, test = read_folders(tmp_path, None)
    assert train.labels == ["Café", "T-shirt & top", "猫"]
    assert test.labels == ["Café"]


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    draw(tmp_path, PICTURES)
    for name in (".DS_Store", "train/.DS_Store", "train/cat/.DS_Store", "train/cat/._1.png", "test/dog/Thumbs.db"):
        (tmp_path / name).write_bytes(b"\0")
    for name in (".git", "__MACOSX", "train/__MACOSX/cat", "train/.ipynb_checkpoints"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "README.txt").write_text("About these pictures")
    train, test = read_folders(tmp_path, None)
    assert (len(train.labels), len(test.labels)) == (3, 2)


def test_picture_of_another_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    draw(tmp_path, PICTURES)
    draw(tmp_path, ["test/dog/10.png"], (6, 9))
    assert refusal(tmp_path) == (
        f"{tmp_path}/test/dog/10.png: is of 6 x 9 pixels, {tmp_path}/train/cat/1.png of 9 x 6 pixels; "
        "all may be of one size, or SIZE=28 scales them"
    )
    train, test = read_folders(tmp_path, 5)
    assert train.images.shape[1:] == test.images.shape[1:] == (5, 5)
    assert np.array_equal(train.images[0], np.full((5, 5), 10))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("train/cat/notes.txt", "is no picture; the folder of a class may hold .png, .jpg, .jpeg files"),
        ("train/cat/more/1.png", "is a folder in that of a class"),
        ("train/3.png", "lies beside the folders of the classes"),
        ("test/cat/3.gif", "is no picture"),
        ("validation/cat/1.png", "is neither train nor test"),
    ],
)
def test_what_is_out_of_place_is_named(tmp_path: Path, name: str, says: str) -> None:
    draw(tmp_path, [*PICTURES, name.replace(".txt", ".jpg").replace(".gif", ".jpg")])
    wrong = (tmp_path / name).with_suffix(".jpg")
    if wrong.exists():
        wrong.rename(tmp_path / name)
    named = {"train/cat/more/1.png": "train/cat/more", "validation/cat/1.png": "validation"}.get(name, name)
    assert refusal(tmp_path).startswith(f"{tmp_path / named}: {says}")


@pytest.mark.parametrize("name", ["train/bird", "test/cat"])
def test_class_without_a_picture_is_named(tmp_path: Path, name: str) -> None:
    draw(tmp_path, [picture for picture in PICTURES if not picture.startswith(name)])
    (tmp_path / name).mkdir(exist_ok=True)
    assert refusal(tmp_path) == f"{tmp_path / name}: holds no picture"


@pytest.mark.parametrize(
    ("pictures", "named", "says"),
    [
        (["training/cat/1.png", "testing/cat/1.png"], "testing/cat", "is a folder in that of a class; the two parts"),
        (["train/1.png", "test/1.png"], "train/1.png", "lies beside the folders"),
        (["train/cat/1.png", "test/1.png"], "test/1.png", "lies beside the folders"),
        (["1.png", "2.png"], "1.png", "lies beside the folders"),
        ([], "", "holds no folder, may hold one for each class"),
    ],
)
def test_folders_of_another_arrangement_are_refused(tmp_path: Path, pictures: list[str], named: str, says: str) -> None:
    draw(tmp_path, pictures)
    assert refusal(tmp_path).startswith(f"{tmp_path / named}: {says}")


@pytest.mark.parametrize("name", ["a\nb", "\udcff", "  ", "e\u0301"])
def test_class_whose_name_is_no_line_of_text_is_refused(tmp_path: Path, name: str) -> None:
    draw(tmp_path, [f"{name}/1.png", "\u00e9/1.png"])
    assert refusal(tmp_path).startswith(f"{tmp_path}: class ")


def test_more_classes_than_a_byte_counts_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, [f"{number}/1.png" for number in range(25)])
    for number in range(25, 257):
        (tmp_path / f"{number}").symlink_to("0")
    assert "holds 257 classes, may hold up to 256" in refusal(tmp_path)


def test_names_of_classes_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    draw(tmp_path / "project/mine", ["Kürbis/1.png", "Kürbis/2.png", "Apfel/1.png", "Apfel/2.png"])
    command = [sys.executable, "-m", "tools.images", "FROM=mine", "TO=ours", "TEST=0.5"]
    environment = ENVIRONMENT | ASCII | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path / "project", env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "project/ours/classes.txt").read_text(encoding="utf-8") == "Apfel\nKürbis\n"
