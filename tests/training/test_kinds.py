"""What every key of an architecture makes of its model."""

import pytest

from stages.common import InputError
from stages.params import StudyArchitecture
from stages.training.architecture import Architecture, build_model
from tests.kinds import AVERAGE_HEAD, KINDS, PLAIN, kind


def found(filters: list[int], normalization: str) -> Architecture:
    return kind(filters=filters, blocks=3, kernel_size=3, stride=2, normalization=normalization, **AVERAGE_HEAD)


@pytest.mark.parametrize(
    ("filters", "normalization", "parameters"),
    [
        ([8, 8, 16, 16, 24, 24], "none", 13_090),
        ([8, 8, 16, 16, 24, 24], "batch", 13_378),
        ([8, 12, 16, 16, 24, 24], "batch", 14_258),
        ([12, 16, 24, 32, 48, 64], "batch", 55_110),
        ([16, 24, 32, 48, 64, 64], "batch", 90_490),
    ],
)
def test_parameter_counts_of_blocks_that_differ(filters: list[int], normalization: str, parameters: int) -> None:
    assert build_model(found(filters, normalization), (28, 28), 10).count_params() == parameters


def names_of(architecture: Architecture) -> list[str]:
    return [layer.name for layer in build_model(architecture, (28, 28), 10).layers]


def test_pooling_at_stride_2_comes_after_both_convolutions_which_keep_the_size() -> None:
    model = build_model(kind(stride=2, kernel_size=3), (28, 28), 10)
    assert [layer.name for layer in model.layers[:3]] == ["block1_conv1", "block1_conv2", "block1_pooling"]
    assert [layer.output.shape[1:] for layer in model.layers[:6]] == [
        (28, 28, 2), (28, 28, 4), (14, 14, 4), (14, 14, 2), (14, 14, 4), (7, 7, 4),
    ]  # fmt: skip
    assert {layer.kernel_size for layer in model.layers if "conv" in layer.name} == {(3, 3)}


def test_mean_of_every_channel_takes_the_place_of_the_last_pooling_and_of_the_hidden_layer() -> None:
    assert names_of(kind(stride=2, **AVERAGE_HEAD))[2:] == [
        "block1_pooling", "block2_conv1", "block2_conv2", "average", "probabilities",
    ]  # fmt: skip
    assert names_of(kind(**AVERAGE_HEAD))[3:] == [
        "block2_conv1", "block2_pooling", "block2_conv2", "average", "probabilities",
    ]  # fmt: skip


def test_normalization_comes_between_a_convolution_without_bias_and_its_activation() -> None:
    model = build_model(kind(normalization="batch", activation="tanh"), (28, 28), 10)
    assert [layer.name for layer in model.layers[:4]] == [
        "block1_conv1", "block1_conv1_normalization", "block1_conv1_activation", "block1_pooling",
    ]  # fmt: skip
    first, _, activation, *_ = model.layers
    assert (first.use_bias, first.activation.__name__, activation.activation.__name__) == (False, "linear", "tanh")
    hidden = model.get_layer("hidden")
    assert (hidden.use_bias, hidden.activation.__name__) == (True, "tanh")


def test_dropout_comes_after_each_block_and_after_a_hidden_layer() -> None:
    dense = names_of(kind(dropout=0.5))
    assert [dense[dense.index(name) - 1] for name in dense if "dropout" in name] == [
        "block1_conv2", "block2_conv2", "hidden",
    ]  # fmt: skip
    average = names_of(kind(dropout=0.5, stride=2, **AVERAGE_HEAD))
    assert [average[average.index(name) - 1] for name in average if "dropout" in name] == ["block1_pooling", "average"]
    assert build_model(kind(dropout=0.25), (28, 28), 10).get_layer("hidden_dropout").rate == 0.25


def test_each_convolution_has_its_own_number_of_kernels() -> None:
    model = build_model(KINDS["blocks"], (28, 28), 10)
    assert [layer.filters for layer in model.layers if "conv" in layer.name] == [2, 4, 9, 8]


def test_blocks_that_do_not_differ_have_one_form() -> None:
    assert kind(filters=[2, 4, 2, 4]) == PLAIN
    assert kind(filters=[2, 4, 2, 4]).filters == [2, 4]
    assert kind(filters=[2, 4, 4, 2]).filters == [2, 4, 4, 2]
    assert kind(filters=[2, 4, 2, 4]).block_filters == [(2, 4), (2, 4)]
    assert PLAIN.model_dump(exclude_defaults=True).keys() == {
        "filters", "blocks", "pooling", "dense_units", "activation",
    }  # fmt: skip


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8, 28])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("head", [{"head": "dense"}, AVERAGE_HEAD], ids=["dense", "average"])
def test_blocks_that_fit_are_those_that_keras_can_build_whatever_the_kind(
    side: int, kernel: int, stride: int, head: dict[str, object]
) -> None:
    def of(blocks: int) -> StudyArchitecture:
        return StudyArchitecture("a", "depth", "a", kind(blocks=blocks, kernel=kernel, stride=stride, **head))

    most = of(1).architecture.most_blocks(side, side)
    for blocks in range(1, 8):
        if blocks > most:
            with pytest.raises(InputError, match=f"may hold up to {most}: a block .* -> nothing left"):
                of(blocks).check_fits(side, side)
            with pytest.raises(ValueError, match=r"negative dimension|size would be|Invalid"):
                build_model(of(blocks).architecture, (side, side), 10)
        else:
            of(blocks).check_fits(side, side)
            model = build_model(of(blocks).architecture, (side, side), 10)
            last = model.get_layer(
                f"block{blocks}_pooling" if stride == 2 and "dense_units" not in head else f"block{blocks}_conv2"
            )
            assert last.output.shape[1:3] == of(blocks).architecture.image_sizes(side, side)[-1]


def test_refusal_at_stride_2_says_that_a_block_halves() -> None:
    named = StudyArchitecture("width", "width", "width", kind(stride=2, blocks=5))
    with pytest.raises(InputError) as refusal:
        named.check_fits(28, 28)
    assert str(refusal.value) == (
        "params.yaml: architecture width holds 5 blocks, may hold up to 4: a block halves each side, "
        "so the image goes 28x28 -> 14x14 -> 7x7 -> 3x3 -> 1x1 -> nothing left"
    )
