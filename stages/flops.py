"""Training FLOPs of an architecture, and its number of parameters."""

from itertools import pairwise
from math import prod

from stages.training.architecture import Architecture


def layer_sizes(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> list[list[int]]:
    """Return positions per image, inputs per position and outputs of every convolution and dense layer, in order.

    `image_shape` is (H, W, C).
    """
    height, width, channels = image_shape
    sizes = architecture.image_sizes(height, width)
    layers = []
    for (first, second), (before, after) in zip(architecture.block_filters, pairwise(sizes), strict=True):
        second_size = after if architecture.pool_stride == 1 else before
        for size, inputs, outputs in ((before, channels, first), (second_size, first, second)):
            layers.append([prod(size), architecture.kernel_size**2 * inputs, outputs])
        channels = second
    if architecture.dense_units:
        layers.append([1, prod(sizes[-1]) * channels, architecture.dense_units])
        channels = architecture.dense_units
    return [*layers, [1, channels, classes]]


def training_flops(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> int:
    """Return the FLOPs per image of a training step: forward, and the gradients to weights and inputs.

    Each of the three takes a layer's forward FLOPs; the first layer needs no gradient to its input. A multiplication
    and an addition count as two. Pooling, biases, normalization, dropout and activations, a few percent of the total,
    are left out.
    """
    forward = [2 * prod(sizes) for sizes in layer_sizes(architecture, image_shape, classes)]
    return 3 * sum(forward) - forward[0]


def parameter_count(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> int:
    """Return the number of parameters that Keras's `count_params` returns, without building the model.

    Batch normalization has four per channel (two trained, two moving statistics) instead of a bias.
    """
    count = sum((inputs + 1) * outputs for _, inputs, outputs in layer_sizes(architecture, image_shape, classes))
    if architecture.normalization == "batch":
        count += 3 * sum(map(sum, architecture.block_filters))
    return count
