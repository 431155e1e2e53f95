"""What an architecture is: its parameters, whether it fits an image, and its Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import keras

KERNEL = 5  # pixels a side, both convolutions
POOL = 3  # pixels a side, at stride 1
BLOCK_SHRINKS = (POOL - 1) + (KERNEL - 1)  # pixels a side: the pooling, then the second convolution

Filters = Annotated[list[Annotated[int, Field(ge=1, le=1024)]], Field(min_length=2, max_length=2)]
Blocks = Annotated[int, Field(ge=1, le=64)]


class Section(BaseModel):
    """A part of `params.yaml`: no unknown key, no silent conversion (2.0, "2" and true are not 2)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Architecture(Section):
    """One small CNN: `blocks` times (convolution, pooling, convolution), then a hidden Dense layer."""

    filters: Filters  # kernels of the first and of the second convolution of every block
    blocks: Blocks
    pooling: Literal["max", "average"]
    dense_units: Annotated[int, Field(ge=1, le=65536)]
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"]

    def image_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The image's size in pixels before the first block and after each one; a size below 1 does not fit."""
        return [(height - k * BLOCK_SHRINKS, width - k * BLOCK_SHRINKS) for k in range(self.blocks + 1)]

    def most_blocks(self, height: int, width: int) -> int:
        """So many blocks fit an image of that size in pixels."""
        return max((min(height, width) - 1) // BLOCK_SHRINKS, 0)

    @property
    def layer_names(self) -> list[str]:
        """The layers with weights, in order, as `build_model` names them."""
        blocks = [f"block{block}_conv{number}" for block in range(1, self.blocks + 1) for number in (1, 2)]
        return [*blocks, "hidden", "probabilities"]


def model_input(images: Any) -> Any:
    """Images uint8 `[N, H, W]` as a model takes them: float32 `[N, H, W, 1]` in [-1, 1]."""
    from stages.network.backend import tf

    return (tf.cast(images, tf.float32) / 127.5 - 1.0)[..., tf.newaxis]


def build_model(
    architecture: Architecture, image_shape: tuple[int, int], classes: int, fast_threads: int | None = None
) -> keras.Model:
    """The architecture in stock Keras layers, or in the fast ones on so many threads; its weights are drawn anew.

    Takes images `[N, H, W, 1]` scaled to [-1, 1] and gives class probabilities `[N, classes]`. Kernels are
    Glorot-uniform (Glorot and Bengio, 2010, eq. 16), biases zero. Layers are named here rather than counted by
    Keras, so that the same model has the same bytes whatever was built before it.
    """
    import keras  # here, so that stages which only read parameters do not wait for TensorFlow

    layers = keras.layers
    convolutional = layers
    if fast_threads:
        from stages.network import fast as convolutional
    pooling = {"max": convolutional.MaxPooling2D, "average": convolutional.AveragePooling2D}[architecture.pooling]
    first, second = architecture.filters
    activation = architecture.activation

    stack = [keras.Input((*image_shape, 1), name="image")]
    for block in range(1, architecture.blocks + 1):
        stack += [
            convolutional.Conv2D(first, KERNEL, padding="same", activation=activation, name=f"block{block}_conv1"),
            pooling(POOL, strides=1, padding="valid", name=f"block{block}_pooling"),
            convolutional.Conv2D(second, KERNEL, padding="valid", activation=activation, name=f"block{block}_conv2"),
        ]
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(architecture.dense_units, activation=activation, name="hidden"),
        layers.Dense(classes, activation="softmax", name="probabilities"),
    ]
    if fast_threads:
        return convolutional.ShardedSequential(stack, fast_threads, name="cnn")
    return keras.Sequential(stack, name="cnn")
