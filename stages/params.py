"""params.yaml, read and checked. `python -m stages.params` does only that, before a command is made from it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from stages.common import (
    DATASET_FILE,
    METRICS,
    MODELS,
    PLOTS,
    RAW,
    InputError,
    problems,
    read_yaml,
    reported_in_one_line,
)
from stages.training.architecture import (
    NAME,
    Architecture,
    Blocks,
    CustomArchitecture,
    FilterCount,
    Filters,
    LearningRate,
    Momentum,
    Section,
    Seed,
    Train,
    filters_rule,
    no_repeats,
    refusal,
)

PARAMS_FILE = Path("params.yaml")

Family = Literal["width", "depth", "custom"]
BASELINES: tuple[Family, ...] = (
    "width",
    "depth",
)  # have a section each, which is their pick and what they have in common
FAMILIES: tuple[Family, ...] = (*BASELINES, "custom")

DEPTH_PREFIX = "depth-"


def depth_name(blocks: int) -> str:
    """The name under which the study's architecture of so many blocks is stored."""
    return f"{DEPTH_PREFIX}{blocks}"


def _no_reserved_name(name: str) -> str:
    if name in FAMILIES or name.startswith(DEPTH_PREFIX):
        raise ValueError(f"a name other than {', '.join(FAMILIES)} and {DEPTH_PREFIX}N, which are taken")
    return name


def _inside_project(source: str) -> str:
    real, project = Path(os.path.realpath(source)), Path.cwd()  # Path.resolve raises on a symlink that leads to itself
    written = [project / place for place in (RAW, DATASET_FILE, MODELS, METRICS, PLOTS)]
    if Path(source).is_absolute() or not real.is_relative_to(project):
        raise ValueError("the path of a folder inside the project, from there")
    if any(real.is_relative_to(place) or place.is_relative_to(real) for place in written):
        raise ValueError("a folder that the pipeline does not write into")
    return source


StudyName = Annotated[str, StringConstraints(pattern=NAME), AfterValidator(_no_reserved_name)]


class Data(Section):
    source: Annotated[str, StringConstraints(min_length=1), AfterValidator(_inside_project)]
    validation: Annotated[int, Field(ge=0, le=2**32 - 1)]  # as many images as an IDX file can hold
    seed: Seed


class Study(Section):
    width: dict[StudyName, Filters]
    depth: Annotated[list[Blocks], AfterValidator(no_repeats)]
    custom: dict[StudyName, CustomArchitecture] = Field(default_factory=dict)  # each is complete


FLOATS = ("dropout", "learning_rate", "ema_momentum")
NUMBERS = ("filters", "blocks", "dense_units", *FLOATS)  # only these can have a range
OTHER_TYPES: dict[str, Any] = {
    "filters": FilterCount,  # of one convolution
    "dense_units": Annotated[int, Field(ge=1, le=65536)],  # of a head that has them
    "learning_rate": LearningRate,  # left out, or said
    "ema_momentum": Momentum,  # always said
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
    kernel_size: Choice = _only(5)
    pooling: Choice
    pool_stride: Choice = _only(1)
    head: Choice = _only("dense")
    dense_units: Choice | None = None  # of architectures whose head is dense
    activation: Choice
    normalization: Choice = _only("none")
    dropout: Choice = _only(0)
    learning_rate: Choice | None = None  # left out: as `train` says
    ema_momentum: Choice = _only(0)  # of `train`

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
    field = CustomArchitecture.model_fields[key]
    kind: Any = OTHER_TYPES.get(key) or Annotated[(field.annotation, Field(), *field.metadata)]
    return TypeAdapter(kind)


Epochs = Annotated[int, Field(ge=1, le=100_000)]


class Search(Section):
    trials: Annotated[int, Field(ge=1, le=100_000)]
    trials_per_round: Annotated[int, Field(ge=1, le=1000)]  # proposed at once, however many workers there are
    rungs: Annotated[list[Epochs], Field(min_length=1)]  # epochs of each rung; every trial reaches the first
    reduction_factor: Annotated[float, Field(ge=1)]  # the best 1/reduction_factor of a rung reach the next
    seed: Seed
    sampler: Literal["tpe", "random"]
    max_training_flops: Annotated[int, Field(ge=1)]  # per image and training step
    budgets: Annotated[
        dict[Annotated[str, StringConstraints(pattern=NAME)], Annotated[int, Field(ge=1)]],
        Field(min_length=1),
    ]  # parameters
    space: Space

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trials % self.trials_per_round:
            raise refusal(("trials",), self.trials, f"a multiple of trials_per_round, {self.trials_per_round}")
        if self.rungs != sorted(set(self.rungs)):
            raise refusal(("rungs",), self.rungs, "rungs, each of more epochs than the one before")
        return self


class StudyArchitecture(NamedTuple):
    """An architecture as the pipeline knows it: where it is stored, and as what it is reported."""

    name: str  # data/models/NAME
    family: Family
    key: str  # its name within the family, as metrics/study.json has it
    architecture: Architecture
    overrides: Mapping[str, float] = MappingProxyType({})  # what its training is told in the place of `train`'s

    @property
    def is_baseline(self) -> bool:
        return self.name == self.family

    @property
    def label(self) -> str:
        """What a picture calls it: what its family varies, or its name where that is everything."""
        if self.family == "custom":
            return self.key
        filters, blocks = self.architecture.filters, self.architecture.blocks
        if self.family == "width":
            pairs = [f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True)]
            return f"({' / '.join(pairs)})"
        return f"{blocks} block{'s' if blocks > 1 else ''}"

    def check_fits(self, image_shape: tuple[int, int, int]) -> None:
        """Raise InputError, with the sizes in pixels that the image goes through, where the blocks use it up."""
        architecture = self.architecture
        height, width, _ = image_shape
        sizes = architecture.image_sizes(height, width)
        if min(sizes[-1]) < 1:
            path = " -> ".join(f"{h}x{w}" for h, w in sizes if min(h, w) >= 1)
            takes = "halves" if architecture.pool_stride == 2 else f"takes {architecture.block_shrinks} pixels off"
            raise InputError(
                f"{PARAMS_FILE}: architecture {self.name} holds {architecture.blocks} blocks, may hold up to "
                f"{architecture.most_blocks(height, width)}: a block {takes} each side, "
                f"so the image goes {path} -> nothing left"
            )


