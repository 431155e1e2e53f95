"""The schemas of an architecture and of the section `train`, and the Keras model of an architecture."""

from __future__ import annotations

from collections.abc import Mapping
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
POOL = 3  # pixels per side of the pooling window at stride 1
HALVING = 2  # pixels per side of the pooling window at stride 2
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"  # of an architecture: it becomes a folder and a word of a command

# Every shard of a batch has a graph of its own, and all are built before the first step. On two busy cores, 64 shards
# took 40 s and 128 took 140 s; with 1,024 it hung and ignored SIGTERM.
MOST_THREADS = 64


class Section(BaseModel):
    """A part of `params.yaml`: no unknown key, no silent conversion (2.0, "2" and true are not 2)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _one_of(*allowed: int) -> AfterValidator:
    def check(value: int) -> int:
        if value not in allowed:
            raise ValueError(f"input should be {' or '.join(map(str, allowed))}")
        return value

    return AfterValidator(check)


def no_repeats(values: list[int]) -> list[int]:
    """Return the values. Raises ValueError if one repeats."""
    if len(set(values)) < len(values):
        raise ValueError("each value once")
    return values


FilterCount = Annotated[int, Field(ge=1, le=1024)]
Filters = Annotated[list[FilterCount], Field(min_length=2, max_length=2 * MOST_BLOCKS)]
Blocks = Annotated[int, Field(ge=1, le=MOST_BLOCKS)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]  # of the moving average of the weights; 0: no average
LearningRate = Annotated[float, Field(gt=0, le=2**53)]  # integers up to 2**53 are exact floats


def filters_rule(blocks: int) -> str:
    """Return how many filter counts `filters` needs, in words."""
    return f"two numbers, or {2 * blocks}: two for each of {blocks} blocks" if blocks > 1 else "two numbers"


def refusal(key: tuple[str, ...], value: Any, rule: str) -> ValidationError:
    """Build the validation error of a rule that spans two keys."""
    error = PydanticCustomError("of_another_key", "{rule}", {"rule": rule})
    return ValidationError.from_exception_data("params", [InitErrorDetails(type=error, loc=key, input=value)])


class Architecture(Section):
    """A small CNN: `blocks` times two convolutions and a pooling, then a head that returns class probabilities.

    The defaults are the notebook's architecture. A key at its default is left out of results.json and of the
    fingerprint, so a new key invalidates nothing.
    """

    filters: Filters  # of both convolutions, for all blocks; or two numbers per block if blocks differ
    blocks: Blocks
    kernel_size: Annotated[int, _one_of(3, 5)] = 5  # pixels per side, of every convolution
    pooling: Literal["max", "average"]
    pool_stride: Annotated[int, _one_of(1, 2)] = 1  # decides where the pooling stands and how convolutions are padded
    head: Literal["dense", "global_average"] = "dense"  # a hidden layer, or the mean of every channel
    dense_units: Annotated[int, Field(ge=1, le=65536)] | None = Field(default=None, validate_default=True)
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"]
    normalization: Literal["none", "batch"] = "none"  # between a convolution and its activation
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # fraction of units that is dropped

    @field_validator("dense_units")
    @classmethod
    def _units_fit_head(cls, units: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("head") == "global_average" and units is not None:
            raise ValueError("null, as a global_average head has no hidden layer")
        if info.data.get("head") == "dense" and units is None:
            raise PydanticCustomError("missing", "a dense head has a hidden layer")
        return units

    @model_validator(mode="after")
    def _normalize_filters(self) -> Self:
        """Shorten the filters of equal blocks to two numbers, so that one architecture has one form."""
        if len(self.filters) not in (2, 2 * self.blocks):
            raise refusal(("filters",), self.filters, filters_rule(self.blocks))
        if self.filters == self.filters[:2] * self.blocks:
            object.__setattr__(self, "filters", self.filters[:2])  # the model is frozen from here on
        return self

    @property
    def block_filters(self) -> list[tuple[int, int]]:
        """The filters of the first and of the second convolution of every block."""
        every = self.filters if len(self.filters) > 2 else self.filters * self.blocks
        return list(zip(every[::2], every[1::2], strict=True))

    @property
    def block_shrinks(self) -> int:
        """Pixels that a block with pooling stride 1 removes per dimension: the pooling, then the second convolution."""
        return (POOL - 1) + (self.kernel_size - 1)

    def image_sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return the image's size in pixels before the first block and after each one; below 1 it does not fit.

        A global_average head takes the mean of the last of these images.
        """
        return [(self._side(height, k), self._side(width, k)) for k in range(self.blocks + 1)]

    def _side(self, side: int, blocks: int) -> int:
        if self.pool_stride == 1:
            return side - blocks * self.block_shrinks
        return side >> sum(self.pooled(block) for block in range(1, blocks + 1))

    def pooled(self, block: int) -> bool:
        """Return whether pooling of stride 2 follows the block; global averaging replaces the last one."""
        return self.pool_stride == 2 and not (self.head == "global_average" and block == self.blocks)

    def most_blocks(self, height: int, width: int) -> int:
        """Return how many blocks fit an image of this size in pixels."""
        deeper = (self.model_copy(update={"blocks": blocks}) for blocks in range(1, MOST_BLOCKS + 1))
        return sum(min(architecture.image_sizes(height, width)[-1]) >= 1 for architecture in deeper)

    @property
    def whole_batches(self) -> bool:
        """Whether layers need all images of a batch at once, so that threads share operations instead of images."""
        return self.normalization == "batch"

    @property
    def layer_names(self) -> list[str]:
        """The convolutions and dense layers, in order, as `build_model` names them."""
        blocks = [f"block{block}_conv{number}" for block in range(1, self.blocks + 1) for number in (1, 2)]
        return [*blocks, *(["hidden"] if self.head == "dense" else []), "probabilities"]


