"""Run rounds of architectures that Optuna proposes, by successive halving (Jamieson and Talwalkar, 2016).

Proposals depend only on the seed and on earlier trials. Optuna stores nothing: every round creates a new study with all
earlier trials, and a sampler with its own seed. So a search that is restarted proposes the same architectures.
"""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from math import ceil, log
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from stages.flops import parameter_count, training_flops
from stages.jobs import Job
from stages.params import FLOATS, PARAMS_FILE, Range, Search, Space
from stages.pareto import crowding_distances, ranks
from stages.training.architecture import Architecture, CustomArchitecture, Train
from stages.training.dataset import Dataset
from stages.training.files import DECIMALS, InputError
from stages.training.results import State, epochs_to_learn
from stages.trials.trial import Rung, Trial

Trainer = Callable[[Sequence[Job]], list[State]]  # trains jobs to their last epoch; returns states in their order

# Optuna's proposals depend on the names of its parameters, so these stay the names of the committed search
OPTUNA_NAMES = {"kernel_size": "kernel", "pool_stride": "stride", "ema_momentum": "average"}
LOGARITHMIC = ("filters", "dense_units", "learning_rate")  # ranges sampled on a logarithmic scale if they have no step
UNFIT = 1.0  # the violation of an architecture that does not fit the image
DECIDE_SIZE = ("blocks", "kernel_size", "pool_stride", "head")  # the least of these do not always give the fewest FLOPs


def run_rounds(search: Search, dataset: Dataset, train: Trainer, settings: Train) -> Iterator[list[Trial]]:
    """Yield all trials so far, in order, after every round; stop early if the space is exhausted.

    The sampler sees the trials of a round when the round has ended, with the values of their last rungs. Raises
    InputError if no architecture of the space can be trained.
    """
    check_space(search, dataset)
    optuna.logging.set_verbosity(logging.WARNING)
    trials: list[Trial] = []
    for number in range(search.trials // search.trials_per_round):
        new = propose(search, dataset, number, trials)
        racing = [trial for trial in new if not trial.unfit]
        for epochs in search.rungs:
            _train_rung(racing, epochs, train, settings, dataset.chance_loss)
            racing = promote(racing, search.reduction_factor)
        trials += new
        yield trials
        if len(new) < search.trials_per_round:
            break


def propose(search: Search, dataset: Dataset, number: int, before: Sequence[Trial]) -> list[Trial]:
    """Return the trials of round `number`, with architectures that are not in `before`.

    Stops after `trials` duplicates with fewer trials, because hardly any architecture of the space is left.
    """
    seed = (search.seed + number * 1_000_003) % 2**32
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(seed)
    if search.sampler == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of `multivariate` and `group`
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=search.trials_per_round, multivariate=True, group=True, seed=seed
            )
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)  # accuracy; size
    for trial in before:
        size, accuracy = trial.point
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if trial.violation else TrialState.COMPLETE,
                params=trial.proposal.params,
                distributions=trial.proposal.distributions,
                values=None if trial.violation else [accuracy, size],
                constraints={"within bounds": trial.violation},
            )
        )
    tried, new = [trial.architecture for trial in before], list[Trial]()
    for _ in range(search.trials_per_round + search.trials):
        proposal = study.ask()  # stays open, so that the sampler avoids architectures of this round
        architecture = sample_architecture(partial(suggest, proposal), search.space)
        if architecture not in tried:
            tried.append(architecture)
            flops = count_flops(architecture, dataset)
            new.append(
                Trial(
                    number=len(before) + len(new),
                    round=number,
                    architecture=architecture,
                    parameters=flops and parameter_count(architecture, dataset.image_shape, dataset.classes),
                    training_flops=flops,
                    unfit=max(0.0, log(flops / search.max_training_flops)) if flops else UNFIT,
                    proposal=proposal,
                )
            )
        if len(new) == search.trials_per_round:
            break
    return new


def sample_architecture(choose: Callable[[str, str, Any], Any], space: Space) -> CustomArchitecture:
    """Return an architecture; `choose` gets a name, a key of the space and its choice, and returns a value."""
    values: dict[str, Any] = {"dense_units": None}
    for key in Space.model_fields:
        if key not in ("filters", "dense_units") and getattr(space, key) is not None:
            values[key] = choose(OPTUNA_NAMES.get(key, key), key, getattr(space, key))
    if values["head"] == "dense":
        values["dense_units"] = choose("dense_units", "dense_units", space.dense_units)
    of_blocks = isinstance(space.filters, list) and isinstance(space.filters[0], Range)
    ranges = space.filters if of_blocks else [space.filters]  # the last is for all further blocks
    filters = [
        choose(f"filters of block {block}, {number}", "filters", ranges[min(block, len(ranges)) - 1])
        for block in range(1, values["blocks"] + 1)
        for number in (1, 2)
    ]
    return CustomArchitecture(**values, filters=filters)


