from pathlib import Path

import pytest

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, class_names, copy_class_names, read_class_names


@pytest.mark.parametrize("content", ["T-shirt & top\n猫", "\ufeffT-shirt & top\r\n猫\r\n"])
def test_names_are_the_lines_of_the_text(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "raw"
    copy_class_names(tmp_path, folder)
    assert class_names(folder, [0, 7]) == ["class 0", "class 7"]
    (tmp_path / CLASS_NAMES).write_text(content, encoding="utf-8", newline="")
    copy_class_names(tmp_path, folder)
    assert (folder / CLASS_NAMES).read_bytes() == "T-shirt & top\n猫\n".encode()
    assert class_names(tmp_path, [3, 5]) == class_names(folder, [3, 5]) == ["T-shirt & top", "猫"]
    with pytest.raises(InputError, match=f"{CLASS_NAMES}: expected 3 names, one per class, got 2"):
        class_names(folder, range(3))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "class 0: expected a name on one line of UTF-8, got ''"),
        (b"a\nb\n \n", "class 2: expected a name on one line of UTF-8, got ' '"),
        (b"a\nb\0c\n", "class 1: expected a name on one line of UTF-8, got 'b\\x00c'"),
        ("a\u2028b\nc\n".encode(), "class 0: expected a name on one line of UTF-8, got 'a\\u2028b'"),
        (b"a\nb\na\n", "classes 0 and 2 have the same name, 'a'"),
        (b"a\n\xff\n", "expected text in UTF-8. Save it as UTF-8."),
        ("\n".join(map(str, range(257))).encode(), "expected at most 256 classes, as a label is a byte, got 257"),
    ],
)
def test_lines_that_are_no_names_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / CLASS_NAMES).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_class_names(tmp_path / CLASS_NAMES)
    assert str(caught.value) == f"{tmp_path / CLASS_NAMES}: {reason}"
