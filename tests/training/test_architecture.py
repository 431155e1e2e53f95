"""Architectures and their models: the study's are the notebook's, and every key does as params.yaml states."""

import math

import numpy as np
import pytest

from stages.analysis.reference import reference_accuracy
from stages.common import InputError
from stages.flops import layer_sizes, parameter_count, training_flops
from stages.params import StudyArchitecture
from stages.training.architecture import Architecture, build_model
from stages.training.backend import keras, tf
from tests.kinds import AVERAGE_HEAD, KINDS, PLAIN, STUDIED, kind

IMAGE = (28, 28, 1)
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


def model_of(architecture: Architecture, image_shape: tuple[int, int, int] = IMAGE, classes: int = 10) -> keras.Model:
    return build_model(architecture, image_shape, classes)


def names_of(architecture: Architecture) -> list[str]:
    return [layer.name for layer in model_of(architecture).layers]


def test_study_is_what_the_notebook_measured() -> None:
    assert {name: model_of(STUDIED[name]).count_params() for name in STUDIED} == PARAMETERS
    assert all(map(reference_accuracy, STUDIED.values()))


def test_block_is_convolution_pooling_convolution_each_as_designed() -> None:
    model = model_of(STUDIED["depth-2"])
    assert [type(layer).__name__ for layer in model.layers] == [
        *["Conv2D", "AveragePooling2D", "Conv2D"] * 2, "Flatten", "Dense", "Dense",
    ]  # fmt: skip
    assert [layer.output.shape[1] for layer in model.layers[:6]] == [28, 26, 22, 22, 20, 16]
    first, pooling, second = model.layers[:3]
    assert (first.kernel_size, first.padding, second.kernel_size, second.padding) == ((5, 5), "same", (5, 5), "valid")
    assert (pooling.pool_size, pooling.strides, pooling.padding) == ((3, 3), (1, 1), "valid")
    activations = [layer.activation.__name__ for layer in model.layers if hasattr(layer, "activation")]
    assert activations == ["sigmoid"] * 5 + ["softmax"]
    assert isinstance(model_of(STUDIED["w2-4"]).layers[1], keras.layers.MaxPooling2D)


def test_initial_kernels_are_glorot_uniform_and_biases_zero() -> None:
    keras.utils.set_random_seed(0)
    for layer in model_of(STUDIED["w8-16"]).layers:
        for variable in layer.weights:
            values = np.asarray(variable)
            if variable.name == "bias":
                assert not values.any()
            else:
                limit = np.sqrt(6 / (np.prod(values.shape[:-2]) * (values.shape[-2] + values.shape[-1])))
                assert 0.9 * limit < np.abs(values).max() <= limit


def test_output_is_one_probability_per_class() -> None:
    probabilities = np.asarray(model_of(STUDIED["depth-1"], (20, 24, 3), 7)(np.zeros((3, 20, 24, 3), np.float32)))
    assert probabilities.shape == (3, 7)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_pooling_of_stride_2_follows_both_convolutions_which_keep_the_size() -> None:
    model = model_of(kind(pool_stride=2, kernel_size=3))
    assert [layer.name for layer in model.layers[:3]] == ["block1_conv1", "block1_conv2", "block1_pooling"]
    assert [layer.output.shape[1:] for layer in model.layers[:6]] == [
        (28, 28, 2), (28, 28, 4), (14, 14, 4), (14, 14, 2), (14, 14, 4), (7, 7, 4),
    ]  # fmt: skip
    assert {layer.kernel_size for layer in model.layers if "conv" in layer.name} == {(3, 3)}


def test_global_average_replaces_the_last_pooling_and_the_hidden_layer() -> None:
    stride_2, stride_1 = kind(pool_stride=2, **AVERAGE_HEAD), kind(**AVERAGE_HEAD)
    last = ["block2_conv2", "average", "probabilities"]
    assert names_of(stride_2)[2:] == ["block1_pooling", "block2_conv1", *last]
    assert names_of(stride_1)[3:] == ["block2_conv1", "block2_pooling", *last]


