from pathlib import Path

import numpy as np
import pytest

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES
from stages.training.dataset import Split
from tools.own_images.classes import classes_of, drawn, names_of, numbered
from tools.own_images.pictures import Part


def part(*labels: str) -> Part:
    return Part("here", np.zeros((len(labels), 2, 2), np.uint8), list(labels))


def split(*sizes: int) -> Split:
    """Classes of so many images, each of which is there once."""
    labels = np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes)
    return Split(np.arange(4 * len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 4, 4), labels)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["dog", "cat", "dog", "Zebra"], ["Zebra", "cat", "dog"]),
        (["10", "9", "0", "-1"], ["-1", "0", "9", "10"]),
        (["10", "9", "a"], ["10", "9", "a"]),
    ],
)
def test_classes_are_in_the_order_of_names_or_of_numbers(labels: list[str], classes: list[str]) -> None:
    assert classes_of(part(*labels)) == classes
    assert [classes[label] for label in numbered(part(*labels), classes).labels] == labels


def test_one_class_and_257_are_refused() -> None:
    with pytest.raises(InputError, match=r"^here: holds one class only, 'a'; two at least are needed$"):
        classes_of(part("a", "a"))
    with pytest.raises(InputError, match=r"^here: holds 257 classes, may hold up to 256"):
        classes_of(part(*map(str, range(257))))
    assert numbered(part("255"), classes_of(part(*map(str, range(256))))).labels == 255


def test_class_that_has_no_training_image_is_refused() -> None:
    with pytest.raises(InputError, match=r"^here: holds class 'c', which has no training image$"):
        numbered(part("a", "c"), ["a", "b"])


def test_numbers_have_the_names_that_lie_beside_them(tmp_path: Path) -> None:
    assert names_of(["0", "1"], tmp_path) == ["0", "1"]
    (tmp_path / CLASS_NAMES).write_text("cat\ndog\n")
    assert names_of(["0", "1"], tmp_path) == ["cat", "dog"]
    assert names_of(["a", "b", "c"], tmp_path) == ["a", "b", "c"]
    with pytest.raises(InputError, match=r"classes\.txt: holds 2 names for 3 classes; may hold a line for each$"):
        names_of(["0", "1", "2"], tmp_path)


def test_share_is_drawn_of_every_class_by_the_seed() -> None:
    whole = split(10, 20, 50)
    train, test = drawn(whole, 0.2, 0)
    assert list(np.bincount(test.labels)) == [2, 4, 10]
    assert list(np.bincount(train.labels)) == [8, 16, 40]
    both = np.concatenate([train.images, test.images])
    assert sorted(image.tobytes() for image in both) == sorted(image.tobytes() for image in whole.images)
    again, other = drawn(whole, 0.2, 0)[1], drawn(whole, 0.2, 1)[1]
    assert np.array_equal(again.images, test.images)
    assert not np.array_equal(other.images, test.images)


def test_image_that_is_there_twice_is_never_drawn() -> None:
    whole = split(10, 10)
    whole.images[:6] = whole.images[0]
    for seed in range(10):
        _, test = drawn(whole, 0.4, seed)
        assert not (test.images == whole.images[0]).all(axis=(1, 2)).any()
    with pytest.raises(InputError, match=r"^TEST holds 0\.5, 10 of 20 images; may hold a share that draws one"):
        drawn(whole, 0.5, 0)


@pytest.mark.parametrize(("share", "count"), [(0.01, 0), (0.99, 10)])
def test_share_that_leaves_nothing_on_one_side_is_refused(share: float, count: int) -> None:
    with pytest.raises(
        InputError, match=rf"^TEST holds {share}, {count} of 10 images; may hold a share that draws one"
    ):
        drawn(split(5, 5), share, 0)
