"""What an architecture costs: its parameters, and the arithmetic of its convolutions and dense layers."""

from itertools import pairwise
from math import prod

from stages.network.architecture import Architecture


def forward_flops(architecture: Architecture, image_shape: tuple[int, int], classes: int) -> list[int]:
    """Floating-point operations for one image, of every convolution and dense layer, in order.

    A multiplication and an addition count as two. Pooling, biases, normalization, dropout and activations, some per
    cent of it, are left out.
    """
    flops, channels = [], 1
    sizes = architecture.image_sizes(*image_shape)
    for (first, second), (before, after) in zip(architecture.block_filters, pairwise(sizes), strict=True):
        pixels = prod(before), prod(after if architecture.stride == 1 else before)
        for inputs, outputs, area in ((channels, first, pixels[0]), (first, second, pixels[1])):
            flops.append(2 * area * architecture.kernel**2 * inputs * outputs)
        channels = second
    if architecture.dense_units:
        flops.append(2 * prod(sizes[-1]) * channels * architecture.dense_units)
    flops.append(2 * (architecture.dense_units or channels) * classes)
    return flops


def training_flops(architecture: Architecture, image_shape: tuple[int, int], classes: int) -> int:
    """Floating-point operations of a training step for one image: forward, and the gradients to weights and inputs.

    Each of the three takes a layer's forward operations; the first layer needs no gradient to its input.
    """
    forward = forward_flops(architecture, image_shape, classes)
    return 3 * sum(forward) - forward[0]


def parameter_count(architecture: Architecture, image_shape: tuple[int, int], classes: int) -> int:
    """The numbers of its model, as Keras's `count_params` has them, without building it.

    Normalization has four a channel (two that are trained, two averages) in the place of a bias.
    """
    per_channel = 4 if architecture.normalization == "batch" else 1
    count, channels = 0, 1
    for first, second in architecture.block_filters:
        for inputs, outputs in ((channels, first), (first, second)):
            count += (architecture.kernel**2 * inputs + per_channel) * outputs
        channels = second
    features = channels
    if architecture.dense_units:
        count += (prod(architecture.image_sizes(*image_shape)[-1]) * channels + 1) * architecture.dense_units
        features = architecture.dense_units
    return count + (features + 1) * classes