def test_normalization_is_between_a_convolution_without_bias_and_its_activation() -> None:
    model = model_of(kind(normalization="batch", activation="tanh"))
    first, normalization, activation, pooling, *_ = model.layers
    assert [layer.name for layer in (normalization, activation, pooling)] == [
        "block1_conv1_normalization", "block1_conv1_activation", "block1_pooling",
    ]  # fmt: skip
    assert (first.use_bias, first.activation.__name__, activation.activation.__name__) == (False, "linear", "tanh")
    hidden = model.get_layer("hidden")
    assert (hidden.use_bias, hidden.activation.__name__) == (True, "tanh")


def test_dropout_follows_each_block_and_a_hidden_layer() -> None:
    for architecture, layers in [
        (kind(dropout=0.5), ["block1_conv2", "block2_conv2", "hidden"]),
        (kind(dropout=0.5, pool_stride=2, **AVERAGE_HEAD), ["block1_pooling", "average"]),
    ]:
        names = names_of(architecture)
        assert [names[names.index(name) - 1] for name in names if "dropout" in name] == layers
    assert model_of(kind(dropout=0.25)).get_layer("hidden_dropout").rate == 0.25


def test_each_convolution_has_its_own_filters_and_equal_blocks_have_one_form() -> None:
    assert [layer.filters for layer in model_of(KINDS["blocks"]).layers if "conv" in layer.name] == [2, 4, 9, 8]
    assert kind(filters=[2, 4, 2, 4]) == PLAIN
    assert kind(filters=[2, 4, 4, 2]).block_filters == [(2, 4), (4, 2)]
    assert PLAIN.model_dump(exclude_defaults=True).keys() == {
        "filters", "blocks", "pooling", "dense_units", "activation",
    }  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(1, 3), (8, 28), (28, 12)])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("pool_stride", [1, 2])
@pytest.mark.parametrize("head", [{"head": "dense"}, AVERAGE_HEAD], ids=["dense", "average"])
def test_blocks_that_fit_are_those_that_keras_can_build(
    height: int, width: int, kernel_size: int, pool_stride: int, head: dict[str, object]
) -> None:
    """One more than fit is refused with the sizes; at stride 2 a global average needs no last pooling."""

    def of(blocks: int) -> StudyArchitecture:
        keys = {"blocks": blocks, "kernel_size": kernel_size, "pool_stride": pool_stride}
        return StudyArchitecture("a", "depth", "a", kind(**keys, **head))

    shape = (height, width, 1)
    most = of(1).architecture.most_blocks(height, width)
    for blocks in range(1, most + 1):
        of(blocks).check_fits(shape)
    if most:
        model = model_of(of(most).architecture, shape)
        pools_last = pool_stride == 2 and "dense_units" not in head
        last = model.get_layer(f"block{most}_{'pooling' if pools_last else 'conv2'}")
        assert last.output.shape[1:3] == of(most).architecture.image_sizes(height, width)[-1]
    with pytest.raises(InputError, match=rf"at most {most} blocks for images of {height}x{width} "):
        of(most + 1).check_fits(shape)
    with pytest.raises(ValueError, match=r"negative dimension|size would be|Invalid"):
        model_of(of(most + 1).architecture, shape)


@pytest.mark.parametrize("architecture", [STUDIED["w8-16"], STUDIED["depth-3"], *KINDS.values()])
def test_flops_are_those_that_tensorflow_counts_and_parameters_those_of_keras(architecture: Architecture) -> None:
    model = model_of(architecture, (28, 30, 3), 7)
    assert parameter_count(architecture, (28, 30, 3), 7) == model.count_params()
    graph = tf.function(model).get_concrete_function(tf.TensorSpec([1, 28, 30, 3])).graph
    builder, counted = tf.compat.v1.profiler.ProfileOptionBuilder, []
    for operation in graph.get_operations():
        if operation.type in {"Conv2D", "MatMul"}:
            options = builder(builder.float_operation()).with_node_names(start_name_regexes=[operation.name])
            options = options.with_empty_output().build()
            counted.append(tf.compat.v1.profiler.profile(graph, cmd="scope", options=options).total_float_ops)
    assert counted == [2 * math.prod(sizes) for sizes in layer_sizes(architecture, (28, 30, 3), 7)]
    assert training_flops(architecture, (28, 30, 3), 7) == 3 * sum(counted) - counted[0], "the image has no gradient"
