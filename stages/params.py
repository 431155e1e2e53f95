"""Read and check params.yaml. `python -m stages.params` only checks it, before names become part of commands."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from stages.common import (
    DATA,
    METRICS,
    PLOTS,
    InputError,
    problems,
    read_text,
    read_yaml,
    reported_in_one_line,
)
from stages.training.architecture import (
    NAME,
    OVERRIDES,
    Architecture,
    Blocks,
    CustomArchitecture,
    Filters,
    Section,
    Seed,
    Train,
    filters_rule,
    no_repeats,
    refusal,
)

PARAMS_FILE = Path("params.yaml")

Family = Literal["width", "depth", "custom"]
FAMILIES: tuple[Family, ...] = get_args(Family)
BASELINES = FAMILIES[:2]  # their sections describe the baselines
DEPTH_PREFIX = "depth-"


def _free_name(name: str) -> str:
    if name in FAMILIES or name.startswith(DEPTH_PREFIX):
        raise ValueError(f"a name other than {', '.join(FAMILIES)} and {DEPTH_PREFIX}N, which are taken")
    return name


def _inside_project(source: str) -> str:
    real, project = Path(os.path.realpath(source)), Path.cwd()  # Path.resolve raises on a symlink that leads to itself
    outputs = [project / folder for folder in (DATA, METRICS, PLOTS)]
    if Path(source).is_absolute() or project not in real.parents or any(map(real.is_relative_to, outputs)):
        raise ValueError("the path of a folder inside the project, outside data/, metrics/ and plots/")
    return source


StudyName = Annotated[str, Field(pattern=NAME), AfterValidator(_free_name)]


class Data(Section):
    source: Annotated[str, AfterValidator(_inside_project)]
    validation: Annotated[int, Field(ge=0, le=2**32 - 1)]  # the most images of an IDX file
    seed: Seed


class Study(Section):
    width: dict[StudyName, Filters]
    depth: Annotated[list[Blocks], AfterValidator(no_repeats)]
    custom: dict[StudyName, CustomArchitecture] = Field({})


FLOATS = ("dropout", "learning_rate", "ema_momentum")
NUMBERS = ("filters", "blocks", "dense_units", *FLOATS)  # keys that can have a range
Number = TypeVar("Number", bound=float)


class Range(Section, Generic[Number]):
    """Numbers from `low` to `high`, inclusive, in steps of `step` if there is one."""

    low: Number
    high: Number
    step: Annotated[Number, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.low > self.high or (self.step and round((self.high - self.low) / self.step, 6) % 1):
            raise ValueError("high at or above low, by a whole number of steps")
        return self


Choice = Any  # a list of choices, a Range, or a list of Ranges; a default is one choice


class Space(Section):
    """Choices or a range per key of an architecture; a missing key has the notebook's value."""

    filters: Choice  # of every convolution; or one range per block, the last for all further blocks
    blocks: Choice
    kernel_size: Choice = Field([5])
    pooling: Choice
    pool_stride: Choice = Field([1])
    head: Choice = Field(["dense"])
    dense_units: Choice = None  # of architectures whose head is dense
    activation: Choice
    normalization: Choice = Field(["none"])
    dropout: Choice = Field([0])
    learning_rate: Choice = None  # None: that of `train`
    ema_momentum: Choice = Field([0])

    @field_validator("*")
    @classmethod
    def _values_fit_key(cls, choice: Any, info: ValidationInfo) -> Any:
        key = str(info.field_name)
        field = CustomArchitecture.model_fields[key]
        one: Any = Annotated[(field.annotation, Field(), *field.metadata)]
        if key in ("filters", "dense_units", *OVERRIDES):  # the type of one number, without list or null
            one = get_args(field.annotation)[0]
        form: Any = Annotated[list[one], Field(min_length=1), AfterValidator(no_repeats)]
        if key in NUMBERS and isinstance(choice, dict):
            form = Range[one]
        elif key == "filters" and choice and isinstance(choice, list) and isinstance(choice[0], dict):
            form = list[Range[one]]
        return TypeAdapter(form).validate_python(choice, strict=True)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.dense_units is None and "dense" in self.head:
            raise ValueError("dense_units, as the head may be dense")
        return self


MOST = 100_000
Count = Annotated[int, Field(ge=1, le=MOST)]
Limit = Annotated[int, Field(ge=1, le=2**53)]  # integers up to 2**53 are exact floats


