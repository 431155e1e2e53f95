import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.training.dataset import REPAIR, Dataset, Split, read_dataset, write_dataset
from stages.training.files import InputError

Arrays = dict[str, Any]


def labelled(labels: list[int]) -> Split:
    return Split(np.zeros((len(labels), 1, 1), dtype=np.uint8), np.array(labels, dtype=np.uint8))


def dataset_of(train: list[int], test: list[int]) -> Dataset:
    return Dataset(labelled(train), labelled([]), labelled(test))


def part(count: int, *channels: int) -> Split:
    shape = (count, 4, 5, *channels)
    return Split(np.arange(math.prod(shape), dtype=np.uint8).reshape(shape), np.arange(count, dtype=np.uint8) % 3)


DATASET = Dataset(part(6), part(2), part(3))


@pytest.mark.parametrize("labels", [list(range(0, 250, 25)), [7, 255], list(range(256))])
def test_classes_are_the_labels_that_occur_in_training(labels: list[int]) -> None:
    dataset = dataset_of(labels[::-1] * 2, labels[-2:][::-1])
    assert (dataset.classes, dataset.labels.tolist()) == (len(labels), labels)
    indexed = dataset.index_labels(dataset.train)
    assert indexed.labels.tolist() == list(range(len(labels)))[::-1] * 2
    assert indexed.images is dataset.train.images
    assert dataset.index_labels(dataset.test).labels.tolist() == [len(labels) - 1, len(labels) - 2]


@pytest.mark.parametrize(
    ("sizes", "entropy"),
    [
        ([90, 10], 0.3250830),  # -0.9 ln 0.9 - 0.1 ln 0.1
        ([2, 1, 1], 1.5 * math.log(2)),
        ([5, 0, 5], math.log(2)),  # a label that does not occur is no class
        ([4], 0.0),
    ],
)
def test_chance_loss_is_the_entropy_of_the_labels(sizes: list[int], entropy: float) -> None:
    train = [label for label, size in enumerate(sizes) for _ in range(size)]
    assert dataset_of(train, train).chance_loss == pytest.approx(entropy, abs=1e-7)
    for classes in (2, 3, 7, 10, 26, 256):  # exactly, if they are equally frequent
        assert dataset_of(list(range(classes)) * 3, [0]).chance_loss == math.log(classes)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_data_set_is_read_as_written_and_equal_ones_have_equal_bytes(tmp_path: Path, channels: tuple[int, ...]) -> None:
    dataset = Dataset(part(6, *channels), part(2, *channels), part(3, *channels))
    for name in ("one.npz", "two.npz"):
        write_dataset(tmp_path / name, dataset)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    read = read_dataset(tmp_path / "one.npz")
    assert_equal(read, dataset)
    assert (read.image_shape, read.classes) == ((4, 5, *(channels or (1,))), 3)
    assert read.monitored is read.validation
    assert read._replace(validation=part(0)).monitored is read.test


def assert_equal(read: Dataset, dataset: Dataset) -> None:
    for one, other in zip(sum(read, ()), sum(dataset, ()), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a data set file, written once, as each writing waits for the disk."""
    path = tmp_path_factory.mktemp("dataset") / "d.npz"
    write_dataset(path, DATASET)
    return path.read_bytes()


def arrays_of(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content)) as archive:
        return dict(archive)


def refusal(path: Path) -> str:
    """Return the one line that refuses the file and says how to repair it."""
    with pytest.raises(InputError) as caught:
        read_dataset(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith(REPAIR)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"train_images": None}, "train_images or train_labels is missing"),
        ({"train_images": np.zeros((6, 4, 5), np.float32)}, "train: expected uint8 images [N, H, W]"),
        ({"train_images": np.zeros((6, 4, 5, 2), np.uint8)}, "got uint8[6, 4, 5, 2]"),
        ({"train_labels": np.zeros(6, np.int64)}, "int64[6]"),
        ({"train_labels": np.zeros(5, np.uint8)}, "uint8[5]"),
        ({"test_images": np.zeros((3, 5, 4), np.uint8)}, "images of different shapes: [(4, 5), (5, 4)]"),
        (
            {"test_images": np.zeros((0, 4, 5), np.uint8), "test_labels": np.zeros(0, np.uint8)},
            "no training or no test",
        ),
        ({"test_labels": np.array([0, 1, 3], np.uint8)}, "test_labels: a label that no training image has"),
        ({"validation_labels": np.array([0, 9], np.uint8)}, "validation_labels: a label that no training image has"),
        ({"train_images": np.array([{"a": 1}], dtype=object)}, "damaged"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, content: bytes, change: Arrays, reason: str) -> None:
    arrays = {name: array for name, array in (arrays_of(content) | change).items() if array is not None}
    with (tmp_path / "d.npz").open("wb") as file:
        np.savez(file, **arrays)
    assert reason in refusal(tmp_path / "d.npz")


def test_missing_cut_or_compressed_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.npz"
    assert "missing" in refusal(path)
    place = content.index(b"PK\x01\x02") + 10  # where the directory says whether the first member is compressed
    cut = (content[:length] for length in range(0, len(content), 400))
    for other in (content[:place] + b"\x63" + content[place + 1 :], *cut):
        path.write_bytes(other)
        refusal(path)


@given(changes=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_are_refused_or_change_nothing(
    tmp_path: Path, content: bytes, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(content)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    (tmp_path / "d.npz").write_bytes(changed)
    try:
        read = read_dataset(tmp_path / "d.npz")
    except InputError:
        refusal(tmp_path / "d.npz")
    else:
        assert_equal(read, DATASET)
