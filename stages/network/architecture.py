"""What an architecture is: its parameters, whether it fits an image, and its Keras model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

if TYPE_CHECKING:
    import keras

MOST_BLOCKS = 64
POOL = 3  # pixels a side, of the pooling at stride 1
HALVING = 2  # pixels a side, of the pooling at stride 2


class Section(BaseModel):
    """A part of `params.yaml`: no unknown key, no silent conversion (2.0, "2" and true are not 2)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _one_of(*allowed: int) -> AfterValidator:
    def check(value: int) -> int:
        if value not in allowed:
            raise ValueError(f"input should be {' or '.join(map(str, allowed))}")
        return value

    return AfterValidator(check)


Kernels = Annotated[int, Field(ge=1, le=1024)]
Filters = Annotated[list[Kernels], Field(min_length=2, max_length=2 * MOST_BLOCKS)]
Blocks = Annotated[int, Field(ge=1, le=MOST_BLOCKS)]


def filters_rule(blocks: int) -> str:
    """How many numbers of kernels there may be."""
    return f"two numbers, or {2 * blocks}: two for each of {blocks} blocks" if blocks > 1 else "two numbers"


def refusal(key: tuple[str, ...], value: Any, rule: str) -> ValidationError:
    """To be raised where what a key may hold depends on another key."""
    error = PydanticCustomError("of_another_key", "{rule}", {"rule": rule})
    return ValidationError.from_exception_data("params", [InitErrorDetails(type=error, loc=key, input=value)])


