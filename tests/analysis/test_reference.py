"""Which architectures and data have a number of the notebook beside them."""

import hashlib

import numpy as np
import pytest

from stages.analysis import reference
from stages.analysis.reference import REFERENCE, is_fashion_mnist, of_the_notebooks_kind, reference_accuracy
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Split

OTHER = {
    "kernel": 3,
    "stride": 2,
    "normalization": "batch",
    "dropout": 0.1,
    "activation": "relu",
}


STUDY = Train(epochs=1, batch_size=1, learning_rate=0.001, threads=1, seeds=[0])


def of_the_kind(architecture: Architecture, **own: float) -> bool:
    """Trained as the study is, but for what it has of its own."""
    return of_the_notebooks_kind(architecture, STUDY.with_overrides(own), STUDY)


def other(**keys: object) -> Architecture:
    """The notebook's (2, 4) with other values of these keys."""
    return Architecture.model_validate(REFERENCE[0][0].model_dump() | keys)


@pytest.mark.parametrize("key", OTHER)
def test_another_kind_than_the_notebook_s_has_another_value_of_one_key(key: str) -> None:
    assert not of_the_kind(other(**{key: OTHER[key]}))


def test_another_head_an_average_or_a_learning_rate_of_its_own_is_no_notebook_s() -> None:
    assert not of_the_kind(other(head="global_average", dense_units=None))
    assert not of_the_kind(REFERENCE[0][0], ema_momentum=0.9)
    assert not of_the_kind(REFERENCE[0][0], learning_rate=0.002)
    assert of_the_kind(REFERENCE[0][0], ema_momentum=0, learning_rate=0.001)
    averaged = STUDY.with_overrides({"average": 0.9})
    assert not of_the_notebooks_kind(REFERENCE[0][0], averaged, averaged), "though the study is trained so"


def test_other_numbers_and_another_pooling_are_of_the_notebook_s_kind() -> None:
    for architecture, _ in REFERENCE:
        assert of_the_kind(architecture)
    assert of_the_kind(other(filters=[3, 9, 4, 2], blocks=2, pooling="average", dense_units=7))


def test_each_architecture_has_its_own_number_and_any_other_none() -> None:
    numbers = [0.8880, 0.9020, 0.9077, 0.9053, 0.1000, 0.8903, 0.8620, 0.8424, 0.7616]
    assert [reference_accuracy(architecture) for architecture, _ in REFERENCE] == numbers
    assert reference_accuracy(other(dense_units=81)) is None


def test_data_are_known_by_their_test_images_and_labels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    test = Split(np.arange(12, dtype=np.uint8).reshape(2, 3, 2), np.array([3, 1], dtype=np.uint8))
    files = (bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 2, *range(12)]), bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 1]))
    assert not is_fashion_mnist(test)
    monkeypatch.setattr(reference, "TEST_SHA256", tuple(hashlib.sha256(file).hexdigest() for file in files))
    assert is_fashion_mnist(test)
    assert not is_fashion_mnist(test._replace(labels=np.array([3, 2], dtype=np.uint8)))
    assert not is_fashion_mnist(test._replace(images=test.images[::-1]))
