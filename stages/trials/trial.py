"""One trial of a search: an architecture and its result at every rung that it reached; the best of many trials."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any, NamedTuple

from stages.pareto import Point, ranks
from stages.training.architecture import CustomArchitecture


class Rung(NamedTuple):
    """A training up to a number of epochs. Accuracy and loss are those of the held-out images."""

    epochs: int
    accuracy: float | None  # None if the training diverged
    loss: float | None  # nats
    learned: bool  # the training loss is below chance level


@dataclass
class Trial:
    number: int  # from 0
    round: int  # from 0
    architecture: CustomArchitecture
    parameters: int
    training_flops: int  # per image and training step
    unfit: float = 0.0  # above 0: it does not fit the image or takes too many FLOPs, by this much, and is not trained
    params: dict[str, Any] = field(default_factory=dict)  # Optuna's parameters and their distributions
    distributions: dict[str, Any] = field(default_factory=dict)
    rungs: list[Rung] = field(default_factory=list)

    @property
    def learned(self) -> bool:
        """Whether it was trained, learned, and did not diverge."""
        return bool(self.rungs) and self.rungs[-1].learned and self.rungs[-1].accuracy is not None

    @property
    def accuracy(self) -> float:
        """The validation accuracy of its last rung; 0 without one."""
        return (self.rungs[-1].accuracy or 0.0) if self.rungs else 0.0

    @property
    def point(self) -> Point:
        """Cost and gain: the natural logarithm of the parameters, and the validation accuracy."""
        return log(self.parameters) if self.parameters else 0.0, self.accuracy

    @property
    def violation(self) -> float:
        """The value of Optuna's constraint: above 0 if it is unfit or did not learn."""
        return self.unfit or float(not self.learned)

    @property
    def epochs(self) -> int:
        """The number of epochs that it was trained."""
        return self.rungs[-1].epochs if self.rungs else 0


def best_under(trials: Sequence[Trial], parameters: int) -> Trial | None:
    """Return the trial of highest validation accuracy with at most so many parameters; of equals, the smallest."""
    within = [trial for trial in trials if trial.learned and trial.parameters <= parameters]
    return max(within, key=lambda trial: (trial.accuracy, -trial.parameters, -trial.number), default=None)


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that no other one beats in parameters and validation accuracy, by their parameters."""
    learned = [trial for trial in trials if trial.learned]
    ranked = zip(ranks([trial.point for trial in learned]), learned, strict=True)
    return sorted((trial for rank, trial in ranked if rank == 0), key=lambda trial: (trial.parameters, trial.number))
