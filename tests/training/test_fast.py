"""The fast layers, shards and optimizer against Keras's own: outputs, gradients, ties, and whole models."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stages.training import fast
from stages.training.architecture import Architecture, build_model
from stages.training.backend import keras, tf
from stages.training.fast import BatchNormalization, Conv2D, FusedAdam
from tests.kinds import KINDS, STUDIED, kind

IMAGE = (28, 28, 1)
SIZES = [(11, 14), (12, 13)]  # pairs of columns, or a column left
CHANNELS = [1, 5, 8, 12, 15, 16]  # below, at and between the lengths of vectors
FUSED = ("FusedBatchNormV3", "FusedBatchNormGradV3")
Numbers = Callable[..., tf.Tensor]


def random(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def small_integers(*shape: int, seed: int = 0) -> tf.Tensor:
    """Return numbers with many ties, whose sums are exact in any order."""
    return tf.constant(np.random.default_rng(seed).integers(0, 3, size=shape).astype(np.float32))


def output_and_gradients(layer: keras.Layer, images: tf.Tensor, numbers: Numbers, **call: bool) -> list[np.ndarray]:
    """Return the layer's output, and for made-up gradients of it, those of the images and of the weights."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = layer(images, **call)
    weights = [variable.value for variable in layer.trainable_variables]
    gradients = tape.gradient(output, [images, *weights], output_gradients=numbers(*output.shape, seed=1))
    return [array.numpy() for array in (output, *gradients)]


def assert_close(results: list[list[np.ndarray]], rtol: float = 0, atol: float = 0) -> None:
    """Compare the arrays of the first result with those of the second one."""
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("filters", [1, 5, 8, 16])
@pytest.mark.parametrize("channels", [1, 7, 8, 20])
@pytest.mark.parametrize(("kernel", "use_bias"), [(5, True), (3, False)])
def test_convolution_is_the_stock_layers(
    kernel: int, use_bias: bool, channels: int, filters: int, padding: str
) -> None:
    weights = [small_integers(kernel, kernel, channels, filters, seed=2), small_integers(filters, seed=3)]
    for size in SIZES:
        images, results = small_integers(3, *size, channels), []
        for kinds in (keras.layers.Conv2D, Conv2D):
            layer = kinds(filters, kernel, padding=padding, use_bias=use_bias)
            layer.build(images.shape)
            layer.set_weights(weights[: 1 + use_bias])
            results.append(output_and_gradients(layer, images, small_integers))
        assert_close(results)