class Architecture(Section):
    """A small CNN: `blocks` times two convolutions and a pooling, then a head that gives the class probabilities.

    The defaults are the architecture of the notebook; a key that has its default names nothing, neither in what a
    training writes nor in what tells trainings apart.
    """

    filters: Filters  # kernels of both convolutions of every block; or two numbers a block, if blocks differ
    blocks: Blocks
    kernel: Annotated[int, _one_of(3, 5)] = 5  # pixels a side, of every convolution
    pooling: Literal["max", "average"]
    stride: Annotated[int, _one_of(1, 2)] = 1  # of the pooling; its place and the padding follow from it
    head: Literal["dense", "average"] = "dense"  # a hidden layer, or the mean of every channel
    dense_units: Annotated[int, Field(ge=1, le=65536)] | None = Field(default=None, validate_default=True)
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"]
    normalization: Literal["none", "batch"] = "none"  # between a convolution and its activation
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # the share that is left out

    @field_validator("dense_units")
    @classmethod
    def _as_the_head_has_it(cls, units: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("head") == "average" and units is not None:
            raise ValueError("null, as a head of kind average has no hidden layer")
        if info.data.get("head") == "dense" and units is None:
            raise PydanticCustomError("missing", "a head of kind dense has a hidden layer")
        return units

    @model_validator(mode="after")
    def _in_one_form(self) -> Self:
        """Blocks that do not differ are two numbers, so that one architecture has one form."""
        if len(self.filters) not in (2, 2 * self.blocks):
            raise refusal(("filters",), self.filters, filters_rule(self.blocks))
        if self.filters == self.filters[:2] * self.blocks:
            object.__setattr__(self, "filters", self.filters[:2])  # it is frozen from here on
        return self

    @property
    def block_filters(self) -> list[tuple[int, int]]:
        """The kernels of the first and of the second convolution of every block."""
        every = self.filters if len(self.filters) > 2 else self.filters * self.blocks
        return list(zip(every[::2], every[1::2], strict=True))

    @property
    def block_shrinks(self) -> int:
        """Pixels a side that a block of stride 1 takes off: the pooling, then the second convolution."""
        return (POOL - 1) + (self.kernel - 1)

    def image_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The image's size in pixels before the first block and after each one; a size below 1 does not fit.

        The mean of a head of kind average is taken of the last of them.
        """
        return [(self._side(height, k), self._side(width, k)) for k in range(self.blocks + 1)]

    def _side(self, side: int, blocks: int) -> int:
        if self.stride == 1:
            return side - blocks * self.block_shrinks
        return side >> sum(self.pooled(block) for block in range(1, blocks + 1))

    def pooled(self, block: int) -> bool:
        """Whether pooling follows the block: at stride 2, but where the mean of the whole image takes its place."""
        return self.stride == 2 and not (self.head == "average" and block == self.blocks)

    def most_blocks(self, height: int, width: int) -> int:
        """So many blocks fit an image of that size in pixels."""
        deeper = (self.model_copy(update={"blocks": blocks}) for blocks in range(1, MOST_BLOCKS + 1))
        return sum(min(architecture.image_sizes(height, width)[-1]) >= 1 for architecture in deeper)

    @property
    def whole_batches(self) -> bool:
        """Whether layers need all images of a batch at once: threads share operations then, rather than images."""
        return self.normalization == "batch"

    @property
    def layer_names(self) -> list[str]:
        """The convolutions and dense layers, in order, as `build_model` names them."""
        blocks = [f"block{block}_conv{number}" for block in range(1, self.blocks + 1) for number in (1, 2)]
        return [*blocks, *(["hidden"] if self.head == "dense" else []), "probabilities"]


def model_input(images: Any) -> Any:
    """Images uint8 `[N, H, W]` as a model takes them: float32 `[N, H, W, 1]` in [-1, 1]."""
    from stages.network.backend import tf

    return (tf.cast(images, tf.float32) / 127.5 - 1.0)[..., tf.newaxis]


def build_model(
    architecture: Architecture,
    image_shape: tuple[int, int],
    classes: int,
    fast_threads: int | None = None,
    seed: int = 0,
) -> keras.Model:
    """The architecture in stock Keras layers, or in the fast ones on so many threads; its weights are drawn anew.

    Takes images `[N, H, W, 1]` scaled to [-1, 1] and gives class probabilities `[N, classes]`. Kernels are
    Glorot-uniform (Glorot and Bengio, 2010, eq. 16), biases zero. Batch normalization is Ioffe and Szegedy's (2015),
    dropout Srivastava's et al. (2014), whose masks in the fast layers follow from `seed` and step; global average
    pooling is Lin's et al. (2013). Layers are named here rather than counted by Keras, so that the same model has the
    same bytes whatever was built before it.
    """
    import keras  # here, so that stages which only read parameters do not wait for TensorFlow

    layers = kinds = keras.layers
    if fast_threads:
        from stages.network import fast as kinds
    pooling = {"max": kinds.MaxPooling2D, "average": kinds.AveragePooling2D}[architecture.pooling]
    stack = [keras.Input((*image_shape, 1), name="image")]

    def convolve(filters: int, padding: str, name: str) -> None:
        kernel, activation = architecture.kernel, architecture.activation
        if architecture.normalization == "batch":
            stack.append(kinds.Conv2D(filters, kernel, padding=padding, use_bias=False, name=name))
            stack.append(kinds.BatchNormalization(name=f"{name}_normalization"))
            stack.append(layers.Activation(activation, name=f"{name}_activation"))
        else:
            stack.append(kinds.Conv2D(filters, kernel, padding=padding, activation=activation, name=name))

    def drop_out(name: str) -> None:
        if architecture.dropout:
            stack.append(kinds.Dropout(architecture.dropout, name=name))

    for block, (first, second) in enumerate(architecture.block_filters, start=1):
        convolve(first, "same", f"block{block}_conv1")
        if architecture.stride == 1:
            stack.append(pooling(POOL, strides=1, padding="valid", name=f"block{block}_pooling"))
        convolve(second, "valid" if architecture.stride == 1 else "same", f"block{block}_conv2")
        if architecture.pooled(block):
            stack.append(pooling(HALVING, strides=HALVING, padding="valid", name=f"block{block}_pooling"))
        if architecture.head == "average" and block == architecture.blocks:
            stack.append(layers.GlobalAveragePooling2D(name="average"))
        drop_out(f"block{block}_dropout")
    if architecture.head == "dense":
        stack.append(layers.Flatten(name="flatten"))
        stack.append(layers.Dense(architecture.dense_units, activation=architecture.activation, name="hidden"))
        drop_out("hidden_dropout")
    stack.append(layers.Dense(classes, activation="softmax", name="probabilities"))
    if fast_threads:
        return kinds.ShardedSequential(stack, 1 if architecture.whole_batches else fast_threads, seed, name="cnn")
    return keras.Sequential(stack, name="cnn")