class Params(Section):
    data: Data
    train: Train
    width: Architecture
    depth: Architecture
    study: Study
    search: Search | None = None

    @model_validator(mode="after")
    def _study_holds_architectures(self) -> Self:
        if self.study.depth and len(self.depth.filters) > 2:
            raise refusal(("depth", "filters"), self.depth.filters, "two numbers, as study.depth varies the blocks")
        for key, filters in self.study.width.items():
            if len(filters) not in (2, 2 * self.width.blocks):
                raise refusal(("study", "width", key), filters, filters_rule(self.width.blocks))
        self._check_names()
        self._check_repeats()
        return self

    def _check_names(self) -> None:
        for key, custom in self.study.custom.items():
            if key in self.study.width:
                raise refusal(("study", "custom", key), custom.filters, "a name that study.width does not hold")
        for name, parameters in (self.search.budgets if self.search else {}).items():
            if name in self.study.width or name in FAMILIES or name.startswith(DEPTH_PREFIX):
                raise refusal(("search", "budgets", name), parameters, "a name that study.custom may hold")

    def _check_repeats(self) -> None:
        """One architecture, trained alike, has one name within its family; a list of blocks sees to it itself."""
        names: dict[tuple[Any, ...], str] = {}
        for described in self.studied():
            family, key, architecture = described.family, described.key, described.architecture
            one = (family, architecture.model_dump_json(), self.settings(described).model_dump_json())
            if (known := names.setdefault(one, key)) != key:
                rule = f"an architecture that study.{family}.{known} is not"
                raise refusal(("study", family, key), architecture.filters, rule)

    def family(self, family: Family) -> Architecture:
        """The section of a family of BASELINES: the pick, and what the study's architectures have in common."""
        return self.width if family == "width" else self.depth

    def settings(self, described: StudyArchitecture) -> Train:
        """What its training is told."""
        return self.train.with_overrides(described.overrides)

    def baselines(self) -> list[StudyArchitecture]:
        """The two current architectures, one a family of BASELINES."""
        return [StudyArchitecture(family, family, family, self.family(family)) for family in BASELINES]

    def architectures(self) -> list[StudyArchitecture]:
        """All of them, the picks first."""
        return [*self.baselines(), *self.studied()]

    def studied(self) -> list[StudyArchitecture]:
        """The study's architectures, in the order of params.yaml."""
        width = [
            StudyArchitecture(key, "width", key, changed(self.width, "filters", filters))
            for key, filters in self.study.width.items()
        ]
        depth = [
            StudyArchitecture(depth_name(blocks), "depth", str(blocks), changed(self.depth, "blocks", blocks))
            for blocks in self.study.depth
        ]
        custom = [
            StudyArchitecture(key, "custom", key, custom.architecture, custom.overrides)
            for key, custom in self.study.custom.items()
        ]
        return [*width, *depth, *custom]


def changed(architecture: Architecture, key: str, value: Any) -> Architecture:
    """It with another value of one key, in its one form."""
    return Architecture.model_validate(architecture.model_dump() | {key: value})


def load_params() -> Params:
    """Read and check the whole file. Raises InputError, one line, for anything that is not as the schema says."""
    try:
        text = PARAMS_FILE.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{PARAMS_FILE}: not readable as YAML: not UTF-8, {error.reason}") from None
    return read_params(text)


def read_params(text: str) -> Params:
    """What a params.yaml of this text says, of any revision. Raises InputError as `load_params` does."""
    try:
        return Params.model_validate(read_yaml(text, str(PARAMS_FILE)))
    except ValidationError as error:
        raise InputError(f"{PARAMS_FILE}: {problems(error)}") from None


if __name__ == "__main__":
    with reported_in_one_line("params"):
        load_params()
