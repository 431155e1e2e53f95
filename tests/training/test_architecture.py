"""The architectures of the study, exactly as the notebook had them."""

import numpy as np
import pytest

from stages.analysis.reference import REFERENCE, reference_accuracy
from stages.common import InputError
from stages.params import StudyArchitecture, load_params
from stages.training.architecture import build_model
from stages.training.backend import keras

PARAMETERS = {
    "w2-4": 156_026,
    "w5-10": 389_480,
    "w8-16": 623_834,
    "w10-20": 780_570,
    "w15-30": 1_174_160,
    "depth-1": 245_932,
    "depth-2": 132_832,
    "depth-3": 56_020,
    "depth-4": 15_496,
}
STUDIED = {named.name: named.architecture for named in load_params().study_architectures()}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_count_is_the_notebooks(name: str) -> None:
    assert build_model(STUDIED[name], (28, 28), 10).count_params() == PARAMETERS[name]


def test_study_is_what_the_notebook_measured() -> None:
    assert [reference_accuracy(STUDIED[name]) for name in PARAMETERS] == [
        0.8880, 0.9020, 0.9077, 0.9053, 0.1000, 0.8903, 0.8620, 0.8424, 0.7616,
    ]  # fmt: skip
    assert len(REFERENCE) == len(STUDIED)


def test_reference_is_of_that_architecture_only() -> None:
    assert reference_accuracy(STUDIED["w2-4"].model_copy(update={"activation": "relu"})) is None


def test_block_is_convolution_pooling_convolution_each_as_designed() -> None:
    model = build_model(STUDIED["depth-2"], (28, 28), 10)
    assert [type(layer).__name__ for layer in model.layers] == [
        *["Conv2D", "AveragePooling2D", "Conv2D"] * 2,
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert [layer.output.shape[1:3] for layer in model.layers[:6]] == [
        (28, 28), (26, 26), (22, 22), (22, 22), (20, 20), (16, 16),
    ]  # fmt: skip
    first, pooling, second = model.layers[:3]
    assert (first.kernel_size, first.padding, second.kernel_size, second.padding) == ((5, 5), "same", (5, 5), "valid")
    assert (pooling.pool_size, pooling.strides, pooling.padding) == ((3, 3), (1, 1), "valid")
    activations = [layer.activation.__name__ for layer in model.layers if hasattr(layer, "activation")]
    assert activations == ["sigmoid"] * 5 + ["softmax"]


def test_width_family_pools_the_maximum() -> None:
    assert isinstance(build_model(STUDIED["w2-4"], (28, 28), 10).layers[1], keras.layers.MaxPooling2D)


def test_initial_kernels_are_glorot_uniform_and_biases_zero() -> None:
    keras.utils.set_random_seed(0)
    for layer in build_model(STUDIED["w8-16"], (28, 28), 10).layers:
        for variable in layer.weights:
            values = np.asarray(variable)
            if variable.name == "bias":
                assert not values.any()
            else:
                receptive = int(np.prod(values.shape[:-2]))
                limit = np.sqrt(6 / (receptive * (values.shape[-2] + values.shape[-1])))
                assert 0.9 * limit < np.abs(values).max() <= limit


def test_output_is_one_probability_a_class() -> None:
    model = build_model(STUDIED["depth-1"], (20, 24), 7)
    probabilities = np.asarray(model(np.zeros((3, 20, 24, 1), dtype=np.float32)))
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def deep(blocks: int) -> StudyArchitecture:
    architecture = STUDIED["depth-1"].model_copy(update={"blocks": blocks})
    return StudyArchitecture(f"depth-{blocks}", "depth", str(blocks), architecture)


def test_four_blocks_fit_and_five_are_refused_with_the_sizes() -> None:
    deep(4).check_fits(28, 28)
    with pytest.raises(InputError) as refusal:
        deep(5).check_fits(28, 28)
    assert str(refusal.value) == (
        "params.yaml: architecture depth-5 holds 5 blocks, may hold up to 4: a block takes 6 pixels off each side, "
        "so the image goes 28x28 -> 22x22 -> 16x16 -> 10x10 -> 4x4 -> nothing left"
    )


@pytest.mark.parametrize(("height", "width", "most"), [(7, 7, 1), (6, 28, 0), (28, 12, 1), (13, 13, 2), (31, 40, 5)])
def test_blocks_that_fit_are_those_that_keras_can_build(height: int, width: int, most: int) -> None:
    if most:
        deep(most).check_fits(height, width)
        build_model(deep(most).architecture, (height, width), 10)
    with pytest.raises(InputError, match=f"may hold up to {most}:"):
        deep(most + 1).check_fits(height, width)
    with pytest.raises(ValueError, match=r"negative dimension|size would be"):
        build_model(deep(most + 1).architecture, (height, width), 10)
