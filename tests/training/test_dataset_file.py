import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common import InputError
from stages.training.dataset import REPAIR, Dataset, Split, read_dataset, write_dataset
from stages.training.files import write_npz

Arrays = dict[str, Any]


def part(count: int) -> Split:
    labels = np.arange(count, dtype=np.uint8) % 3
    return Split(np.arange(count * 20, dtype=np.uint8).reshape(count, 4, 5), labels)


DATASET = Dataset(part(6), part(2), part(3))


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a data set's file, written once: each writing waits for the disk."""
    path = tmp_path_factory.mktemp("dataset") / "d.npz"
    write_dataset(path, DATASET)
    return path.read_bytes()


def arrays_of(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)


def refusal(path: Path) -> str:
    """The one line that refuses the file and says how to mend it."""
    with pytest.raises(InputError) as caught:
        read_dataset(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.endswith(REPAIR)
    assert len(line.splitlines()) == 1
    return line


def test_a_data_set_knows_its_image_s_shape_its_classes_and_the_part_to_watch() -> None:
    dataset = DATASET
    assert (dataset.image_shape, dataset.classes) == ((4, 5), 3)
    assert dataset.monitored is dataset.validation
    assert dataset._replace(validation=part(0)).monitored is dataset.test


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"train_images": None}, "no train_images or no train_labels"),
        ({"test_labels": None}, "no test_images or no test_labels"),
        ({"train_images": np.zeros((6, 4, 5), np.float32)}, "train holds images float32"),
        ({"train_labels": np.zeros(6, np.int64)}, "labels int64"),
        ({"train_labels": np.zeros(5, np.uint8)}, "labels uint8[5]"),
        ({"train_labels": np.zeros((6, 1), np.uint8)}, "labels uint8[6, 1]"),
        ({"test_images": np.zeros((3, 20), np.uint8)}, "test holds images uint8[3, 20]"),
        ({"test_images": np.zeros((3, 5, 4), np.uint8)}, "images of different sizes, [(4, 5), (5, 4)]"),
        (
            {"test_images": np.zeros((0, 4, 5), np.uint8), "test_labels": np.zeros(0, np.uint8)},
            "no training",
        ),
        ({"train_labels": np.uint8(3)}, "labels uint8[]"),
        ({"test_labels": np.array([0, 1, 3], np.uint8)}, "test_labels holds a label that no training image has"),
        ({"validation_labels": np.array([0, 9], np.uint8)}, "validation_labels holds a label that no training"),
    ],
)
def test_arrays_other_than_a_data_set_s_are_refused(tmp_path: Path, content: bytes, change: Arrays, named: str) -> None:
    path = tmp_path / "d.npz"
    arrays = arrays_of(content) | change
    write_npz(path, {name: array for name, array in arrays.items() if array is not None})
    assert named in refusal(path)


def pickled(content: bytes) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays_of(content) | {"train_images": np.array([{"a": 1}], dtype=object)})
    return file.getvalue()


def with_text_for_an_array(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in arrays_of(content):
            archive.writestr(f"{name}.npy", "no array")
    return file.getvalue()


def other_zip(_content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    return file.getvalue()


def single_array(_content: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def open_header(content: bytes) -> bytes:
    """A header that ends inside its brackets, of an array too long for the checksum to be seen first."""
    file = io.BytesIO()
    np.savez(file, **arrays_of(content) | {"train_images": np.zeros((300, 100, 10), np.uint8)})
    return file.getvalue().replace(b"(300, 100, 10)", b"(300, 100, 10,")


def with_compression(kind: int) -> Callable[[bytes], bytes]:
    """The first member's entry in the directory says that it is compressed, which it is not."""

    def change(content: bytes) -> bytes:
        place = content.index(b"PK\x01\x02") + 10
        return content[:place] + bytes([kind]) + content[place + 1 :]

    change.__name__ = f"with_compression_{kind}"
    return change


@pytest.mark.parametrize(
    "change",
    [pickled, with_text_for_an_array, other_zip, single_array, open_header]
    + [with_compression(kind) for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99)],
)
def test_files_of_another_kind_are_refused(tmp_path: Path, content: bytes, change: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(change(content))
    refusal(path)


def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.npz"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        assert "damaged" in refusal(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "d.npz: missing" in refusal(tmp_path / "d.npz")


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(end=st.binary(max_size=60), start=st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00"]))
def test_random_bytes_are_refused(tmp_path: Path, end: bytes, start: bytes) -> None:
    path = tmp_path / "d.npz"
    path.write_bytes(start + end)
    refusal(path)


@settings(
    max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_file_with_other_bytes_here_and_there_is_refused_or_gives_the_same_arrays(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "d.npz"
    changed = bytearray(content)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    path.write_bytes(changed)
    try:
        read = read_dataset(path)
    except InputError:
        refusal(path)
    else:
        for one, other in zip(DATASET, read, strict=True):
            np.testing.assert_array_equal(one.images, other.images)
            np.testing.assert_array_equal(one.labels, other.labels)
