"""What a search draws from: of every key of an architecture choices or a range, and of filters also one a block."""

from typing import Annotated, Any, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from stages.network.architecture import Kernels, Section
from stages.training.settings import FoundArchitecture, LearningRate, Momentum

FLOATS = ("dropout", "learning_rate", "average")
NUMBERS = ("filters", "blocks", "dense_units", *FLOATS)  # only these can have a range
OTHER_TYPES: dict[str, Any] = {
    "filters": Kernels,  # of one convolution
    "dense_units": Annotated[int, Field(ge=1, le=65536)],  # of a head that has them
    "learning_rate": LearningRate,  # left out, or said
    "average": Momentum,  # always said
}


class Range(Section):
    """Numbers from `low` to `high`, both among them, `step` apart; without it all of them."""

    low: int | float
    high: int | float
    step: Annotated[int | float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.low > self.high:
            raise ValueError("low is at most high")
        if self.step and round((self.high - self.low) / self.step, 6) % 1:
            raise ValueError("high is a whole number of steps above low")
        return self


def _form(value: Any) -> str:
    if isinstance(value, list):
        return "[ranges]" if any(isinstance(one, dict | Range) for one in value) else "[choices]"
    return "[range]" if isinstance(value, dict | Range) else "[choices]"


Choice = Annotated[
    Annotated[list[Any], Field(min_length=1), Tag("[choices]")]
    | Annotated[Range, Tag("[range]")]
    | Annotated[list[Range], Tag("[ranges]")],
    Discriminator(_form),
]


def _only(value: Any) -> Any:
    return Field(default_factory=lambda: [value])


class Space(Section):
    """A key that is left out has its value of the notebook's architecture."""

    filters: Choice  # of every convolution, each its own; ranges are of the blocks in order, the last of all others
    blocks: Choice
    kernel: Choice = _only(5)
    pooling: Choice
    stride: Choice = _only(1)
    head: Choice = _only("dense")
    dense_units: Choice | None = None  # of architectures whose head is dense
    activation: Choice
    normalization: Choice = _only("none")
    dropout: Choice = _only(0)
    learning_rate: Choice | None = None  # left out: as `train` says
    average: Choice = _only(0)  # of `train`

    @field_validator("*")
    @classmethod
    def _of_values_that_the_key_may_hold(cls, choice: Any, info: ValidationInfo) -> Any:
        key = str(info.field_name)
        parts = choice if isinstance(choice, list) else [choice]
        ranges = [part for part in parts if isinstance(part, Range)]
        values: list[Any] = [end for one in ranges for end in (one.low, one.high)]
        if ranges:
            if key not in NUMBERS:
                raise ValueError("a list of choices")
            if isinstance(choice, list) and key != "filters":
                raise ValueError("a list of choices, or one range")
            numbers = [*values, *(one.step for one in ranges if one.step)]
            if key not in FLOATS and any(type(number) is not int for number in numbers):
                raise ValueError("low, high and step are whole numbers")
        elif choice is not None:
            values = choice
            if any(value in values[:place] for place, value in enumerate(values)):
                raise ValueError("each choice once")
        try:
            for value in values:
                _type_of(key).validate_python(value, strict=True)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return choice

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.dense_units is None and "dense" in self.head:
            raise ValueError("dense_units, as the head may be dense")
        return self


def _type_of(key: str) -> TypeAdapter[Any]:
    field = FoundArchitecture.model_fields[key]
    kind: Any = OTHER_TYPES.get(key) or Annotated[(field.annotation, Field(), *field.metadata)]
    return TypeAdapter(kind)
