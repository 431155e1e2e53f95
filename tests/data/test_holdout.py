from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.common import InputError
from stages.data.holdout import check_parts, held_out, read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, read_idx
from stages.training.dataset import Split, read_dataset, write_dataset

SAMPLE = Path(__file__).parents[1] / "sample"
TRAIN = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS)
TEST = read_split(SAMPLE, TEST_IMAGES, TEST_LABELS)


def numbered(sizes: list[int]) -> Split:
    """So many images of each class, no two alike, in an order that mixes the classes."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes))
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2)
    return Split(images, labels)


def line_of(caught: pytest.ExceptionInfo[InputError]) -> str:
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


def test_a_part_has_its_images_and_their_labels() -> None:
    train = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS)
    assert (train.images.shape, train.labels.shape) == ((1000, 28, 28), (1000,))
    np.testing.assert_array_equal(train.labels, read_idx(SAMPLE / TRAIN_LABELS, dimensions=1))


def test_a_tenth_of_the_sample_is_ten_images_of_each_class() -> None:
    dataset = split(TRAIN, TEST, 100, 0)
    assert [len(part.labels) for part in dataset] == [len(part.images) for part in dataset] == [900, 100, 200]
    assert np.bincount(dataset.validation.labels).tolist() == [10] * 10
    assert np.bincount(dataset.train.labels).tolist() == [90] * 10
    assert (dataset.classes, dataset.image_shape) == (10, (28, 28))


def test_the_rest_keeps_its_order_and_every_image_its_label() -> None:
    train, validation, test = split(TRAIN, TEST, 100, 0)
    chosen = held_out(TRAIN, 100, 0)
    np.testing.assert_array_equal(validation.images, TRAIN.images[chosen])
    np.testing.assert_array_equal(validation.labels, TRAIN.labels[chosen])
    np.testing.assert_array_equal(train.images, np.delete(TRAIN.images, chosen, axis=0))
    np.testing.assert_array_equal(train.labels, np.delete(TRAIN.labels, chosen))
    np.testing.assert_array_equal(test.images, TEST.images)


def test_no_held_out_image_is_in_the_training_part() -> None:
    doubled = Split(
        np.concatenate([TRAIN.images, TRAIN.images[::3]]), np.concatenate([TRAIN.labels, TRAIN.labels[::3]])
    )
    for images in (TRAIN, doubled):
        train, validation, _ = split(images, TEST, 100, 0)
        assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in validation.images}


def test_an_image_that_occurs_twice_is_never_held_out_whatever_its_labels() -> None:
    train = numbered([6, 6])
    twice = np.flatnonzero(train.labels == 0)[:4]
    images = train.images.copy()
    images[twice[1]] = images[twice[0]]
    images[np.flatnonzero(train.labels == 1)[0]] = images[twice[2]]
    for seed in range(50):
        assert not set(held_out(Split(images, train.labels), 4, seed)) & set(twice[:3])


def test_the_seed_decides_which_are_held_out() -> None:
    chosen = [held_out(TRAIN, 100, seed).tolist() for seed in (0, 0, 1, 2**32 - 1)]
    assert chosen[0] == chosen[1]
    assert len({tuple(indices) for indices in chosen}) == 3
    assert chosen[0][:5] == [2, 5, 10, 16, 27]


def test_nothing_held_out_leaves_an_empty_part_and_the_test_images_to_watch() -> None:
    dataset = split(TRAIN, TEST, 0, 0)
    assert dataset.validation.images.shape == (0, 28, 28)
    assert dataset.validation.labels.shape == (0,)
    assert len(dataset.train.labels) == 1000
    assert dataset.monitored is dataset.test


@pytest.mark.parametrize("count", [991, 1000, 10**6, 2**32 - 1])
def test_more_than_there_is_to_hold_out_is_refused_by_key(count: int) -> None:
    with pytest.raises(InputError) as caught:
        held_out(TRAIN, count, 0)
    line = line_of(caught)
    assert f"data.validation holds {count}, may hold up to 990" in line


def test_a_class_that_would_lose_its_last_image_is_refused_by_key() -> None:
    with pytest.raises(InputError) as caught:
        held_out(numbered([1, 9]), 8, 0)
    assert "data.validation holds 8, which asks for 1 images of class 0; it has 1" in line_of(caught)


def test_a_class_of_repeated_images_only_is_refused_by_key() -> None:
    with pytest.raises(InputError) as caught:
        held_out(Split(np.repeat(TRAIN.images, 2, axis=0), np.repeat(TRAIN.labels, 2)), 100, 0)
    assert "data.validation holds 100" in line_of(caught)


def test_shares_are_rounded_by_largest_remainder() -> None:
    train = numbered([10, 25, 65])
    assert np.bincount(train.labels[held_out(train, 7, 0)]).tolist() == [1, 2, 4]  # 0.7, 1.75 and 4.55 exactly
    assert np.bincount(train.labels[held_out(train, 30, 0)]).tolist() == [3, 8, 19]  # 3, 7.5 and 19.5: the first


def test_of_many_equal_remainders_the_first_classes_are_rounded_up() -> None:
    train = numbered([3, 5] * 30)
    chosen = np.bincount(train.labels[held_out(train, 40, 0)], minlength=60)
    assert chosen[1::2].tolist() == [1] * 30, "5 of 240, of 40 images: 0.83"
    assert chosen[::2].tolist() == [1] * 10 + [0] * 20, "0.5"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_count_is_held_out_to_the_image_or_refused(sizes: list[int], data: st.DataObject, seed: int) -> None:
    train = numbered(sizes)
    count = data.draw(st.integers(0, sum(sizes) + 2))
    exact = count * np.array(sizes) / sum(sizes)
    try:
        chosen = held_out(train, count, seed)
    except InputError:
        assert np.any(np.ceil(exact) >= sizes)  # some class would have had to give all its images
        return
    assert len(chosen) == count
    assert np.all(np.diff(chosen) > 0)
    assert np.all((chosen >= 0) & (chosen < sum(sizes)))
    assert np.all(np.abs(np.bincount(train.labels[chosen], minlength=len(sizes)) - exact) < 1)


def test_parts_that_make_no_data_set_are_refused_by_file(tmp_path: Path) -> None:
    five = Split(TRAIN.images, np.full_like(TRAIN.labels, 5))
    for train, test, named in (
        (
            TRAIN,
            Split(TEST.images[:, 1:], TEST.labels),
            f"{TEST_IMAGES}: holds images of (27, 28) pixels, the training images have (28, 28)",
        ),
        (TRAIN, Split(TEST.images, TEST.labels + np.uint8(1)), f"{TEST_LABELS}: holds label 10"),
        (five, Split(TEST.images, np.full_like(TEST.labels, 5)), f"{TRAIN_LABELS}: holds one class only, label 5"),
    ):
        with pytest.raises(InputError) as caught:
            check_parts(train, test)
        assert named in line_of(caught)
    check_parts(TRAIN, TEST)
    check_parts(Split(TRAIN.images, TRAIN.labels % 2), Split(TEST.images, TEST.labels % 2))
    (tmp_path / TRAIN_IMAGES).write_bytes((SAMPLE / TRAIN_IMAGES).read_bytes())
    (tmp_path / TRAIN_LABELS).write_bytes((SAMPLE / TEST_LABELS).read_bytes())
    with pytest.raises(InputError) as caught:
        read_split(tmp_path, TRAIN_IMAGES, TRAIN_LABELS)
    assert f"{TRAIN_LABELS}: holds 200 labels for 1000 images" in line_of(caught)


def test_the_packed_file_has_the_same_bytes_each_time_and_gives_back_what_went_in(tmp_path: Path) -> None:
    dataset = split(TRAIN, TEST, 100, 0)
    write_dataset(tmp_path / "one.npz", dataset)
    write_dataset(tmp_path / "two.npz", split(TRAIN, TEST, 100, 0))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    for written, read in zip(dataset, read_dataset(tmp_path / "one.npz"), strict=True):
        np.testing.assert_array_equal(read.images, written.images)
        np.testing.assert_array_equal(read.labels, written.labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]
