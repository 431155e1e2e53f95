"""A search over made-up trainings: which trials are proposed, trained and promoted."""

import re
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import optuna
import pytest
from pydantic import ValidationError

from stages.common import TRIALS, InputError, read_yaml
from stages.jobs import Job
from stages.params import Search, Space, load_params
from stages.training.architecture import OVERRIDES, Architecture, CustomArchitecture
from stages.training.results import State
from stages.trials.rounds import promote, sample_architecture, suggest
from stages.trials.trial import Trial, format_trials, read_trials
from tests.conftest import ROOT
from tests.trials.made_up import (
    SEARCH,
    SETTINGS,
    SMALL_SPACE,
    SPACE,
    accuracy,
    learned,
    made_search,
    made_trial,
    searched_trials,
)


def test_the_committed_search_proposes_the_same_trials_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table stands in for the trainings, which take half an hour."""
    monkeypatch.chdir(ROOT)
    search = load_params().search
    assert search is not None
    results = {(str(trial.architecture), rung.epochs): rung for trial in read_trials(TRIALS) for rung in trial.rungs}

    def recorded(job: Job) -> State:
        overrides = {key: getattr(job.settings, key) for key in OVERRIDES}
        custom = CustomArchitecture(**job.architecture.model_dump(), **overrides)
        epochs, *numbers, _ = results[str(custom), job.settings.epochs]
        return State(history=[[1.0, 0.0, *(number or 0.0 for number in reversed(numbers))]] * epochs)

    assert format_trials(searched_trials(search, recorded)) == TRIALS.read_text()


def test_all_of_a_round_reach_the_first_rung_and_the_best_half_of_each_rung_the_next() -> None:
    asked: list[Job] = []
    trials = searched_trials(made_search(), jobs=asked)
    assert [(trial.number, trial.round) for trial in trials] == [(k, k // 4) for k in range(16)]
    expected = []
    for number in range(4):
        left = [trial for trial in trials if trial.round == number and not trial.unfit]
        for rung, epochs in enumerate((1, 2, 4), start=1):
            for trial in sorted(left, key=lambda one: -one.training_flops):
                settings = SETTINGS.model_copy(update={"epochs": epochs} | trial.architecture.overrides)
                name, architecture = f"trial-{trial.number}", trial.architecture.architecture
                expected.append(Job(name, architecture, settings, SETTINGS.seeds[0], tested=False))
            count = ceil(len(left) / 2)
            left = [trial for trial in left if len(trial.rungs) > rung]
            assert len(left) == (count if rung < 3 else 0)
    assert asked == expected
    assert {"kernel", "stride", "average"} <= trials[0].proposal.params.keys(), "other names change the proposals"


def proposed(result: Any = learned, **changed: Any) -> list[str]:
    return [str(trial.architecture) for trial in searched_trials(made_search(**changed), result)]


def test_seed_and_sampler_decide_the_proposals_and_results_decide_those_of_tpe_alone() -> None:
    def opposite(job: Job) -> State:
        return State(history=[[1.0, 0.5, 1.0, 1 - accuracy(job)]] * job.settings.epochs)

    assert proposed(trials=8) == proposed()[:8], "a longer search continues a shorter one"
    assert proposed() != proposed(seed=1)
    assert proposed() != proposed(sampler="random")
    assert proposed() != proposed(opposite)
    assert proposed(sampler="random") == proposed(opposite, sampler="random")


def test_every_round_has_a_seed_of_its_own() -> None:
    """With one seed for all, a second round of random draws would repeat the first and then continue its sequence."""
    two, one = (proposed(sampler="random", trials=8, trials_per_round=size) for size in (4, 8))
    assert two[:4] == one[:4]
    assert two[4:] != one[4:]


def test_what_takes_too_many_flops_or_does_not_fit_is_not_trained_and_its_kind_is_avoided() -> None:
    trials = searched_trials(made_search(trials=80, trials_per_round=8, max_training_flops=3_000_000))
    for trial in trials:
        fits = min(trial.architecture.image_sizes(28, 28)[-1]) >= 1
        assert bool(trial.unfit) == (not fits or trial.training_flops > 3_000_000) == (not trial.rungs)
    early, late = (sum(bool(trial.unfit) for trial in part) for part in (trials[:24], trials[-24:]))
    assert late < early


@pytest.mark.parametrize("image", [(28, 28), (28, 24, 3)])
def test_a_space_of_which_nothing_can_be_trained_is_refused_at_once_with_the_least_that_it_needs(
    image: tuple[int, ...],
) -> None:
    asked: list[Job] = []
    space = SMALL_SPACE | {"filters": [{"low": 8, "high": 8}, {"low": 4, "high": 6, "step": 2}]}
    space |= {"blocks": {"low": 2, "high": 3}, "kernel_size": [5, 3], "pool_stride": [1, 2]}

    def search(flops: int, image: tuple[int, ...] = image) -> list[Trial]:
        changed = {"space": space, "max_training_flops": flops, "trials": 96, "sampler": "random", "rungs": [1]}
        return searched_trials(made_search(**changed), jobs=asked, image=image)

    shape = "28x28x1" if len(image) == 2 else "28x24x3"
    with pytest.raises(InputError, match=rf"max_training_flops: expected at least \d+, .* {shape}, got 1\.") as refused:
        search(1)
    least = int(re.findall(r"at least (\d+)", str(refused.value))[0])
    with pytest.raises(InputError):
        search(least - 1)
    with pytest.raises(InputError, match=r"search\.space: no architecture fits images of 1x1x1"):
        search(least, image=(1, 1))
    assert not asked
    assert {trial.training_flops for trial in search(least) if not trial.unfit} == {least}


def test_repeats_are_not_trained_and_end_the_search() -> None:
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


FRONT = [  # one rank, of which 1 is near to 0, and one trial behind it
    made_trial(number, parameters, accuracy, training_flops=flops)
    for number, (parameters, accuracy, flops) in enumerate(
        [(1000, 0.5, 10), (2000, 0.55, 20), (20_000, 0.8, 30), (100_000, 0.9, 40), (100_000, 0.85, 1)]
    )
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
        (EQUAL, 21, [20]),  # one of both ends: the one of fewer FLOPs
        (EQUAL, 1.4, [0, *range(7, 21)]),  # 15.000000000000002 in floating point
        (FAILED, 4, [2]),
        (FAILED, 1, [2, 3]),  # what did not learn only counts in the number
    ],
)
def test_the_best_ranks_continue_and_of_equal_rank_those_apart(
    trials: list[Trial], reduction_factor: float, expected: list[int]
) -> None:
    assert [trial.number for trial in promote(trials, reduction_factor)] == expected


def sampled(count: int, space: dict[str, Any] = SPACE, **changed: Any) -> list[CustomArchitecture]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    checked = Space.model_validate(space | changed)
    return [sample_architecture(partial(suggest, study.ask()), checked) for _ in range(count)]


def test_whatever_is_sampled_is_of_the_space_and_doubling_is_equally_likely_everywhere() -> None:
    for found in sampled(200):
        assert all(2 <= number <= 64 for number in found.filters)
        assert 1 <= found.blocks <= 4
        assert (found.dense_units is None) == (found.head == "global_average")
        assert found.dropout in (0.0, 0.1, 0.2, 0.3)
    rates = np.array([found.learning_rate for found in sampled(200)])
    assert 0.001 <= rates.min() <= rates.max() <= 0.016
    assert 70 < (rates < 0.004).sum() < 130, "half of them; on a linear scale a fifth"


def test_a_key_that_is_left_out_has_the_value_of_the_notebook() -> None:
    (found,) = sampled(1, SMALL_SPACE, filters=[4])
    assert found.architecture == Architecture(
        filters=[4, 4], blocks=1, pooling="max", dense_units=16, activation="relu"
    )
    assert found.overrides == {"ema_momentum": 0}, "the learning rate is that of train"


@pytest.mark.parametrize(
    ("space", "key"),
    [
        ("kernel_size: {low: 3, high: 5}", "kernel_size"),
        ("filters: {low: 2, high: 7, step: 2}", "filters"),
        ("filters: [{low: 2, high: 4}, {low: 0, high: 4}]", "filters"),
        ("filters: [{low: 2, high: 4}, 8]", "filters.1"),
        ("blocks: [{low: 1, high: 2}]", "blocks"),
        ("dropout: {low: 0, high: 1}", "dropout"),
        ("dense_units: null", ""),  # a dense head needs them
        ("colour: [grey]", "colour"),
    ],
)
def test_what_is_no_space_is_refused_at_its_key(space: str, key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Search.model_validate(SEARCH | {"space": SPACE | read_yaml(space, "space")})
    (error,) = refused.value.errors()
    assert ".".join(str(part) for part in error["loc"][1:]).startswith(key)
