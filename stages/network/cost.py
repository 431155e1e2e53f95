"""What an architecture costs: the arithmetic of its convolutions and dense layers."""

from itertools import pairwise

from stages.network.architecture import KERNEL, Architecture


def forward_flops(architecture: Architecture, image_shape: tuple[int, int], classes: int) -> list[int]:
    """Floating-point operations for one image, a number a layer with weights, in order.

    A multiplication and an addition count as two. Pooling, biases and activations, some per cent of it, are left out.
    """
    flops, channels = [], 1
    first, second = architecture.filters
    sizes = architecture.image_sizes(*image_shape)
    for (height, width), (next_height, next_width) in pairwise(sizes):
        flops.append(2 * height * width * KERNEL**2 * channels * first)
        flops.append(2 * next_height * next_width * KERNEL**2 * first * second)
        channels = second
    height, width = sizes[-1]
    flops.append(2 * height * width * channels * architecture.dense_units)
    flops.append(2 * architecture.dense_units * classes)
    return flops


def training_flops(architecture: Architecture, image_shape: tuple[int, int], classes: int) -> int:
    """Floating-point operations of a training step for one image: forward, and the gradients to weights and inputs.

    Each of the three takes a layer's forward operations; the first layer needs no gradient to its input.
    """
    forward = forward_flops(architecture, image_shape, classes)
    return 3 * sum(forward) - forward[0]
