"""What a data set says of its labels, whatever numbers they are."""

import math

import numpy as np
import pytest

from stages.training.dataset import Dataset, Split


def labelled(labels: list[int]) -> Split:
    return Split(np.zeros((len(labels), 1, 1), dtype=np.uint8), np.array(labels, dtype=np.uint8))


def dataset_of(train: list[int], test: list[int]) -> Dataset:
    return Dataset(labelled(train), labelled([]), labelled(test))


def entropy_of(sizes: list[int]) -> float:
    train = [label for label, size in enumerate(sizes) for _ in range(size)]
    return dataset_of(train, train).chance_loss


@pytest.mark.parametrize(
    "labels", [list(range(10)), list(range(0, 250, 25)), list(range(1, 27)), [7, 255], list(range(256))]
)
def test_classes_are_the_labels_that_occur(labels: list[int]) -> None:
    dataset = dataset_of(labels[::-1] * 2, labels[:1])
    assert dataset.classes == len(labels)
    assert dataset.labels.tolist() == labels
    indexed = dataset.indexed(dataset.train)
    assert indexed.labels.dtype == np.uint8
    assert indexed.labels.tolist() == list(range(len(labels)))[::-1] * 2
    assert indexed.images is dataset.train.images


def test_a_part_s_labels_are_indexed_among_those_of_training() -> None:
    dataset = dataset_of([3, 9, 40], [40, 9])
    assert dataset.indexed(dataset.test).labels.tolist() == [2, 1]


def test_labels_from_0_on_are_their_own_indices_to_the_byte() -> None:
    train = labelled([2, 0, 1, 1])
    assert Dataset(train, train, train).indexed(train).labels.tobytes() == train.labels.tobytes()


@pytest.mark.parametrize("classes", [2, 3, 7, 10, 26, 256])
@pytest.mark.parametrize("size", [1, 3, 90, 550])
def test_entropy_of_equally_frequent_labels_is_the_logarithm_of_their_number_to_the_bit(
    classes: int, size: int
) -> None:
    assert entropy_of([size] * classes) == math.log(classes)


@pytest.mark.parametrize(
    ("sizes", "entropy"),
    [
        ([90, 10], 0.3250830),  # -0.9 ln 0.9 - 0.1 ln 0.1
        ([900, 100], 0.3250830),
        ([2, 1, 1], 1.5 * math.log(2)),
        ([91, 1, 1, 1, 1, 1, 1, 1, 1, 1], 0.5002881),  # -0.91 ln 0.91 - 9 x 0.01 ln 0.01
        ([5, 0, 5], math.log(2)),  # a label that does not occur is no class
        ([4], 0.0),
    ],
)
def test_entropy_is_that_of_the_labels_frequencies(sizes: list[int], entropy: float) -> None:
    assert entropy_of(sizes) == pytest.approx(entropy, abs=1e-7)
