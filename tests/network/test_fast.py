"""The fast layers and optimizer against Keras's own: outputs, gradients, ties, and whole models."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stages.network.architecture import Architecture, build_model
from stages.network.backend import keras, tf
from stages.network.fast import AveragePooling2D, Conv2D, FusedAdam, MaxPooling2D
from stages.params import load_params

SIZES = [(12, 14), (11, 13), (9, 12), (12, 9)]
CHANNELS = [1, 2, 5, 7, 8, 15, 16, 20]
STUDIED = {named.name: named.architecture for named in load_params().studied()}


def random(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def small_integers(*shape: int, seed: int = 0) -> tf.Tensor:
    """Numbers with many ties, whose sums are exact in whatever order."""
    return tf.constant(np.random.default_rng(seed).integers(0, 3, size=shape).astype(np.float32))


def output_and_gradients(
    layer: keras.Layer, images: tf.Tensor, numbers: Callable[..., tf.Tensor]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The layer's output, and for a random gradient of it those of the images and of the layer's weights."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = layer(images)
    weights = [variable.value for variable in layer.trainable_variables]
    gradients = tape.gradient(output, [images, *weights], output_gradients=numbers(*output.shape, seed=1))
    return output.numpy(), [gradient.numpy() for gradient in gradients]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("filters", CHANNELS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_convolution_is_the_stock_layers(size: tuple[int, int], channels: int, filters: int, padding: str) -> None:
    images = small_integers(3, *size, channels)
    stock, fast = (layer(filters, 5, padding=padding) for layer in (keras.layers.Conv2D, Conv2D))
    for layer in (stock, fast):
        layer.build(images.shape)
        layer.set_weights([small_integers(5, 5, channels, filters, seed=2), small_integers(filters, seed=3)])
    output, gradients = output_and_gradients(fast, images, small_integers)
    expected_output, expected_gradients = output_and_gradients(stock, images, small_integers)
    np.testing.assert_array_equal(output, expected_output)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("numbers", [random, small_integers])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("stock", "fast"),
    [(keras.layers.MaxPooling2D, MaxPooling2D), (keras.layers.AveragePooling2D, AveragePooling2D)],
    ids=["max", "average"],
)
def test_pooling_is_the_stock_layers_ties_and_all(
    stock: type[keras.Layer],
    fast: type[keras.Layer],
    size: tuple[int, int],
    channels: int,
    numbers: Callable[..., tf.Tensor],
) -> None:
    images = numbers(3, *size, channels)
    output, (gradient,) = output_and_gradients(fast(3, strides=1), images, numbers)
    expected_output, (expected_gradient,) = output_and_gradients(stock(3, strides=1), images, numbers)
    np.testing.assert_allclose(output, expected_output, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-5)


def test_of_equal_pixels_the_first_gets_the_gradient() -> None:
    images = tf.constant([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=tf.float32)
    for channels in CHANNELS:
        _, (gradient,) = output_and_gradients(
            MaxPooling2D(3, strides=1), tf.tile(tf.reshape(images, [1, 3, 3, 1]), [1, 1, 1, channels]), ones
        )
        assert gradient[0, ..., channels - 1].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def ones(*shape: int, seed: int) -> tf.Tensor:
    del seed
    return tf.ones(shape)


def test_fused_adam_takes_the_stock_optimizers_steps() -> None:
    paths = []
    for optimizer in (keras.optimizers.Adam(0.01), FusedAdam(0.01)):
        variable = keras.Variable(random(7, 3))
        optimizer.build([variable])
        for step in range(20):
            optimizer.apply([random(7, 3, seed=step)], [variable])
        paths.append([np.asarray(value) for value in (variable, *optimizer.variables)])
    for expected, value in zip(*paths, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


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


def trained(architecture: Architecture, fast: bool, steps: int) -> tuple[list[Any], list[float]]:
    """A model's weights as drawn, and its losses over some steps on the same random images."""
    keras.utils.set_random_seed(3)
    model = build_model(architecture, (28, 28), 10, 2 if fast else None)
    drawn = model.get_weights()
    optimizer = (FusedAdam if fast else keras.optimizers.Adam)(0.001)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", jit_compile=False)
    labels = tf.one_hot(np.arange(32) % 10, 10)
    return drawn, [float(model.train_on_batch(random(32, 28, 28, 1), labels)) for _ in range(steps)]


@pytest.mark.parametrize("name", STUDIED)
def test_model_starts_from_the_same_weights_and_learns_the_same(name: str) -> None:
    drawn, losses = trained(STUDIED[name], fast=True, steps=5)
    expected_drawn, expected_losses = trained(STUDIED[name], fast=False, steps=5)
    assert all((ours == theirs).all() for ours, theirs in zip(drawn, expected_drawn, strict=True))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)


def test_loss_of_a_class_that_seems_impossible_is_the_stock_models() -> None:
    losses = []
    for threads in (2, None):
        keras.utils.set_random_seed(3)
        model = build_model(STUDIED["w2-4"], (28, 28), 10, threads)
        *others, bias = model.get_weights()
        model.set_weights([*others, bias - 50 * (np.arange(10) == 4)])
        model.compile(keras.optimizers.SGD(1.0), "categorical_crossentropy", jit_compile=False)
        batch = random(8, 28, 28, 1), tf.one_hot([4] * 8, 10)
        losses.append([float(model.test_on_batch(*batch)), *(float(model.train_on_batch(*batch)) for _ in range(3))])
    ours, theirs = losses
    assert theirs[0] > 40
    assert ours == pytest.approx(theirs, rel=1e-4)