@pytest.mark.parametrize("numbers", [random, small_integers])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["MaxPooling2D", "AveragePooling2D"])
def test_pooling_is_the_stock_layers_with_ties(
    name: str, size: tuple[int, int], channels: int, numbers: Numbers
) -> None:
    images = numbers(3, *size, channels)
    for pooling in ({"pool_size": 3, "strides": 1}, {"pool_size": 2, "strides": 2}):
        results = [
            output_and_gradients(getattr(kinds, name)(**pooling), images, numbers) for kinds in (fast, keras.layers)
        ]
        assert_close(results, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("size", SIZES)
def test_normalization_is_the_stock_layers_in_training_and_after_it(size: tuple[int, int], channels: int) -> None:
    images, results = 3 * random(4, *size, channels) + 1, []
    for kinds in (BatchNormalization, keras.layers.BatchNormalization):
        layer = kinds(momentum=0.5)
        layer.build(images.shape)
        layer.set_weights([random(channels, seed=seed) ** 2 for seed in (2, 3, 4, 5)])
        trained = output_and_gradients(layer, images, random, training=True)
        results.append([*trained, *layer.get_weights(), np.asarray(layer(images))])
    assert_close(results, rtol=1e-3, atol=1e-4)


def test_normalization_by_given_statistics_calls_no_operation_that_processors_approximate() -> None:
    """Compare a graph, which TensorFlow optimizes, with NumPy: `rsqrt` is off in the last bit for many numbers."""
    mean, variance, gamma, beta = (random(64, seed=seed) ** 2 for seed in (2, 3, 4, 5))
    images = random(2, 4, 4, 64)
    layer = BatchNormalization()
    layer.build(images.shape)
    layer.set_weights([gamma, beta, mean, variance])
    square = variance + np.float32(layer.epsilon)
    scale = gamma * np.sqrt(square) / square
    computed = tf.function(lambda inputs: layer(inputs), autograph=False)(images)
    np.testing.assert_array_equal(computed, images * scale + (beta - mean * scale))


@pytest.mark.parametrize("channels", [1, 6, 12, 16])
def test_fused_normalization_is_used_for_multiples_of_four_channels(channels: int) -> None:
    layer = BatchNormalization()
    layer.build((None, 12, 14, channels))

    @tf.function(autograph=False)
    def gradient(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
        return tape.gradient(outputs, images)

    graph = gradient.get_concrete_function(tf.TensorSpec([None, 12, 14, channels])).graph
    fused = [operation.type for operation in graph.get_operations() if operation.type in FUSED]
    assert fused == (list(FUSED) if channels % 4 == 0 else [])


@pytest.mark.parametrize("averages", [{}, {"use_ema": True, "ema_momentum": 0.9}], ids=["plain", "averages"])
def test_fused_adam_takes_the_stock_optimizers_steps(averages: dict[str, Any]) -> None:
    paths = []
    for optimizer in (FusedAdam(0.01, **averages), keras.optimizers.Adam(0.01, **averages)):
        variable = keras.Variable(random(7, 3))
        optimizer.build([variable])
        for step in range(20):
            optimizer.apply([random(7, 3, seed=step)], [variable])
        paths.append([np.asarray(value) for value in (variable, *optimizer.variables)])
    assert_close(paths, rtol=1e-5, atol=1e-6)


MODELS = [STUDIED["w2-4"], STUDIED["depth-3"], KINDS["blocks"], KINDS["normalization"], KINDS["stride-average"]]


def compiled(architecture: Architecture, threads: int | None, optimizer: Any = None, seed: int = 0) -> keras.Model:
    """Return the stock model, or the fast one on threads, always with the same weights."""
    keras.utils.set_random_seed(3)
    model = build_model(architecture, IMAGE, 10, threads, seed)
    optimizer = optimizer or keras.optimizers.SGD(1.0)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


@pytest.mark.parametrize("architecture", MODELS)
def test_model_starts_from_the_same_weights_and_learns_the_same(architecture: Architecture) -> None:
    results = []
    for threads, optimizer in ((2, FusedAdam), (None, keras.optimizers.Adam)):
        model = compiled(architecture, threads, optimizer(0.001))
        drawn, labels = model.get_weights(), tf.one_hot(np.arange(32) % 10, 10)
        results.append((drawn, [float(model.train_on_batch(random(32, *IMAGE), labels)[0]) for _ in range(5)]))
    (ours, losses), (theirs, expected) = results
    assert_close([ours, theirs])
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_loss_of_a_class_that_seems_impossible_is_the_stock_models() -> None:
    losses = []
    for threads in (2, None):
        model = compiled(STUDIED["w2-4"], threads)
        *others, bias = model.get_weights()
        model.set_weights([*others, bias - 50 * (np.arange(10) == 4)])
        batch = random(8, *IMAGE), tf.one_hot([4] * 8, 10)
        losses.append([model.test_on_batch(*batch)[0], *(model.train_on_batch(*batch)[0] for _ in range(3))])
    assert losses[1][0] > 40
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(("shards", "images"), [(3, 1), (3, 7), (1, 32)])
def test_shards_of_a_batch_have_the_output_loss_and_step_of_the_whole_batch(shards: int, images: int) -> None:
    stock, sharded = (compiled(STUDIED["depth-2"], threads) for threads in (None, shards))
    batch, labels = random(images, *IMAGE), tf.one_hot(np.arange(images) % 10, 10)
    np.testing.assert_allclose(sharded(batch), stock(batch), rtol=1e-5, atol=1e-6)
    for called in ("test_on_batch", "train_on_batch"):
        ours, theirs = (getattr(model, called)(batch, labels, return_dict=True) for model in (sharded, stock))
        assert ours == pytest.approx(theirs, rel=1e-5)
    assert_close([sharded.get_weights(), stock.get_weights()], rtol=1e-3, atol=1e-5)


def test_dropped_units_follow_from_seed_and_step_whatever_the_shards() -> None:
    results = []
    for threads, seed in ((1, 4), (3, 4), (1, 5)):
        model = compiled(kind(dropout=0.5), threads, keras.optimizers.SGD(0.1), seed)
        for _ in range(3):
            model.train_on_batch(random(7, *IMAGE), tf.one_hot(np.arange(7), 10))
        results.append(model.get_weights())
    assert_close([results[1], results[0]], rtol=1e-3, atol=1e-5)
    assert any((whole != other).any() for whole, other in zip(results[0], results[2], strict=True))


def test_dropout_drops_its_fraction_and_scales_the_rest_with_other_units_in_every_layer_and_step() -> None:
    model = compiled(kind(dropout=0.3, filters=[2, 2]), 2, seed=2**32 - 1)
    drawn = []
    for _ in range(2):
        drawn += [np.asarray(factors) for factors in model._dropout_factors(tf.constant(500))]
        model.optimizer.iterations.assign_add(1)
    assert [factors.shape for factors in drawn] == [(500, 22, 22, 2), (500, 16, 16, 2), (500, 8)] * 2
    for factors in drawn:
        assert sorted(np.unique(factors)) == pytest.approx([0, 1 / 0.7])
        assert factors.mean() == pytest.approx(1, abs=0.03)
    first, second, _, next_step, *_ = (factors[:, :16, :16] if factors.ndim == 4 else factors for factors in drawn)
    assert (first != second).any()
    assert (first != next_step).any()
    images = random(2, *IMAGE)
    np.testing.assert_array_equal(model(images), model(images))
