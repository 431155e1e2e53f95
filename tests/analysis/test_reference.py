"""Which architectures and data have a number of the notebook next to them."""

import hashlib

import numpy as np
import pytest

from stages.analysis import reference
from stages.analysis.reference import REFERENCE, is_fashion_mnist, is_of_the_notebooks_kind, reference_accuracy
from stages.data.idx import as_idx
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Split

STUDY = Train(epochs=1, batch_size=1, learning_rate=0.001, threads=1, seeds=[0])


def other(**keys: object) -> Architecture:
    """Return the notebook's (2, 4) with other values of these keys."""
    return Architecture.model_validate(REFERENCE[0][0].model_dump() | keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"kernel_size": 3},
        {"pool_stride": 2},
        {"head": "global_average", "dense_units": None},
        {"normalization": "batch"},
        {"dropout": 0.1},
        {"activation": "relu"},
    ],
)
def test_another_kind_of_layers_is_not_the_notebook_s(keys: dict[str, object]) -> None:
    assert not is_of_the_notebooks_kind(other(**keys), STUDY, STUDY)


def test_other_numbers_and_another_pooling_are_of_the_notebook_s_kind_trained_alike() -> None:
    for architecture in [known for known, _ in REFERENCE] + [
        other(filters=[3, 9, 4, 2], blocks=2, pooling="average", dense_units=7)
    ]:
        assert is_of_the_notebooks_kind(architecture, STUDY, STUDY)
        assert not is_of_the_notebooks_kind(architecture, STUDY.with_overrides({"learning_rate": 0.002}), STUDY)
        averaged = STUDY.with_overrides({"ema_momentum": 0.9})
        assert not is_of_the_notebooks_kind(architecture, averaged, averaged), "though the whole study is"


def test_each_architecture_has_its_own_number_and_any_other_none() -> None:
    numbers = [0.8880, 0.9020, 0.9077, 0.9053, 0.1000, 0.8903, 0.8620, 0.8424, 0.7616]
    assert [reference_accuracy(architecture) for architecture, _ in REFERENCE] == numbers
    assert reference_accuracy(other(dense_units=81)) is None


def test_data_are_known_by_their_test_images_and_labels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    test = Split(np.arange(12, dtype=np.uint8).reshape(2, 3, 2), np.array([3, 1], dtype=np.uint8))
    assert not is_fashion_mnist(test)
    monkeypatch.setattr(reference, "TEST_SHA256", tuple(hashlib.sha256(as_idx(part)).hexdigest() for part in test))
    assert is_fashion_mnist(test)
    assert not is_fashion_mnist(test._replace(labels=np.array([3, 2], dtype=np.uint8)))
    assert not is_fashion_mnist(test._replace(images=test.images[::-1]))
    assert not is_fashion_mnist(test._replace(images=np.zeros((2, 3, 2, 3), dtype=np.uint8))), "in colour"
