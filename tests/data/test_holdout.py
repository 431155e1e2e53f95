from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common import InputError
from stages.data.holdout import held_out, read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, in_colour, write_idx
from stages.training.dataset import Split
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
TRAIN = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS)
TEST = read_split(SAMPLE, TEST_IMAGES, TEST_LABELS)


def numbered(sizes: list[int]) -> Split:
    """Return these numbers of images per class, no two equal, in an order that mixes the classes."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes), dtype=np.uint8), sizes))
    images = np.arange(len(labels), dtype=np.uint32).view(np.uint8).reshape(-1, 2, 2)
    return Split(images, labels)


def test_tenth_of_the_sample_is_ten_images_of_each_class_in_their_order() -> None:
    train, validation, test = split(TRAIN, TEST, 100, 0)
    assert np.bincount(validation.labels).tolist() == [10] * 10
    chosen = held_out(TRAIN, 100, 0)
    assert chosen[:5].tolist() == [2, 5, 10, 16, 27]
    for kept, held, whole in zip(train, validation, TRAIN, strict=True):
        np.testing.assert_array_equal(held, whole[chosen])
        np.testing.assert_array_equal(kept, np.delete(whole, chosen, axis=0))
    assert test is TEST
    assert len({tuple(held_out(TRAIN, 100, seed)) for seed in (0, 0, 1, 2**32 - 1)}) == 3


def test_images_in_colour_are_held_out_as_grey_ones(tmp_path: Path) -> None:
    """No pixel of the sample has colour; three channels of it do."""
    colour = np.stack([TRAIN.images, 255 - TRAIN.images, TRAIN.images // 2], axis=3)
    write_idx(tmp_path / in_colour(TRAIN_IMAGES), colour)
    write_idx(tmp_path / TRAIN_LABELS, TRAIN.labels)
    train = read_split(tmp_path, TRAIN_IMAGES, TRAIN_LABELS)
    assert split(train, train, 100, 0).image_shape == (28, 28, 3)
    assert held_out(train, 100, 0).tolist() == held_out(TRAIN, 100, 0).tolist()
    with pytest.raises(InputError, match=r"expected images of shape \(28, 28, 3\), got \(28, 28\)"):
        split(train, TEST, 100, 0)


def test_image_that_occurs_twice_is_never_held_out_whatever_its_labels() -> None:
    train = numbered([6, 6])
    (first, second, third), other = np.flatnonzero(train.labels == 0)[:3], np.flatnonzero(train.labels == 1)[0]
    train.images[[second, other]] = train.images[[first, third]]
    for seed in range(50):
        assert not set(held_out(train, 4, seed)) & {first, second, third, other}


def test_nothing_held_out_leaves_an_empty_part_and_the_test_images_to_monitor() -> None:
    dataset = split(TRAIN, TEST, 0, 0)
    assert (dataset.validation.images.shape, len(dataset.train.labels)) == ((0, 28, 28), 1000)
    assert dataset.monitored is dataset.test


@pytest.mark.parametrize(
    ("train", "count", "reason"),
    [
        (TRAIN, 991, "991 of 1000 images means 100 of class 0; expected at most 99"),
        (TRAIN, 2**32 - 1, "4294967295 of 1000"),
        (numbered([1, 9]), 8, "8 of 10 images means 1 of class 0; expected at most 0"),
        (Split(np.repeat(TRAIN.images, 2, axis=0), np.repeat(TRAIN.labels, 2)), 100, "200 images, 0 of them only once"),
    ],
)
def test_too_many_images_to_hold_out_are_refused_by_key(train: Split, count: int, reason: str) -> None:
    with pytest.raises(InputError, match=f"^params.yaml: data.validation: .*{reason}"):
        held_out(train, count, 0)


def test_counts_are_rounded_by_largest_remainder_and_first_classes_first() -> None:
    train = numbered([10, 25, 65])
    assert np.bincount(train.labels[held_out(train, 7, 0)]).tolist() == [1, 2, 4]  # 0.7, 1.75 and 4.55 exactly
    assert np.bincount(train.labels[held_out(train, 30, 0)]).tolist() == [3, 8, 19]  # 3, 7.5 and 19.5: the first
    train = numbered([3, 5] * 3)  # 0.5 and 0.83 exactly
    assert np.bincount(train.labels[held_out(train, 4, 0)], minlength=6).tolist() == [1, 1, 0, 1, 0, 1]


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8), data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_any_count_is_held_out_exactly_or_refused(sizes: list[int], data: st.DataObject, seed: int) -> None:
    train = numbered(sizes)
    count = data.draw(st.integers(0, sum(sizes) + 2))
    exact = count * np.array(sizes) / sum(sizes)
    try:
        chosen = held_out(train, count, seed)
    except InputError:
        assert np.any(np.ceil(exact) >= sizes)  # some class would have had to give all its images
        return
    assert (len(chosen), sorted(set(chosen))) == (count, chosen.tolist())
    assert np.all(np.abs(np.bincount(train.labels[chosen], minlength=len(sizes)) - exact) < 1)


@pytest.mark.parametrize(
    ("train", "test", "reason"),
    [
        (TRAIN, Split(TEST.images[:, 1:], TEST.labels), f"{TEST_IMAGES}: expected images of shape .28, 28.,.* .27, 28"),
        (TRAIN, Split(TEST.images, TEST.labels + np.uint8(1)), f"{TEST_LABELS}: expected only labels .* got label 10"),
        (Split(TRAIN.images, TRAIN.labels * 0), Split(TEST.images, TEST.labels * 0), f"{TRAIN_LABELS}: expected at"),
    ],
)
def test_parts_that_make_no_data_set_are_refused_by_file(train: Split, test: Split, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        split(train, test, 0, 0)


def test_another_number_of_labels_than_of_images_is_refused() -> None:
    with pytest.raises(InputError, match=f"{TEST_LABELS}: expected 1000 labels, one per image, got 200"):
        read_split(SAMPLE, TRAIN_IMAGES, TEST_LABELS)
