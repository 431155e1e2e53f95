"""The search itself: generation after generation, rung after rung."""

from collections.abc import Callable, Sequence

from stages.params import Search
from stages.trials.promotion import promoted
from stages.trials.proposals import Images, Proposals
from stages.trials.trial import Rung, Trial

Evaluate = Callable[[Sequence[Trial], int], list[Rung]]  # trials, trained up to so many epochs
Progress = Callable[[list[Trial]], None]


def searched(search: Search, images: Images, evaluate: Evaluate, after_generation: Progress) -> list[Trial]:
    """All trials in order. `after_generation` gets those so far; fewer than asked for where the space is exhausted.

    A trial is told to the sampler once, when its generation has ended, with the value of its last rung.
    """
    proposals, trials = Proposals(search, images), list[Trial]()
    for number in range(search.trials // search.trials_per_round):
        new = proposals.generation(number, trials)
        _raced([trial for trial in new if not trial.unfit], search, evaluate)
        trials += new
        after_generation(trials)
        if proposals.exhausted:
            break
    return trials


def _raced(trials: list[Trial], search: Search, evaluate: Evaluate) -> None:
    """Train all to the first rung, and the best of every rung to the next."""
    for epochs in search.rungs:
        for trial, rung in zip(trials, evaluate(trials, epochs), strict=True):
            trial.rungs.append(rung)
        trials = promoted(trials, search.reduction_factor)


def best(trials: Sequence[Trial], parameters: int) -> Trial | None:
    """The trial of highest validation accuracy among those of at most so many parameters; of equals, the smaller."""
    within = [trial for trial in trials if trial.learned and trial.parameters <= parameters]
    return max(within, key=lambda trial: (trial.accuracy, -trial.parameters, -trial.number), default=None)
