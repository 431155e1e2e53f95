"""Training and inference FLOPs of an architecture, and its number of parameters."""

from itertools import pairwise
from math import prod

from stages.training.architecture import Architecture


def forward_flops(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> list[int]:
    """Return the FLOPs per image of every convolution and dense layer, in order; `image_shape` is (H, W, C).

    A multiplication and an addition count as two. Pooling, biases, normalization, dropout and activations, a few
    percent of the total, are left out.
    """
    height, width, channels = image_shape
    flops = []
    sizes = architecture.image_sizes(height, width)
    for (first, second), (before, after) in zip(architecture.block_filters, pairwise(sizes), strict=True):
        pixels = prod(before), prod(after if architecture.pool_stride == 1 else before)
        for inputs, outputs, area in ((channels, first, pixels[0]), (first, second, pixels[1])):
            flops.append(2 * area * architecture.kernel_size**2 * inputs * outputs)
        channels = second
    if architecture.dense_units:
        flops.append(2 * prod(sizes[-1]) * channels * architecture.dense_units)
    flops.append(2 * (architecture.dense_units or channels) * classes)
    return flops


def training_flops(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> int:
    """Return the FLOPs per image of a training step: forward, and the gradients to weights and inputs.

    Each of the three takes a layer's forward FLOPs; the first layer needs no gradient to its input.
    """
    forward = forward_flops(architecture, image_shape, classes)
    return 3 * sum(forward) - forward[0]


def parameter_count(architecture: Architecture, image_shape: tuple[int, int, int], classes: int) -> int:
    """Return the number of parameters that Keras's `count_params` returns, without building the model.

    Batch normalization has four per channel (two trained, two moving statistics) instead of a bias.
    """
    height, width, channels = image_shape
    per_channel = 4 if architecture.normalization == "batch" else 1
    count = 0
    for first, second in architecture.block_filters:
        for inputs, outputs in ((channels, first), (first, second)):
            count += (architecture.kernel_size**2 * inputs + per_channel) * outputs
        channels = second
    features = channels
    if architecture.dense_units:
        count += (prod(architecture.image_sizes(height, width)[-1]) * channels + 1) * architecture.dense_units
        features = architecture.dense_units
    return count + (features + 1) * classes
