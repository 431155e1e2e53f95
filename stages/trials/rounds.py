"""The search: round after round of trials, each by successive halving (Jamieson and Talwalkar, 2016)."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil

from stages.jobs import Job
from stages.params import Search
from stages.pareto import crowding_distances, ranks
from stages.training.architecture import Train
from stages.training.dataset import Dataset
from stages.training.files import DECIMALS
from stages.training.results import EPOCH_COLUMNS, State, epochs_to_learn
from stages.trials.sampler import Sampler, check_space
from stages.trials.trial import Rung, Trial

Trainer = Callable[[Sequence[Job]], list[State]]  # trains jobs to their ends; the states come in the jobs' order
LOSS, VALIDATION_LOSS, VALIDATION_ACCURACY = map(EPOCH_COLUMNS.index, ("loss", "val_loss", "val_accuracy"))


def run_rounds(
    search: Search, dataset: Dataset, train: Trainer, settings: Train, after_round: Callable[[list[Trial]], None]
) -> list[Trial]:
    """Return all trials in order; fewer than `search.trials` if the space is exhausted.

    `after_round` gets the trials so far. The sampler sees a trial once its round has ended, with the value of its last
    rung. Raises InputError if no architecture of the space can be trained.
    """
    check_space(search, dataset)
    sampler, trials = Sampler(search, dataset), list[Trial]()
    for number in range(search.trials // search.trials_per_round):
        new = sampler.propose(number, trials)
        racing = [trial for trial in new if not trial.unfit]
        for epochs in search.rungs:
            _train_rung(racing, epochs, train, settings, dataset.chance_loss)
            racing = promote(racing, search.reduction_factor)
        trials += new
        after_round(trials)
        if sampler.exhausted:
            break
    return trials


def _train_rung(trials: list[Trial], epochs: int, train: Trainer, settings: Train, chance_loss: float) -> None:
    costliest_first = sorted(trials, key=lambda trial: -trial.training_flops)  # no long job is left at the end
    states = train([_job(trial, epochs, settings) for trial in costliest_first])
    for trial, state in zip(costliest_first, states, strict=True):
        trial.rungs.append(_rung(state, chance_loss))


def _job(trial: Trial, epochs: int, settings: Train) -> Job:
    overrides = trial.architecture.overrides
    ends = settings.with_overrides(overrides).model_copy(update={"epochs": epochs})
    return Job(f"trial-{trial.number}", trial.architecture.architecture, ends, settings.seeds[0], tested=False)


def _rung(state: State, chance_loss: float) -> Rung:
    if state.diverged_epoch:
        return Rung(state.diverged_epoch, None, None, learned=False)
    last = state.history[-1]
    learned = epochs_to_learn([row[LOSS] for row in state.history], chance_loss) is not None
    return Rung(len(state.history), last[VALIDATION_ACCURACY], last[VALIDATION_LOSS], learned)


def promote(trials: Sequence[Trial], reduction_factor: float) -> list[Trial]:
    """Return the best 1/`reduction_factor` of a rung's trials, rounded up, by Pareto rank of those that learned.

    Of equal rank the one that is furthest from the others of its rank continues, then the one of fewer FLOPs, then the
    one of the lower number.
    """
    learned = [trial for trial in trials if trial.learned]
    by_rank: dict[int, list[Trial]] = defaultdict(list)
    for rank, trial in zip(ranks([trial.point for trial in learned]), learned, strict=True):
        by_rank[rank].append(trial)
    order = []
    for _, equals in sorted(by_rank.items()):
        distances = crowding_distances([trial.point for trial in equals])
        by_distance = sorted(
            zip(distances, equals, strict=True), key=lambda pair: (-pair[0], pair[1].training_flops, pair[1].number)
        )
        order += [trial for _, trial in by_distance]
    most = ceil(round(len(trials) / reduction_factor, DECIMALS))
    return sorted(order[:most], key=lambda trial: trial.number)
