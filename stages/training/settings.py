"""The section `train` of params.yaml: what a training follows from besides architecture, data and code."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from stages.network.architecture import Architecture, Section


def no_repeats(values: list[int]) -> list[int]:
    """The values, each of which must come once."""
    if len(set(values)) < len(values):
        raise ValueError("each value once")
    return values


Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,39}$"  # a folder's name and a word of a command: nothing else may be in it


# A batch is cut into as many shards, each with a graph of its own, and all are built before the first step. On two busy
# cores that took 40 s of 64 shards and 140 s of 128; of 1,024 it had no end, and no ear for SIGTERM.
MOST_THREADS = 64


Momentum = Annotated[float, Field(ge=0, lt=1)]  # of an average of the weights; 0: none
LearningRate = Annotated[float, Field(gt=0, le=2**53)]  # whole numbers up to there are floats exactly
OWN = ("learning_rate", "average")  # keys of `train` that an architecture which was found may have of its own


class FoundArchitecture(Architecture):
    """A complete architecture, and what its training is told where that is not as `train` says."""

    learning_rate: LearningRate | None = None
    average: Momentum | None = None

    @property
    def architecture(self) -> Architecture:
        """It alone, without what only its training is told."""
        return Architecture.model_validate(self.model_dump(exclude=set(OWN)))

    @property
    def own(self) -> dict[str, float]:
        """What its training is told in the place of `train`'s, by the keys of OWN."""
        return self.model_dump(include=set(OWN), exclude_none=True)


class Train(Section):
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)]
    learning_rate: LearningRate
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)]
    average: Momentum = 0.0
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(no_repeats)]

    def told(self, own: Mapping[str, float]) -> "Train":
        """These settings, but for those that an architecture has of its own."""
        return self.model_copy(update=dict(own))
