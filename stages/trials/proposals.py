"""What is tried next: Optuna's proposals, as a function of the seed and of what was tried before.

No storage of Optuna's: every generation begins with a new study, which is told all trials before it, and a sampler
with a seed of its own. So a search that is begun again proposes the same.
"""

import logging
import warnings
from collections.abc import Sequence
from math import log
from typing import NamedTuple

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from stages.flops import parameter_count, training_flops
from stages.params import Search
from stages.training.architecture import CustomArchitecture
from stages.trials.drawing import draw
from stages.trials.trial import Trial

OBJECTIVES = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]  # accuracy, and the logarithm of the parameters
UNFIT = 1.0  # the violation of an architecture that does not fit the image


class Images(NamedTuple):
    """What a search has to know of the images."""

    shape: tuple[int, int, int]  # height and width in pixels, channels
    classes: int


class Proposals:
    """Generation after generation of trials, until as many repeats as trials have come."""

    def __init__(self, search: Search, images: Images) -> None:
        optuna.logging.set_verbosity(logging.WARNING)
        self.search, self.images = search, images
        self.repeats = 0

    @property
    def exhausted(self) -> bool:
        """Whether there is hardly anything left to be tried."""
        return self.repeats >= self.search.trials

    def generation(self, number: int, before: Sequence[Trial]) -> list[Trial]:
        """New architectures, as many as a generation has; fewer where that ends the space."""
        study = optuna.create_study(directions=OBJECTIVES, sampler=self._sampler(number))
        study.add_trials([_told(trial) for trial in before])
        tried = [trial.architecture for trial in before]
        new: list[Trial] = []
        while len(new) < self.search.trials_per_round and not self.exhausted:
            asked = study.ask()  # stays open: the sampler keeps away from what the generation has already
            architecture = draw(asked, self.search.space)
            if architecture in tried:
                self.repeats += 1
                continue
            tried.append(architecture)
            new.append(self._trial(len(before) + len(new), number, asked, architecture))
        return new

    def _sampler(self, generation: int) -> optuna.samplers.BaseSampler:
        seed = (self.search.seed + generation * 1_000_003) % 2**32
        if self.search.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of `multivariate` and `group`
            return optuna.samplers.TPESampler(
                n_startup_trials=self.search.trials_per_round, multivariate=True, group=True, seed=seed
            )

    def _trial(self, number: int, generation: int, asked: optuna.Trial, architecture: CustomArchitecture) -> Trial:
        alone = architecture.architecture
        fits = min(alone.image_sizes(*self.images.shape[:2])[-1]) >= 1
        operations = training_flops(alone, *self.images) if fits else 0
        return Trial(
            number=number,
            generation=generation,
            architecture=architecture,
            parameters=parameter_count(alone, *self.images) if fits else 0,
            training_flops=operations,
            unfit=max(0.0, log(operations / self.search.max_training_flops)) if fits else UNFIT,
            drawn=dict(asked.params),
            distributions=dict(asked.distributions),
        )


def _told(trial: Trial) -> optuna.trial.FrozenTrial:
    """As a sampler is told of it: one out of bounds, or that did not learn, has no values."""
    size, accuracy = trial.point
    return create_trial(
        state=TrialState.PRUNED if trial.violation else TrialState.COMPLETE,
        params=trial.drawn,
        distributions=trial.distributions,
        values=None if trial.violation else [accuracy, size],
        constraints={"within bounds": trial.violation},
    )
