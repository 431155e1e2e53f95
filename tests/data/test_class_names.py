from pathlib import Path

import pytest

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, class_names, read_class_names


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / CLASS_NAMES


def test_folder_without_names_numbers_its_classes(tmp_path: Path) -> None:
    assert class_names(tmp_path, [0, 1, 7]) == ["class 0", "class 1", "class 7"]


@pytest.mark.parametrize("content", ["T-shirt & top\n猫\n", "T-shirt & top\n猫", "\ufeffT-shirt & top\r\n猫\r\n"])
def test_names_are_the_lines_of_the_text(tmp_path: Path, path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="")
    assert class_names(tmp_path, [3, 5]) == read_class_names(path) == ["T-shirt & top", "猫"]


@pytest.mark.parametrize("classes", [1, 3])
def test_names_for_another_number_of_classes_are_refused(tmp_path: Path, path: Path, classes: int) -> None:
    path.write_text("a\nb\n")
    with pytest.raises(InputError) as caught:
        class_names(tmp_path, range(classes))
    assert str(caught.value) == f"{path}: holds 2 names for {classes} classes; may hold a line for each"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "class 0 has no name"),
        (b"a\n\nb\n", "class 1 has no name"),
        (b"a\nb\n \n", "class 2 has no name"),
        (b"a\nb\na\n", "class 2 is called 'a', as class 0 is"),
        (b"a\nb\0c\n", "class 1 is called 'b\\x00c', may be called what fits one line of UTF-8"),
        ("a\u2028b\nc\n".encode(), "class 0 is called 'a\\u2028b', may be called what fits one line of UTF-8"),
        (b"a\n\xff\n", "not a text of UTF-8"),
        (
            b"".join(b"%d\n" % number for number in range(257)),
            "holds 257 classes, may hold up to 256: a label is a byte",
        ),
    ],
)
def test_what_are_no_names_is_refused(path: Path, content: bytes, says: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_class_names(path)
    assert str(caught.value) == f"{path}: {says}"
