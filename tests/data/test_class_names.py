from pathlib import Path

import pytest

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, class_names, copy_class_names, read_class_names


@pytest.mark.parametrize("content", ["T-shirt & top\n猫\n", "T-shirt & top\n猫", "\ufeffT-shirt & top\r\n猫\r\n"])
def test_names_are_the_lines_of_the_text(tmp_path: Path, content: str) -> None:
    assert class_names(tmp_path, [0, 7]) == ["class 0", "class 7"]
    path = tmp_path / CLASS_NAMES
    path.write_text(content, encoding="utf-8", newline="")
    assert class_names(tmp_path, [3, 5]) == read_class_names(path) == ["T-shirt & top", "猫"]
    with pytest.raises(InputError, match=f"{CLASS_NAMES}: expected 3 names, one per class, got 2"):
        class_names(tmp_path, range(3))


def test_names_are_copied_or_removed_with_their_data_set(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "raw"
    source.mkdir()
    (source / CLASS_NAMES).write_text("a\r\nb", newline="")
    copy_class_names(source, folder)
    assert (folder / CLASS_NAMES).read_bytes() == b"a\nb\n"
    (source / CLASS_NAMES).unlink()
    copy_class_names(source, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "class 0 has no name"),
        (b"a\n\nb\n", "class 1 has no name"),
        (b"a\nb\n \n", "class 2 has no name"),
        (b"a\nb\na\n", "classes 0 and 2 have the same name, 'a'"),
        (b"a\nb\0c\n", "class 1: expected a name on one line of UTF-8, got 'b\\x00c'"),
        ("a\u2028b\nc\n".encode(), "class 0: expected a name on one line of UTF-8, got 'a\\u2028b'"),
        (b"a\n\xff\n", "not a text file of UTF-8"),
        ("\n".join(map(str, range(257))).encode(), "expected at most 256 classes, as a label is a byte, got 257"),
    ],
)
def test_what_are_no_names_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / CLASS_NAMES
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_class_names(path)
    assert str(caught.value) == f"{path}: {reason}"