OVERRIDES = ("learning_rate", "ema_momentum")  # keys of `train` that a custom architecture may set for itself


class CustomArchitecture(Architecture):
    """A complete architecture with the settings of its training that differ from `train`."""

    learning_rate: LearningRate | None = None
    ema_momentum: Momentum | None = None

    @property
    def architecture(self) -> Architecture:
        """The architecture without the settings of its training."""
        return Architecture.model_validate(self.model_dump(exclude=set(OVERRIDES)))

    @property
    def overrides(self) -> dict[str, float]:
        """The settings that replace those of `train`, by the keys of OVERRIDES."""
        return self.model_dump(include=set(OVERRIDES), exclude_none=True)


class Train(Section):
    """The section `train` of params.yaml."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: LearningRate
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)]
    ema_momentum: Momentum = 0.0
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(no_repeats)]

    def with_overrides(self, overrides: Mapping[str, float]) -> Train:
        """Return these settings with the overrides of an architecture."""
        return self.model_copy(update=dict(overrides))


def model_input(images: Any) -> Any:
    """Scale uint8 images `[N, H, W]` or `[N, H, W, C]` to a model's input: float32 `[N, H, W, C]` in [-1, 1]."""
    from stages.training.backend import tf

    scaled = tf.cast(images, tf.float32) / 127.5 - 1.0
    return scaled[..., tf.newaxis] if len(images.shape) == 3 else scaled


def build_model(
    architecture: Architecture,
    image_shape: tuple[int, int, int],
    classes: int,
    fast_threads: int | None = None,
    seed: int = 0,
) -> keras.Model:
    """Build the architecture with new weights, in stock Keras layers or in the fast ones on `fast_threads` threads.

    The model maps images `[N, H, W, C]` in [-1, 1] to class probabilities `[N, classes]`; `image_shape` is (H, W, C).
    Kernels are Glorot-uniform (Glorot and Bengio, 2010, eq. 16), biases zero. Batch normalization is from Ioffe and
    Szegedy (2015), dropout from Srivastava et al. (2014), global average pooling from Lin et al. (2013). The dropout
    masks of the fast layers follow from `seed` and step. Layers are named here because names that Keras counts would
    make a model's bytes depend on the models built before it.
    """
    import keras  # here, so that stages that only read parameters do not load TensorFlow

    layers = kinds = keras.layers
    if fast_threads:
        from stages.training import fast as kinds
    pooling = {"max": kinds.MaxPooling2D, "average": kinds.AveragePooling2D}[architecture.pooling]
    stack = [keras.Input(image_shape, name="image")]

    def convolve(filters: int, padding: str, name: str) -> None:
        size, activation = architecture.kernel_size, architecture.activation
        if architecture.normalization == "batch":
            stack.append(kinds.Conv2D(filters, size, padding=padding, use_bias=False, name=name))
            stack.append(kinds.BatchNormalization(name=f"{name}_normalization"))
            stack.append(layers.Activation(activation, name=f"{name}_activation"))
        else:
            stack.append(kinds.Conv2D(filters, size, padding=padding, activation=activation, name=name))

    def drop_out(name: str) -> None:
        if architecture.dropout:
            stack.append(kinds.Dropout(architecture.dropout, name=name))

    for block, (first, second) in enumerate(architecture.block_filters, start=1):
        convolve(first, "same", f"block{block}_conv1")
        if architecture.pool_stride == 1:
            stack.append(pooling(POOL, strides=1, padding="valid", name=f"block{block}_pooling"))
        convolve(second, "valid" if architecture.pool_stride == 1 else "same", f"block{block}_conv2")
        if architecture.pooled(block):
            stack.append(pooling(HALVING, strides=HALVING, padding="valid", name=f"block{block}_pooling"))
        if architecture.head == "global_average" and block == architecture.blocks:
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
