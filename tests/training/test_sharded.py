"""A model that cuts its batches into shards: what they make together, and what is dropped out of them."""

import numpy as np
import pytest

from stages.params import load_params
from stages.training.architecture import Architecture, build_model
from stages.training.backend import keras, tf
from tests.kinds import kind
from tests.training.test_fast import random

STUDIED = {named.name: named.architecture for named in load_params().study_architectures()}


@pytest.mark.parametrize("shards", [1, 2, 3])
@pytest.mark.parametrize("images", [1, 2, 7, 32])
def test_shards_of_a_batch_make_the_whole_batches_output_loss_and_step(shards: int, images: int) -> None:
    stock, sharded = (build_model(STUDIED["depth-2"], (28, 28), 10, threads) for threads in (None, shards))
    sharded.set_weights(stock.get_weights())
    batch, labels = random(images, 28, 28, 1), tf.one_hot(np.arange(images) % 10, 10)
    np.testing.assert_allclose(sharded(batch), stock(batch), rtol=1e-5, atol=1e-6)
    for model in (stock, sharded):
        model.compile(keras.optimizers.SGD(1.0), "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    for called in ("test_on_batch", "train_on_batch"):
        ours, theirs = (getattr(model, called)(batch, labels, return_dict=True) for model in (sharded, stock))
        assert ours == pytest.approx(theirs, rel=1e-5)
    for weights, expected in zip(sharded.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)


def stepped(architecture: Architecture, threads: int, seed: int, steps: int) -> list[np.ndarray]:
    """The weights after some steps of plain gradient descent on 7 random images."""
    keras.utils.set_random_seed(3)
    model = build_model(architecture, (28, 28), 10, threads, seed)
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    for _ in range(steps):
        model.train_on_batch(random(7, 28, 28, 1), tf.one_hot(np.arange(7), 10))
    weights: list[np.ndarray] = model.get_weights()
    return weights


def test_what_is_dropped_out_follows_from_seed_and_step_whatever_the_shards() -> None:
    architecture = kind(dropout=0.5)
    whole = stepped(architecture, 1, seed=4, steps=3)
    for threads in (2, 3):
        for ours, theirs in zip(stepped(architecture, threads, seed=4, steps=3), whole, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    assert any((ours != theirs).any() for ours, theirs in zip(stepped(architecture, 1, 5, 3), whole, strict=True))


def test_dropout_leaves_out_its_share_and_makes_up_for_it_anew_in_every_layer_and_step() -> None:
    model = build_model(kind(dropout=0.3, filters=[2, 2]), (28, 28), 10, 2, seed=2**32 - 1)
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
    drawn = []
    for _ in range(2):
        drawn += [np.asarray(factors) for factors in model._dropout_factors(tf.constant(500))]
        model.optimizer.iterations.assign_add(1)
    assert [factors.shape for factors in drawn] == [(500, 22, 22, 2), (500, 16, 16, 2), (500, 8)] * 2
    for factors in drawn:
        assert sorted(np.unique(factors)) == pytest.approx([0, 1 / 0.7])
        assert factors.mean() == pytest.approx(1, abs=0.03)
    first, second, _, anew, *_ = (factors[:, :16, :16] if factors.ndim == 4 else factors for factors in drawn)
    assert (first != second).any()
    assert (first != anew).any()
    images = random(2, 28, 28, 1)
    np.testing.assert_array_equal(model(images), model(images))