class Search(Section):
    trials: Count
    trials_per_round: Count  # proposed together, for any number of workers
    rungs: Annotated[list[Count], Field(min_length=1)]  # epochs of each rung
    reduction_factor: Annotated[float, Field(ge=1, le=MOST)]  # one of so many trials continues to the next rung
    seed: Seed
    sampler: Literal["tpe", "random"]
    max_training_flops: Limit  # per image and training step
    budgets: Annotated[dict[StudyName, Limit], Field(min_length=1)]  # of parameters
    space: Space

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trials % self.trials_per_round:
            raise refusal(("trials",), self.trials, f"a multiple of trials_per_round, {self.trials_per_round}")
        if self.rungs != sorted(set(self.rungs)):
            raise refusal(("rungs",), self.rungs, "ascending numbers")
        return self


class StudyArchitecture(NamedTuple):
    """An architecture of the study with its names."""

    name: str  # data/models/NAME
    family: Family
    key: str  # the name within the family, as in metrics/study.json
    architecture: Architecture
    overrides: Mapping[str, float] = {}  # settings that replace those of `train`

    @property
    def is_baseline(self) -> bool:
        return self.name == self.family

    @property
    def label(self) -> str:
        """Return its name in charts: the value that its family varies, or the name of a custom architecture."""
        if self.family == "custom":
            return self.key
        filters, blocks = self.architecture.filters, self.architecture.blocks
        if self.family == "depth":
            return f"{blocks} block{'s' if blocks > 1 else ''}"
        pairs = [f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True)]
        return f"({' / '.join(pairs)})"

    def check_fits(self, image_shape: tuple[int, int, int]) -> None:
        """Raise InputError if images of this shape are too small for the blocks."""
        height, width, _ = image_shape
        most = self.architecture.most_blocks(height, width)
        if self.architecture.blocks > most:
            raise InputError(
                f"{PARAMS_FILE}: {self.name}: expected at most {most} blocks for images of {height}x{width} pixels, "
                f"got {self.architecture.blocks}. Use fewer blocks or larger images."
            )


class Params(Section):
    data: Data
    train: Train
    width: Architecture
    depth: Architecture
    study: Study
    search: Search | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.study.depth and len(self.depth.filters) > 2:
            raise refusal(("depth", "filters"), self.depth.filters, "two numbers, as study.depth varies the blocks")
        for key, filters in self.study.width.items():
            if len(filters) not in (2, 2 * self.width.blocks):
                raise refusal(("study", "width", key), filters, filters_rule(self.width.blocks))
        for key, custom in self.study.custom.items():
            if key in self.study.width:
                raise refusal(("study", "custom", key), custom.filters, "a name that study.width does not have")
        names: dict[str, str] = {}
        for one in self.study_architectures():
            if (known := names.setdefault(f"{one.family} {self.network(one)}", one.key)) != one.key:
                rule = f"an architecture other than study.{one.family}.{known}"
                raise refusal(("study", one.family, one.key), one.architecture.filters, rule)
        return self

    def settings(self, one: StudyArchitecture) -> Train:
        """Return the training settings of an architecture."""
        return self.train.with_overrides(one.overrides)

    def network(self, one: StudyArchitecture) -> str:
        """Return a text that two architectures share if they are one network, trained with one set of settings."""
        return f"{one.architecture!r} {self.settings(one)!r}"

    def baselines(self) -> list[StudyArchitecture]:
        """Return the baselines of the families of BASELINES."""
        return [StudyArchitecture(family, family, family, getattr(self, family)) for family in BASELINES]

    def architectures(self) -> list[StudyArchitecture]:
        """Return the baselines, then the study's architectures."""
        return [*self.baselines(), *self.study_architectures()]

    def check_fits(self, image_shape: tuple[int, int, int]) -> None:
        """Raise InputError if images of this shape are too small for an architecture."""
        for one in self.architectures():
            one.check_fits(image_shape)

    def study_architectures(self) -> list[StudyArchitecture]:
        """Return the study's architectures in the order of params.yaml."""
        width, depth, custom = self.study.width.items(), self.study.depth, self.study.custom.items()
        return [
            *(StudyArchitecture(key, "width", key, _with(self.width, filters=filters)) for key, filters in width),
            *(StudyArchitecture(f"{DEPTH_PREFIX}{n}", "depth", str(n), _with(self.depth, blocks=n)) for n in depth),
            *(StudyArchitecture(key, "custom", key, one.architecture, one.overrides) for key, one in custom),
        ]


def _with(architecture: Architecture, **changes: Any) -> Architecture:
    return Architecture.model_validate(architecture.model_dump() | changes)


def load_params() -> Params:
    """Read and check params.yaml. Raises InputError if it does not follow the schema, OSError."""
    return read_params(read_text(PARAMS_FILE))


def read_params(text: str) -> Params:
    """Read and check the text of a params.yaml of any revision. Raises InputError as `load_params` does."""
    try:
        return Params.model_validate(read_yaml(text, str(PARAMS_FILE)))
    except ValidationError as error:
        raise InputError(f"{PARAMS_FILE}: {problems(error)}") from None


if __name__ == "__main__":
    with reported_in_one_line("params"):
        load_params()