def suggest(trial: optuna.Trial, name: str, key: str, choice: Any) -> Any:
    """Return Optuna's choice."""
    if isinstance(choice, list):
        return choice[0] if len(choice) == 1 else trial.suggest_categorical(name, choice)
    logarithmic = key in LOGARITHMIC and not choice.step
    if key in FLOATS:
        value = trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=logarithmic)
        return float(f"{value:g}")  # six digits are enough, and params.yaml shows all of them
    return trial.suggest_int(name, choice.low, choice.high, step=choice.step or 1, log=logarithmic)


def count_flops(architecture: Architecture, dataset: Dataset) -> int:
    """Return the FLOPs per image of a training step; 0 if the image is too small for the blocks."""
    fits = min(architecture.image_sizes(*dataset.image_shape[:2])[-1]) >= 1
    return training_flops(architecture, dataset.image_shape, dataset.classes) if fits else 0


def check_space(search: Search, dataset: Dataset) -> None:
    """Raise InputError if no architecture of the space can be trained."""
    image = "x".join(map(str, dataset.image_shape))
    flops = [count_flops(one, dataset) for one in _smallest_architectures(search.space)]
    if not any(flops):
        raise InputError(f"{PARAMS_FILE}: search.space: no architecture fits images of {image}. Allow fewer blocks.")
    if (least := min(filter(None, flops))) > search.max_training_flops:
        raise InputError(
            f"{PARAMS_FILE}: search.max_training_flops: expected at least {least}, the training FLOPs per image of the "
            f"smallest architecture in search.space for images of {image}, got {search.max_training_flops}."
        )


def _smallest_architectures(space: Space) -> Iterator[Architecture]:
    """Yield the architecture with the fewest FLOPs for each combination of the keys DECIDE_SIZE."""

    def choose_least(_name: str, key: str, choice: Any) -> Any:
        return decided.get(key) or (min(choice) if isinstance(choice, list) else choice.low)

    choices = [getattr(space, key) for key in DECIDE_SIZE]
    for values in product(*(c if isinstance(c, list) else range(c.low, c.high + 1, c.step or 1) for c in choices)):
        decided = dict(zip(DECIDE_SIZE, values, strict=True))
        yield sample_architecture(choose_least, space)


def _train_rung(trials: list[Trial], epochs: int, train: Trainer, settings: Train, chance_loss: float) -> None:
    """Train the trials to `epochs`, and add the results to their rungs."""
    costliest_first = sorted(trials, key=lambda trial: -trial.training_flops)  # no long job runs last
    jobs = []
    for trial in costliest_first:
        custom = trial.architecture
        ends = settings.with_overrides({**custom.overrides, "epochs": epochs})
        jobs.append(Job(f"trial-{trial.number}", custom.architecture, ends, settings.seeds[0], tested=False))
    for trial, state in zip(costliest_first, train(jobs), strict=True):
        loss = accuracy = None
        if not state.diverged_epoch:
            *_, loss, accuracy = state.history[-1]  # EPOCH_COLUMNS
        learned = loss is not None and epochs_to_learn([row[0] for row in state.history], chance_loss) is not None
        trial.rungs.append(Rung(state.epochs, accuracy, loss, learned))


def promote(trials: Sequence[Trial], reduction_factor: float) -> list[Trial]:
    """Return the best 1/`reduction_factor` of a rung's trials, rounded up, by Pareto rank among those that learned.

    Within a rank, the order is: largest crowding distance, fewest FLOPs, lowest number.
    """
    learned = [trial for trial in trials if trial.learned]
    rank_of = ranks([trial.point for trial in learned])
    order: list[tuple[int, float, int, int, Trial]] = []
    for rank in set(rank_of):
        equals = [trial for one, trial in zip(rank_of, learned, strict=True) if one == rank]
        distances = crowding_distances([trial.point for trial in equals])
        order += [(rank, -d, one.training_flops, one.number, one) for d, one in zip(distances, equals, strict=True)]
    most = ceil(round(len(trials) / reduction_factor, DECIMALS))
    return sorted((trial for *_, trial in sorted(order)[:most]), key=lambda trial: trial.number)
