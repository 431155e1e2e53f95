"""One trial of a search: an architecture, and what every rung that it reached gave."""

from dataclasses import dataclass, field
from math import log
from typing import Any, NamedTuple

from stages.training.architecture import CustomArchitecture


class Rung(NamedTuple):
    """A trial's training up to a number of epochs. Accuracy and loss are of the held-out images."""

    epochs: int
    accuracy: float | None  # None of a training that diverged
    loss: float | None  # nats
    learned: bool  # off the plateau


@dataclass
class Trial:
    number: int  # from 0
    generation: int  # from 0
    architecture: CustomArchitecture
    parameters: int
    training_flops: int  # of a training step, for one image
    unfit: float = 0.0  # by how much it is out of bounds, so that it is not trained; 0: it is not
    drawn: dict[str, Any] = field(default_factory=dict)  # what the sampler calls its parameters
    distributions: dict[str, Any] = field(default_factory=dict)
    rungs: list[Rung] = field(default_factory=list)

    @property
    def learned(self) -> bool:
        """Whether it is trained, has left the plateau, and has not diverged."""
        return bool(self.rungs) and self.rungs[-1].learned and self.rungs[-1].accuracy is not None

    @property
    def accuracy(self) -> float:
        """Of its last rung; 0 where there is none."""
        return (self.rungs[-1].accuracy or 0.0) if self.rungs else 0.0

    @property
    def point(self) -> tuple[float, float]:
        """Both objectives: the natural logarithm of the parameters, and validation accuracy."""
        return log(self.parameters) if self.parameters else 0.0, self.accuracy

    @property
    def violation(self) -> float:
        """What a constraint holds: above 0 for what is out of bounds or did not learn."""
        return self.unfit or float(not self.learned)

    @property
    def epochs(self) -> int:
        """So many were trained for it."""
        return self.rungs[-1].epochs if self.rungs else 0
