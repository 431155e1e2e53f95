"""The next architectures to try: Optuna's proposals, a function of the seed and of the trials before.

Optuna stores nothing. Every round creates a new study with all trials before it, and a sampler with a seed of its own,
so a search that is started again proposes the same architectures.
"""

import logging
import warnings
from collections.abc import Sequence
from itertools import product
from math import log
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from stages.flops import parameter_count, training_flops
from stages.params import FLOATS, PARAMS_FILE, Range, Search, Space
from stages.training.architecture import CustomArchitecture
from stages.training.dataset import Dataset
from stages.training.files import InputError
from stages.trials.trial import Trial

# Optuna's proposals depend on the names of its parameters, so these stay the names of the committed search
OPTUNA_NAMES = {"kernel_size": "kernel", "pool_stride": "stride", "ema_momentum": "average"}
LOGARITHMIC = ("filters", "dense_units", "learning_rate")  # without a step, doubling is equally likely everywhere
DIRECTIONS = [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]  # accuracy, and the logarithm of the parameters
UNFIT = 1.0  # the violation of an architecture that does not fit the image


def sample_architecture(trial: optuna.Trial, space: Space) -> CustomArchitecture:
    """Return the architecture that Optuna's trial proposes."""

    def suggest(key: str) -> Any:
        return _suggest(trial, OPTUNA_NAMES.get(key, key), key, getattr(space, key))

    values = {key: suggest(key) for key in Space.model_fields if key not in ("filters", "dense_units")}
    values["dense_units"] = suggest("dense_units") if values["head"] == "dense" else None
    filters = [
        _suggest(trial, f"filters of block {block}, {number}", "filters", _block_choice(space.filters, block))
        for block in range(1, values["blocks"] + 1)
        for number in (1, 2)
    ]
    return CustomArchitecture(**values, filters=filters)


def _block_choice(choice: Any, block: int) -> Any:
    """Return the range of a block, from 1: ranges are those of the blocks in order, the last is for all others."""
    ranges = isinstance(choice, list) and isinstance(choice[0], Range)
    return choice[min(block, len(choice)) - 1] if ranges else choice


def _suggest(trial: optuna.Trial, name: str, key: str, choice: Any) -> Any:
    if choice is None:
        return None
    if isinstance(choice, list):
        return choice[0] if len(choice) == 1 else trial.suggest_categorical(name, choice)
    logarithmic = key in LOGARITHMIC and not choice.step
    if key in FLOATS:
        value = trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=logarithmic)
        return float(f"{value:g}")  # six digits are enough for a search, and all of them stand in params.yaml
    return trial.suggest_int(name, choice.low, choice.high, step=choice.step or 1, log=logarithmic)


def check_space(search: Search, dataset: Dataset) -> None:
    """Raise InputError, with the least that the space needs, if no architecture of it could be trained."""
    height, width, channels = dataset.image_shape
    smallest = [one.architecture for one in _smallest_architectures(search.space)]
    fitting = [one for one in smallest if min(one.image_sizes(height, width)[-1]) >= 1]
    if not fitting:
        raise InputError(
            f"{PARAMS_FILE}: search.space.blocks: no architecture of the space fits images of {height}x{width} pixels; "
            f"expected at most {max(one.most_blocks(height, width) for one in smallest)} blocks"
        )
    least = min(training_flops(one, dataset.image_shape, dataset.classes) for one in fitting)
    if least > search.max_training_flops:
        raise InputError(
            f"{PARAMS_FILE}: search.max_training_flops: expected at least {least}, which the smallest architecture of "
            f"search.space needs for images of {height}x{width}x{channels}, got {search.max_training_flops}"
        )


def _smallest_architectures(space: Space) -> list[CustomArchitecture]:
    """Return the architecture of fewest FLOPs for each number of blocks, kernel size, pooling stride and head."""

    def values(choice: Any) -> Any:
        return (
            range(int(choice.low), int(choice.high) + 1, int(choice.step or 1)) if isinstance(choice, Range) else choice
        )

    found = []
    for blocks, kernel_size, pool_stride, head in product(
        *(values(getattr(space, key)) for key in ("blocks", "kernel_size", "pool_stride", "head"))
    ):
        least = [min(values(_block_choice(space.filters, block))) for block in range(1, blocks + 1)]
        found.append(
            CustomArchitecture(
                filters=[number for number in least for _ in (1, 2)],
                blocks=blocks,
                kernel_size=kernel_size,
                pooling="max",
                pool_stride=pool_stride,
                head=head,
                dense_units=min(values(space.dense_units)) if head == "dense" else None,
                activation="relu",
            )
        )
    return found


class Sampler:
    """Propose round after round of trials, until as many repeats as trials have come."""

    def __init__(self, search: Search, dataset: Dataset) -> None:
        optuna.logging.set_verbosity(logging.WARNING)
        self.search, self.image_shape, self.classes = search, dataset.image_shape, dataset.classes
        self.repeats = 0

    @property
    def exhausted(self) -> bool:
        """Whether hardly any architecture is left to try."""
        return self.repeats >= self.search.trials

    def propose(self, round_number: int, before: Sequence[Trial]) -> list[Trial]:
        """Return the trials of a round, new architectures; fewer than `trials_per_round` if the space is exhausted."""
        study = optuna.create_study(directions=DIRECTIONS, sampler=self._sampler(round_number))
        study.add_trials([_frozen_trial(trial) for trial in before])
        tried = [trial.architecture for trial in before]
        new: list[Trial] = []
        while len(new) < self.search.trials_per_round and not self.exhausted:
            proposal = study.ask()  # stays open, so that the sampler avoids what is already in this round
            architecture = sample_architecture(proposal, self.search.space)
            if architecture in tried:
                self.repeats += 1
                continue
            tried.append(architecture)
            new.append(self._trial(len(before) + len(new), round_number, proposal, architecture))
        return new

    def _sampler(self, round_number: int) -> optuna.samplers.BaseSampler:
        seed = (self.search.seed + round_number * 1_000_003) % 2**32
        if self.search.sampler == "random":
            return optuna.samplers.RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of `multivariate` and `group`
            return optuna.samplers.TPESampler(
                n_startup_trials=self.search.trials_per_round, multivariate=True, group=True, seed=seed
            )

    def _trial(self, number: int, round_number: int, proposal: optuna.Trial, architecture: CustomArchitecture) -> Trial:
        model = architecture.architecture
        fits = min(model.image_sizes(*self.image_shape[:2])[-1]) >= 1
        flops = training_flops(model, self.image_shape, self.classes) if fits else 0
        return Trial(
            number=number,
            round=round_number,
            architecture=architecture,
            parameters=parameter_count(model, self.image_shape, self.classes) if fits else 0,
            training_flops=flops,
            unfit=max(0.0, log(flops / self.search.max_training_flops)) if fits else UNFIT,
            params=dict(proposal.params),
            distributions=dict(proposal.distributions),
        )


def _frozen_trial(trial: Trial) -> optuna.trial.FrozenTrial:
    """Return the trial in Optuna's form: without values if it is unfit or did not learn."""
    size, accuracy = trial.point
    return create_trial(
        state=TrialState.PRUNED if trial.violation else TrialState.COMPLETE,
        params=trial.params,
        distributions=trial.distributions,
        values=None if trial.violation else [accuracy, size],
        constraints={"within bounds": trial.violation},
    )
