"""The fast layers and optimizer against Keras's own: outputs, gradients, ties, and whole models.

Over 200 lines, as the module is, whose every layer is held to Keras's in the same way.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stages.params import load_params
from stages.training.architecture import Architecture, build_model
from stages.training.backend import keras, tf
from stages.training.fast import AveragePooling2D, BatchNormalization, Conv2D, FusedAdam, MaxPooling2D
from tests.kinds import KINDS

SIZES = [(12, 14), (11, 13), (9, 12), (12, 9)]
CHANNELS = [1, 2, 5, 7, 8, 15, 16, 20]
FUSED = ("FusedBatchNormV3", "FusedBatchNormGradV3")
STUDIED = {named.name: named.architecture for named in load_params().study_architectures()}


def random(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def small_integers(*shape: int, seed: int = 0) -> tf.Tensor:
    """Numbers with many ties, whose sums are exact in whatever order."""
    return tf.constant(np.random.default_rng(seed).integers(0, 3, size=shape).astype(np.float32))


def output_and_gradients(
    layer: keras.Layer, images: tf.Tensor, numbers: Callable[..., tf.Tensor], **call: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The layer's output, and for a random gradient of it those of the images and of the layer's weights."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = layer(images, **call)
    weights = [variable.value for variable in layer.trainable_variables]
    gradients = tape.gradient(output, [images, *weights], output_gradients=numbers(*output.shape, seed=1))
    return output.numpy(), [gradient.numpy() for gradient in gradients]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("filters", CHANNELS)
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_convolution_is_the_stock_layers(size: tuple[int, int], channels: int, filters: int, padding: str) -> None:
    assert_is_the_stock_layers(size, channels, filters, padding, 5, use_bias=True)


@pytest.mark.parametrize(("kernel", "use_bias"), [(3, True), (5, False), (3, False)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("channels", "filters"), [(1, 2), (2, 5), (5, 8), (16, 7), (8, 20)])
def test_convolution_of_another_side_or_without_bias_is_too(
    channels: int, filters: int, padding: str, kernel: int, use_bias: bool
) -> None:
    for size in SIZES:
        assert_is_the_stock_layers(size, channels, filters, padding, kernel, use_bias=use_bias)


def assert_is_the_stock_layers(
    size: tuple[int, int], channels: int, filters: int, padding: str, kernel: int, *, use_bias: bool
) -> None:
    images = small_integers(3, *size, channels)
    stock, fast = (
        layer(filters, kernel, padding=padding, use_bias=use_bias) for layer in (keras.layers.Conv2D, Conv2D)
    )
    weights = [small_integers(kernel, kernel, channels, filters, seed=2), small_integers(filters, seed=3)]
    for layer in (stock, fast):
        layer.build(images.shape)
        layer.set_weights(weights if use_bias else weights[:1])
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
    for pooling in ({"pool_size": 3, "strides": 1}, {"pool_size": 2, "strides": 2}):
        output, (gradient,) = output_and_gradients(fast(**pooling), images, numbers)
        expected_output, (expected_gradient,) = output_and_gradients(stock(**pooling), images, numbers)
        np.testing.assert_allclose(output, expected_output, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_normalization_is_the_stock_layers_in_training_and_after_it(size: tuple[int, int], channels: int) -> None:
    images = 3 * random(4, *size, channels) + 1
    stock, fast = keras.layers.BatchNormalization(momentum=0.5), BatchNormalization(momentum=0.5)
    outcomes = []
    for layer in (stock, fast):
        layer.build(images.shape)
        layer.set_weights([random(channels, seed=seed) ** 2 for seed in (2, 3, 4, 5)])
        outcomes.append(output_and_gradients(layer, images, random, training=True))
    (output, gradients), (expected_output, expected_gradients) = outcomes[1], outcomes[0]
    np.testing.assert_allclose(output, expected_output, rtol=1e-4, atol=1e-5)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)
    for moving, expected in zip(fast.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(moving, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fast(images), stock(images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("channels", range(1, 26))
def test_fused_normalization_is_asked_for_what_it_is_fast_for(channels: int) -> None:
    layer = BatchNormalization()
    layer.build((None, 12, 14, channels))

    @tf.function(autograph=False)
    def gradient(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = tf.nn.relu(layer(images, training=True))
        return tape.gradient(outputs, images)

    operations = gradient.get_concrete_function(tf.TensorSpec([None, 12, 14, channels])).graph.get_operations()
    of_kind = {kind: [op for op in operations if op.type == kind] for kind in ("Relu", *FUSED)}
    assert all(of_kind.values())
    assert all(op.inputs[0].shape[-1] % 4 == 0 for kind in FUSED for op in of_kind[kind])
    assert (len(of_kind["FusedBatchNormV3"]) == 1) == (channels % 4 == 0), "others take it for statistics, too"
    (relu,) = of_kind["Relu"]
    assert (relu.inputs[0].op.type in FUSED) == (channels % 8 == 0), "TensorFlow makes one operation of the two"


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


@pytest.mark.parametrize("averages", [{}, {"use_ema": True, "ema_momentum": 0.9}], ids=["plain", "averages"])
def test_fused_adam_takes_the_stock_optimizers_steps(averages: dict[str, Any]) -> None:
    paths = []
    for optimizer in (keras.optimizers.Adam(0.01, **averages), FusedAdam(0.01, **averages)):
        variable = keras.Variable(random(7, 3))
        optimizer.build([variable])
        for step in range(20):
            optimizer.apply([random(7, 3, seed=step)], [variable])
        paths.append([np.asarray(value) for value in (variable, *optimizer.variables)])
    for expected, value in zip(*paths, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def trained(architecture: Architecture, fast: bool, steps: int) -> tuple[list[Any], list[float]]:
    """A model's weights as drawn, and its losses over some steps on the same random images."""
    keras.utils.set_random_seed(3)
    model = build_model(architecture, (28, 28), 10, 2 if fast else None)
    drawn = model.get_weights()
    optimizer = (FusedAdam if fast else keras.optimizers.Adam)(0.001)
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", jit_compile=False)
    labels = tf.one_hot(np.arange(32) % 10, 10)
    return drawn, [float(model.train_on_batch(random(32, 28, 28, 1), labels)) for _ in range(steps)]


ALL = STUDIED | {name: architecture for name, architecture in KINDS.items() if not architecture.dropout}


@pytest.mark.parametrize("name", ALL)
def test_model_starts_from_the_same_weights_and_learns_the_same(name: str) -> None:
    drawn, losses = trained(ALL[name], fast=True, steps=5)
    expected_drawn, expected_losses = trained(ALL[name], fast=False, steps=5)
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
