"""params.yaml, read and checked. `python -m stages.params` does only that, before a stage makes a command from it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PositiveInt,
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
    Section,
    Seed,
    Train,
    filters_rule,
    no_repeats,
    refusal,
)

PARAMS_FILE = Path("params.yaml")

Family = Literal["width", "depth", "custom"]
BASELINES: tuple[Family, ...] = ("width", "depth")  # each has a section with its baseline
FAMILIES: tuple[Family, ...] = (*BASELINES, "custom")
DEPTH_PREFIX = "depth-"


def depth_name(blocks: int) -> str:
    """Return the name of the study's architecture with this number of blocks."""
    return f"{DEPTH_PREFIX}{blocks}"


def _no_reserved_name(name: str) -> str:
    if name in FAMILIES or name.startswith(DEPTH_PREFIX):
        raise ValueError(f"a name other than {', '.join(FAMILIES)} and {DEPTH_PREFIX}N, which are taken")
    return name


def _inside_project(source: str) -> str:
    real, project = Path(os.path.realpath(source)), Path.cwd()  # Path.resolve raises on a symlink that leads to itself
    written = [project / place for place in (RAW, DATASET_FILE, MODELS, METRICS, PLOTS)]
    if Path(source).is_absolute() or not real.is_relative_to(project):
        raise ValueError("the path of a folder inside the project, relative to it")
    if any(real.is_relative_to(place) or place.is_relative_to(real) for place in written):
        raise ValueError("a folder that the pipeline does not write to")
    return source


StudyName = Annotated[str, StringConstraints(pattern=NAME), AfterValidator(_no_reserved_name)]


class Data(Section):
    source: Annotated[str, StringConstraints(min_length=1), AfterValidator(_inside_project)]
    validation: Annotated[int, Field(ge=0, le=2**32 - 1)]  # an IDX file cannot have more images
    seed: Seed


class Study(Section):
    width: dict[StudyName, Filters]
    depth: Annotated[list[Blocks], AfterValidator(no_repeats)]
    custom: dict[StudyName, CustomArchitecture] = Field(default_factory=dict)


FLOATS = ("dropout", "learning_rate", "ema_momentum")
NUMBERS = ("filters", "blocks", "dense_units", *FLOATS)  # only these can have a range


class Range(Section):
    """Numbers from `low` to `high`, inclusive: all of them, or those that are `step` apart."""

    low: int | float
    high: int | float
    step: Annotated[int | float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.low > self.high:
            raise ValueError("low at most high")
        if self.step and round((self.high - self.low) / self.step, 6) % 1:
            raise ValueError("high a whole number of steps above low")
        return self


def _form(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    ranges = any(isinstance(part, dict | Range) for part in parts)
    return ("[ranges]" if isinstance(value, list) else "[range]") if ranges else "[choices]"


Choice = Annotated[
    Annotated[list[Any], Field(min_length=1), Tag("[choices]")]
    | Annotated[Range, Tag("[range]")]
    | Annotated[list[Range], Tag("[ranges]")],
    Discriminator(_form),
]


def _only(value: Any) -> Any:
    return Field(default_factory=lambda: [value])


class Space(Section):
    """Choices or a range per key of an architecture; a missing key has its value in the notebook's architecture."""

    filters: Choice  # of every convolution; in a list of ranges one per block, the last for all further blocks
    blocks: Choice
    kernel_size: Choice = _only(5)
    pooling: Choice
    pool_stride: Choice = _only(1)
    head: Choice = _only("dense")
    dense_units: Choice | None = None  # of architectures whose head is dense
    activation: Choice
    normalization: Choice = _only("none")
    dropout: Choice = _only(0)
    learning_rate: Choice | None = None  # None: that of `train`
    ema_momentum: Choice = _only(0)

    @field_validator("*")
    @classmethod
    def _values_fit_key(cls, choice: Any, info: ValidationInfo) -> Any:
        key = str(info.field_name)
        parts = choice if isinstance(choice, list) else [] if choice is None else [choice]
        ranges = [part for part in parts if isinstance(part, Range)]
        if ranges and key not in NUMBERS:
            raise ValueError("a list of choices")
        if ranges and isinstance(choice, list) and key != "filters":
            raise ValueError("a list of choices, or one range")
        if key not in FLOATS and any(type(value) is float for one in ranges for value in (one.low, one.high, one.step)):
            raise ValueError("whole numbers as low, high and step")
        if not ranges and any(value in parts[:place] for place, value in enumerate(parts)):
            raise ValueError("each choice once")
        if None in parts:
            raise ValueError("values other than null")
        field = CustomArchitecture.model_fields[key]
        kind: Any = FilterCount if key == "filters" else Annotated[(field.annotation, Field(), *field.metadata)]
        try:
            for value in [end for one in ranges for end in (one.low, one.high)] or parts:
                TypeAdapter(kind).validate_python(value, strict=True)
        except ValidationError as error:
            raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return choice

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.dense_units is None and "dense" in self.head:
            raise ValueError("dense_units, as the head may be dense")
        return self


class Search(Section):
    trials: Annotated[int, Field(ge=1, le=100_000)]
    trials_per_round: Annotated[int, Field(ge=1, le=1000)]  # proposed together, however many workers there are
    rungs: Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=1)]  # epochs of each rung
    reduction_factor: Annotated[float, Field(ge=1)]  # 1/reduction_factor of a round continue from a rung to the next
    seed: Seed
    sampler: Literal["tpe", "random"]
    max_training_flops: PositiveInt  # per image and training step
    budgets: Annotated[dict[Annotated[str, StringConstraints(pattern=NAME)], PositiveInt], Field(min_length=1)]
    space: Space

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trials % self.trials_per_round:
            raise refusal(("trials",), self.trials, f"a multiple of trials_per_round, {self.trials_per_round}")
        if self.rungs != sorted(set(self.rungs)):
            raise refusal(("rungs",), self.rungs, "numbers that ascend")
        return self


