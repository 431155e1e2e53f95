"""The measures of a network's layers, against values by hand and gradients of the stock model."""

import numpy as np
import pytest

from stages.training.architecture import Architecture, build_model, model_input
from stages.training.backend import keras, tf
from stages.training.diagnosis import IMAGES, Diagnosis
from tests.kinds import KINDS, sample

SIGMOID = Architecture(filters=[2, 4], blocks=2, pooling="average", dense_units=8, activation="sigmoid")
MEASURED = [
    SIGMOID,
    SIGMOID.model_copy(update={"activation": "gelu"}),
    *(KINDS[name] for name in ("blocks", "stride", "all")),
]


@pytest.mark.parametrize("architecture", MEASURED)
def test_gradient_norms_are_those_of_the_model_itself_which_does_not_change(architecture: Architecture) -> None:
    dataset = sample()
    model = build_model(architecture, dataset.image_shape, dataset.classes)
    with tf.GradientTape() as tape:
        output = model_input(dataset.train.images[:IMAGES])
        for layer in model.layers:
            output = layer(output, training=True) if "normalization" in layer.name else layer(output)
        losses = keras.losses.sparse_categorical_crossentropy(dataset.train.labels[:IMAGES], output)
        loss = tf.reduce_mean(losses)
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    expected = [np.linalg.norm(gradient) for gradient in tape.gradient(loss, [layer.kernel.value for layer in layers])]
    before = model.get_weights()
    measured = Diagnosis(architecture, dataset)(before)
    assert measured.shape == (len(architecture.layer_names), 3)
    assert measured[:, 2] == pytest.approx(expected, rel=1e-4)
    assert architecture.layer_names == [layer.name for layer in layers]
    Diagnosis(architecture, dataset)([2 * array for array in before])
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))


def test_layer_is_measured_after_its_normalization_and_activation() -> None:
    architecture, dataset = SIGMOID.model_copy(update={"normalization": "batch"}), sample()
    model = build_model(architecture, dataset.image_shape, dataset.classes)
    for layer in model.layers:
        if "normalization" in layer.name:
            gamma, beta, *moving = layer.get_weights()
            layer.set_weights([0 * gamma, 0 * beta + 3.8, *moving])  # sigmoid gets 3.8 for every image
    measured = Diagnosis(architecture, dataset)(model.get_weights())
    assert measured[:4, 0] == pytest.approx(0.9781, abs=1e-4)
    assert list(measured[:4, 1]) == [1] * 4
    assert measured[4, 1] < 1, "the hidden layer has no normalization"


@pytest.mark.parametrize(
    ("activation", "bias", "mean", "saturated"),
    [
        ("sigmoid", 0.0, 0.5, 0),  # where it is steepest
        ("sigmoid", 3.6, 0.9734, 0),  # slope 0.0259, over a tenth of 1/4
        ("sigmoid", 3.8, 0.9781, 1),  # slope 0.0214
        ("tanh", 1.7, 0.9354, 0),  # slope 0.125
        ("tanh", 2.0, 0.9640, 1),  # slope 0.071
        ("relu", 1.0, 1.0, 0),
        ("relu", -1.0, 0.0, 1),
    ],
)
def test_unit_is_saturated_where_its_activation_is_flat(
    activation: str, bias: float, mean: float, saturated: float
) -> None:
    architecture, dataset = SIGMOID.model_copy(update={"activation": activation}), sample()
    model = build_model(architecture, dataset.image_shape, dataset.classes)
    weights = [np.full_like(array, bias if array.ndim == 1 else 0.0) for array in model.get_weights()]
    measured = Diagnosis(architecture, dataset)(weights)
    assert measured[:-1, 0] == pytest.approx(mean, abs=1e-4)
    assert list(measured[:-1, 1]) == [saturated] * (len(measured) - 1)
    assert np.isnan(measured[-1, 1])
