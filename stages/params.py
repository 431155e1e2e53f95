"""params.yaml, read and checked. `python -m stages.params` does only that, before a command is made from it."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from stages.common.errors import InputError, reported_in_one_line
from stages.common.places import METRICS, MODELS, PACKED, PLOTS, RAW
from stages.common.problems import problems
from stages.common.strict_yaml import read_yaml
from stages.network.architecture import Architecture, Blocks, Filters, Section, filters_rule, refusal
from stages.training.settings import NAME, FoundArchitecture, Seed, Train, no_repeats
from stages.trials.settings import Search

PARAMS_FILE = Path("params.yaml")

Family = Literal["width", "depth", "found"]
PICKED: tuple[Family, ...] = ("width", "depth")  # have a section each, which is their pick and what they have in common
FAMILIES: tuple[Family, ...] = (*PICKED, "found")

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
    written = [project / place for place in (RAW, PACKED, MODELS, METRICS, PLOTS)]
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
    found: dict[StudyName, FoundArchitecture] = Field(default_factory=dict)  # each is complete


class StudyArchitecture(NamedTuple):
    """An architecture as the pipeline knows it: where it is stored, and as what it is reported."""

    name: str  # data/models/NAME
    family: Family
    key: str  # its name within the family, as metrics/study.json has it
    architecture: Architecture
    own: Mapping[str, float] = MappingProxyType({})  # what its training is told in the place of `train`'s

    @property
    def is_pick(self) -> bool:
        return self.name == self.family

    @property
    def label(self) -> str:
        """What a picture calls it: what its family varies, or its name where that is everything."""
        if self.family == "found":
            return self.key
        filters, blocks = self.architecture.filters, self.architecture.blocks
        if self.family == "width":
            pairs = [f"{first}, {second}" for first, second in zip(filters[::2], filters[1::2], strict=True)]
            return f"({' / '.join(pairs)})"
        return f"{blocks} block{'s' if blocks > 1 else ''}"

    def check_fits(self, height: int, width: int) -> None:
        """Raise InputError, with the sizes in pixels that the image goes through, where the blocks use it up."""
        architecture = self.architecture
        sizes = architecture.image_sizes(height, width)
        if min(sizes[-1]) < 1:
            path = " -> ".join(f"{h}x{w}" for h, w in sizes if min(h, w) >= 1)
            takes = "halves" if architecture.stride == 2 else f"takes {architecture.block_shrinks} pixels off"
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
        for key, found in self.study.found.items():
            if key in self.study.width:
                raise refusal(("study", "found", key), found.filters, "a name that study.width does not hold")
        for name, parameters in (self.search.budgets if self.search else {}).items():
            if name in self.study.width or name in FAMILIES or name.startswith(DEPTH_PREFIX):
                raise refusal(("search", "budgets", name), parameters, "a name that study.found may hold")

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
        """The section of a family of PICKED: the pick, and what the study's architectures have in common."""
        return self.width if family == "width" else self.depth

    def settings(self, described: StudyArchitecture) -> Train:
        """What its training is told."""
        return self.train.told(described.own)

    def picks(self) -> list[StudyArchitecture]:
        """The two current architectures, one a family of PICKED."""
        return [StudyArchitecture(family, family, family, self.family(family)) for family in PICKED]

    def architectures(self) -> list[StudyArchitecture]:
        """All of them, the picks first."""
        return [*self.picks(), *self.studied()]

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
        found = [
            StudyArchitecture(key, "found", key, found.architecture, found.own)
            for key, found in self.study.found.items()
        ]
        return [*width, *depth, *found]


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