class StudyArchitecture(NamedTuple):
    """An architecture of the study with its names."""

    name: str  # data/models/NAME
    family: Family
    key: str  # the name within the family, as in metrics/study.json
    architecture: Architecture
    overrides: Mapping[str, float] = MappingProxyType({})  # settings that replace those of `train`

    @property
    def is_baseline(self) -> bool:
        return self.name == self.family

    @property
    def label(self) -> str:
        """Return what charts call it: the value that its family varies, or the name of a custom architecture."""
        if self.family == "custom":
            return self.key
        filters, blocks = self.architecture.filters, self.architecture.blocks
        if self.family == "width":
            pairs = [f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True)]
            return f"({' / '.join(pairs)})"
        return f"{blocks} block{'s' if blocks > 1 else ''}"

    def check_fits(self, image_shape: tuple[int, int, int]) -> None:
        """Raise InputError, with the sizes in pixels after each block, if the blocks leave nothing of the image."""
        architecture = self.architecture
        height, width, _ = image_shape
        sizes = architecture.image_sizes(height, width)
        if min(sizes[-1]) < 1:
            path = " -> ".join(f"{h}x{w}" for h, w in sizes if min(h, w) >= 1)
            effect = "halves" if architecture.pool_stride == 2 else f"takes {architecture.block_shrinks} pixels off"
            raise InputError(
                f"{PARAMS_FILE}: {self.name}: expected at most {architecture.most_blocks(height, width)} blocks, got "
                f"{architecture.blocks}: a block {effect} each side, so the image goes {path} -> nothing left"
            )


class Params(Section):
    data: Data
    train: Train
    width: Architecture
    depth: Architecture
    study: Study
    search: Search | None = None

    @model_validator(mode="after")
    def _filters_fit_blocks(self) -> Self:
        if self.study.depth and len(self.depth.filters) > 2:
            raise refusal(("depth", "filters"), self.depth.filters, "two numbers, as study.depth varies the blocks")
        for key, filters in self.study.width.items():
            if len(filters) not in (2, 2 * self.width.blocks):
                raise refusal(("study", "width", key), filters, filters_rule(self.width.blocks))
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for key, custom in self.study.custom.items():
            if key in self.study.width:
                raise refusal(("study", "custom", key), custom.filters, "a name that study.width does not have")
        for name, parameters in (self.search.budgets if self.search else {}).items():
            if name in (*self.study.width, *FAMILIES) or name.startswith(DEPTH_PREFIX):
                raise refusal(("search", "budgets", name), parameters, "a name that is free in study.custom")
        return self

    @model_validator(mode="after")
    def _architectures_differ(self) -> Self:
        """Refuse two names for one training within a family."""
        names: dict[tuple[str, ...], str] = {}
        for one in self.study_architectures():
            training = (one.family, one.architecture.model_dump_json(), self.settings(one).model_dump_json())
            if (known := names.setdefault(training, one.key)) != one.key:
                rule = f"another architecture than study.{one.family}.{known}"
                raise refusal(("study", one.family, one.key), one.architecture.filters, rule)
        return self

    def baseline(self, family: Family) -> Architecture:
        """Return the section of a family of BASELINES, which its architectures in the study share but for one key."""
        return self.width if family == "width" else self.depth

    def settings(self, one: StudyArchitecture) -> Train:
        """Return the settings of its training."""
        return self.train.with_overrides(one.overrides)

    def baselines(self) -> list[StudyArchitecture]:
        """Return the baselines of the families of BASELINES."""
        return [StudyArchitecture(family, family, family, self.baseline(family)) for family in BASELINES]

    def architectures(self) -> list[StudyArchitecture]:
        """Return the baselines, then the study's architectures."""
        return [*self.baselines(), *self.study_architectures()]

    def study_architectures(self) -> list[StudyArchitecture]:
        """Return the study's architectures in the order of params.yaml."""
        width = [
            StudyArchitecture(key, "width", key, _with(self.width, filters=filters))
            for key, filters in self.study.width.items()
        ]
        depth = [
            StudyArchitecture(depth_name(blocks), "depth", str(blocks), _with(self.depth, blocks=blocks))
            for blocks in self.study.depth
        ]
        custom = [
            StudyArchitecture(key, "custom", key, one.architecture, one.overrides)
            for key, one in self.study.custom.items()
        ]
        return [*width, *depth, *custom]


def _with(architecture: Architecture, **changes: Any) -> Architecture:
    return Architecture.model_validate(architecture.model_dump() | changes)


def load_params() -> Params:
    """Read and check params.yaml. Raises InputError, one line, if it is anything else than the schema allows."""
    try:
        return read_params(PARAMS_FILE.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{PARAMS_FILE}: not YAML: not UTF-8, {error.reason}") from None


def read_params(text: str) -> Params:
    """Check the text of a params.yaml of any revision. Raises InputError as `load_params` does."""
    try:
        return Params.model_validate(read_yaml(text, str(PARAMS_FILE)))
    except ValidationError as error:
        raise InputError(f"{PARAMS_FILE}: {problems(error)}") from None


if __name__ == "__main__":
    with reported_in_one_line("params"):
        load_params()
