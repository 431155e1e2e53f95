"""The section `search` of params.yaml."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from stages.network.architecture import Section, refusal
from stages.training.settings import NAME, Seed
from stages.trials.space import Space

Ties = Literal["operations", "crowding"]
Epochs = Annotated[int, Field(ge=1, le=100_000)]


class Search(Section):
    trials: Annotated[int, Field(ge=1, le=100_000)]
    generation: Annotated[int, Field(ge=1, le=1000)]  # trials that are asked for at once
    epochs: Annotated[list[Epochs], Field(min_length=1)]  # of the rungs: all reach the first one
    keep: Annotated[float, Field(gt=0, le=1)]  # the share of a rung's trials that goes on to the next
    ties: Ties = "operations"  # which of equal rank goes on: the cheaper, or the one furthest from the others
    seed: Seed
    sampler: Literal["tpe", "random"]
    operations: Annotated[int, Field(ge=1)]  # the most that a training step may take an image
    budgets: Annotated[
        dict[Annotated[str, StringConstraints(pattern=NAME)], Annotated[int, Field(ge=1)]],
        Field(min_length=1),
    ]  # parameters
    space: Space

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.trials % self.generation:
            raise refusal(("trials",), self.trials, f"a multiple of generation, {self.generation}")
        if self.epochs != sorted(set(self.epochs)):
            raise refusal(("epochs",), self.epochs, "rungs, each of more epochs than the one before")
        return self
