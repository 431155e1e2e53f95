from pathlib import Path

import numpy as np
import pytest

from stages.common import InputError
from tools.own_images.tables import LINES, part_files, read_table

NAMES = "label,pixel0,pixel1,pixel2,pixel3\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def refusal(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as caught:
        read_table(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert len(line.splitlines()) == 1
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [
        NAMES + "7,0,1,2,255\n3,4,5,6,7\n",
        NAMES.replace("pixel3", "pixel4").replace("2", "3").replace("1", "2").replace("0", "1")
        + "7,0,1,2,255\n3,4,5,6,7",
        "label,1x1,1x2,2x1,2x2\n7,0,1,2,255\n3,4,5,6,7\n",
        "\ufeff" + NAMES.replace("\n", "\r\n") + "7,0,1,2,255\r\n\r\n3,4,5,6,7\r\n",
        "a,b,c,d,Label\n0,1,2,255,7\n4,5,6,7,3.0\n",
        '"label","a","b","c","d"\n"7","0",1,2,255.0\n3,4,5,6,7\n',
        NAMES.strip() + "\n7,0,1,2,255,\n3,4,5,6,7,\n",
    ],
)
def test_forms_of_the_same_table_are_the_same(path: Path, content: str) -> None:
    path.write_text(content, newline="")
    read = read_table(path)
    assert np.array_equal(read.pixels, [[[0, 1], [2, 255]], [[4, 5], [6, 7]]])
    assert read.labels == ["7", "3"]


def test_labels_may_be_text_of_any_kind(path: Path) -> None:
    path.write_text(NAMES + '"T-shirt, top",0,1,2,3\nNA,4,5,6,7\nNone, 0,1,2,3\n猫 ,0,0.5,1,1\n')
    assert read_table(path).labels == ["T-shirt, top", "NA", "None", "猫"]


def test_tables_longer_than_what_is_read_at_a_time_are_whole(path: Path) -> None:
    rows = [(number % 7, *(number % 256 for _ in range(4))) for number in range(2 * LINES + 3)]
    path.write_text(NAMES + "".join(",".join(map(str, row)) + "\n" for row in rows))
    read = read_table(path)
    assert np.array_equal(read.pixels[:, 1, 1], [row[4] for row in rows])
    assert read.labels == [str(row[0]) for row in rows]
    path.write_text(path.read_text() + "1,2,3,x,5\n")
    with pytest.raises(InputError, match=f"row {2 * LINES + 4}, column pixel2 holds 'x', may hold a number"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not read as CSV (No columns to parse from file)"),
        (NAMES, "holds no image below its first line"),
        ("7,0,1,2,3\n7,0,1,2,3\n", "its first line names no column label, it begins with 7, 0, 1, 2, 3"),
        ("label;pixel0\n7;1\n", "its first line names no column label, it begins with label;pixel0"),
        ("label\n7\n", "has 0 columns beside label, may have a square number of pixels"),
        ("label,a,b,c\n7,0,1,2\n", "has 3 columns beside label, may have a square number of pixels"),
        ("id,label,a,b,c,d\n1,7,0,1,2,3\n", "has 5 columns beside label"),
        (
            "label,pixel0,pixel1,pixel2,pixel4\n7,0,1,2,3\n",
            "has column pixel4 after pixel2, may have the pixels in order",
        ),
        ("label,p1,p10,p2,p3\n7,0,1,2,3\n", "has column p10 after p1, may have the pixels in order, row by row"),
        (NAMES + "7,0,1,2,3\n7,0,1,2\n", "row 2, column pixel3 holds '', may hold a number"),
        (NAMES + "7,0,1,2,3\n7,0,,2,3\n", "row 2, column pixel1 holds '', may hold a number"),
        (NAMES + "7,0,1,2,3\n7,0,1,x,3\n", "row 2, column pixel2 holds 'x', may hold a number"),
        (NAMES + "7,0,1,nan,3\n", "row 1, column pixel2 holds 'nan', may hold a number"),
        (NAMES + "7,0,1,2,3\n,0,1,2,3\n", "row 2, column label holds nothing, may hold a class"),
        (NAMES + "7,0,1,2,3,4\n", "has lines with more values than its first line has names"),
        (NAMES + "7,0,1,2,3\n7,0,1,2,3,4\n", "not read as CSV (Error tokenizing data. C error: Expected 5 fields in"),
        (NAMES + '"7,0,1,2,3\n', "not read as CSV ("),
        (b"\xff\xfe\x00", "is not a text of UTF-8"),
        (NAMES.encode() + b"\xff,0,1,2,3\n", "is not a text of UTF-8"),
    ],
)
def test_what_does_not_fit_is_named_by_row_and_column(path: Path, content: bytes | str, says: str) -> None:
    assert refusal(path, content).startswith(says)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["fashion-mnist_test.csv", "fashion-mnist_train.csv"], ["fashion-mnist_train.csv", "fashion-mnist_test.csv"]),
        (["Test.CSV", "TRAIN.csv", ".hidden.csv", "notes.txt"], ["TRAIN.csv", "Test.CSV"]),
        (["digits.csv"], ["digits.csv"]),
        (["notes.txt"], []),
    ],
)
def test_files_parts_are_told_by_their_names(tmp_path: Path, names: list[str], parts: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in part_files(tmp_path)] == parts


@pytest.mark.parametrize(
    "names",
    [["a.csv", "b.csv"], ["a.csv", "train.csv"], ["train-test.csv", "x.csv"], ["other.csv", "test.csv", "train.csv"]],
)
def test_files_whose_parts_are_unclear_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError) as caught:
        part_files(tmp_path)
    assert str(caught.value).startswith(
        f"{tmp_path}: holds {', '.join(names)}; may hold one CSV file, or two, one with"
    )
