"""A search over made-up trainings: what is trained, seen by the sampler and proposed."""

import re
from collections.abc import Sequence
from math import ceil
from typing import Any

import pytest

from stages.common import InputError
from stages.jobs import Job
from stages.training.results import State
from stages.trials.rounds import promote
from stages.trials.trial import Trial
from tests.trials.made_up import SETTINGS, SMALL_SPACE, accuracy, learned, made_search, made_trial, searched_trials


def architectures(trials: Sequence[Trial]) -> list[str]:
    return [str(trial.architecture) for trial in trials]


def test_all_of_a_round_reach_the_first_rung_and_the_best_half_of_each_rung_the_next() -> None:
    asked: list[Job] = []
    trials = searched_trials(made_search(), jobs=asked)
    assert [(trial.number, trial.round) for trial in trials] == [(k, k // 4) for k in range(16)]
    expected = []
    for number in range(4):
        count = sum(trial.round == number and not trial.unfit for trial in trials)
        for rung, epochs in enumerate((1, 2, 4), start=1):
            reached = [trial for trial in trials if trial.round == number and len(trial.rungs) >= rung]
            assert len(reached) == count
            assert {trial.rungs[rung - 1].epochs for trial in reached} == {epochs}
            count = ceil(count / 2)
            for trial in sorted(reached, key=lambda one: -one.training_flops):
                settings = SETTINGS.model_copy(update={"epochs": epochs} | trial.architecture.overrides)
                name, architecture = f"trial-{trial.number}", trial.architecture.architecture
                expected.append(Job(name, architecture, settings, SETTINGS.seeds[0], tested=False))
    assert asked == expected
    assert {"kernel", "stride", "average"} <= trials[0].params.keys(), "other names change the proposals"


def test_a_search_that_is_started_again_proposes_the_same_and_a_longer_one_continues_it() -> None:
    once = searched_trials(made_search())
    assert searched_trials(made_search()) == once
    longer = searched_trials(made_search(trials=24))
    assert longer[:16] == once
    assert len(set(architectures(longer))) == 24


def test_seed_and_sampler_decide_the_proposals_and_results_decide_those_of_tpe_alone() -> None:
    def opposite(job: Job) -> State:
        return State(history=[[1.0, 0.5, 1.0, 1 - accuracy(job)]] * job.settings.epochs)

    def proposed(**changed: Any) -> list[str]:
        result = changed.pop("result", learned)
        return architectures(searched_trials(made_search(trials=8, **changed), result))

    assert proposed() != proposed(seed=1)
    assert proposed() != proposed(sampler="random")
    assert proposed() != proposed(result=opposite)
    assert proposed(sampler="random") == proposed(sampler="random", result=opposite)


def test_every_round_has_a_seed_of_its_own() -> None:
    """With one seed for all, a second round of random draws would repeat the first and then continue its sequence."""
    two, one = (searched_trials(made_search(sampler="random", trials=8, trials_per_round=size)) for size in (4, 8))
    assert architectures(two)[:4] == architectures(one)[:4]
    assert architectures(two)[4:] != architectures(one)[4:]


def test_what_takes_too_many_flops_or_does_not_fit_is_not_trained_and_its_kind_is_avoided() -> None:
    asked: list[Job] = []
    trials = searched_trials(made_search(trials=80, trials_per_round=8, max_training_flops=3_000_000), jobs=asked)
    trained = [job.architecture for job in asked]
    for trial in trials:
        fits = min(trial.architecture.image_sizes(28, 28)[-1]) >= 1
        assert bool(trial.unfit) == (not fits or trial.training_flops > 3_000_000)
        assert (trial.architecture.architecture in trained) == (not trial.unfit)
    early, late = (sum(bool(trial.unfit) for trial in part) for part in (trials[:24], trials[-24:]))
    assert late < early


def test_a_space_of_which_nothing_can_be_trained_is_refused_at_once_with_the_least_that_it_needs() -> None:
    asked: list[Job] = []
    ranges = [{"low": 8, "high": 8}, {"low": 4, "high": 6, "step": 2}]
    space = SMALL_SPACE | {
        "filters": ranges,
        "blocks": {"low": 2, "high": 3},
        "kernel_size": [5, 3],
        "pool_stride": [1, 2],
    }

    def search(flops: int, side: int = 28) -> list[Trial]:
        changed = {"space": space, "max_training_flops": flops, "trials": 96, "sampler": "random", "rungs": [1]}
        return searched_trials(made_search(**changed), jobs=asked, side=side)

    with pytest.raises(InputError, match=r"max_training_flops: expected at least \d+, .* 28x28x1, got 1") as refused:
        search(1)
    least = int(re.findall(r"at least (\d+)", str(refused.value))[0])
    with pytest.raises(InputError):
        search(least - 1)
    with pytest.raises(InputError, match=r"search\.space\.blocks: .* images of 1x1 pixels; expected at most 0 blocks"):
        search(least, side=1)
    assert not asked
    assert {trial.training_flops for trial in search(least) if not trial.unfit} == {least}


def test_repeats_are_not_trained_and_end_the_search_after_as_many_as_trials() -> None:
    asked: list[Job] = []
    trials = searched_trials(made_search(trials=8, rungs=[1], space=SMALL_SPACE), jobs=asked)
    assert sorted(tuple(trial.architecture.filters) for trial in trials) == [(4, 4), (4, 8), (8, 4), (8, 8)]
    assert len(asked) == 4


@pytest.mark.parametrize("failed", [State(history=[[2.3, 0.1, 2.3, 0.1]]), State(diverged_epoch=1)])
def test_what_did_not_learn_goes_no_further_and_its_kind_is_avoided(failed: State) -> None:
    trials = searched_trials(
        made_search(trials=64), lambda job: learned(job) if job.architecture.activation == "relu" else failed
    )
    for trial in [trial for trial in trials if trial.architecture.activation == "sigmoid" and trial.rungs]:
        assert (trial.violation, len(trial.rungs)) == (1, 1)
    late = [trial.architecture.activation for trial in trials[-24:]]
    assert late.count("relu") > 2 * late.count("sigmoid")


FRONT = [  # one rank, and one trial behind it
    made_trial(0, 1000, 0.5, training_flops=10),
    made_trial(1, 2000, 0.55, training_flops=20),  # near to 0
    made_trial(2, 20_000, 0.8, training_flops=30),
    made_trial(3, 100_000, 0.9, training_flops=40),
    made_trial(4, 100_000, 0.85, training_flops=1),
]
EQUAL = [made_trial(number, 1000, 0.5, training_flops=21 - number) for number in range(21)]
FAILED = [made_trial(0, 1000, None), made_trial(1, 2000, None), made_trial(2, 3000, 0.5), made_trial(3, 10, 0.2)]


@pytest.mark.parametrize(
    ("trials", "reduction_factor", "expected"),
    [
        (FRONT, 5, [0]),
        (FRONT, 2.5, [0, 3]),  # both ends of the front
        (FRONT, 5 / 3, [0, 2, 3]),  # then the one that is furthest from the others
        (FRONT, 1.25, [0, 1, 2, 3]),
        (FRONT, 1, [0, 1, 2, 3, 4]),
        (EQUAL, 21, [20]),  # one of both ends: the one of fewer FLOPs
        (EQUAL, 1.4, [0, *range(7, 21)]),  # 15.000000000000002 in floating point
        (FAILED, 4, [2]),
        (FAILED, 2, [2, 3]),  # what did not learn only counts in the number
        (FAILED[:2], 1, []),
    ],
)
def test_the_best_ranks_continue_and_of_equal_rank_those_apart(
    trials: list[Trial], reduction_factor: float, expected: list[int]
) -> None:
    assert [trial.number for trial in promote(trials, reduction_factor)] == expected
