"""A search over made-up accuracies: what is trained, told and proposed, without a training."""

from collections.abc import Sequence
from math import log

import pytest

from stages.params import Search
from stages.trials.generations import best, searched
from stages.trials.proposals import Proposals
from stages.trials.trial import Rung, Trial
from tests.trials.made_up import IMAGES, SPACE, made_search, made_trial


class MadeUp:
    """An evaluation that is better for more parameters, epochs and `relu`; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, trials: Sequence[Trial], epochs: int) -> list[Rung]:
        self.asked += [(trial.number, epochs) for trial in trials]
        return [Rung(epochs, self.accuracy(trial, epochs), 1.0, learned=True) for trial in trials]

    def accuracy(self, trial: Trial, epochs: int) -> float:
        relu = trial.architecture.activation == "relu"
        return 0.4 + 0.02 * log(trial.parameters) + 0.01 * epochs + 0.1 * relu


def ran(search: Search) -> tuple[list[Trial], MadeUp]:
    evaluate = MadeUp()
    return searched(search, IMAGES, evaluate, lambda _: None), evaluate


def test_all_of_a_generation_reach_the_first_rung_and_a_share_of_each_rung_the_next() -> None:
    trials, evaluate = ran(made_search())
    assert [trial.number for trial in trials] == list(range(16))
    assert [trial.generation for trial in trials] == [k // 4 for k in range(16)]
    for generation in range(4):
        members = [trial for trial in trials if trial.generation == generation and not trial.unfit]
        first, second, third = (
            [number for number, epochs in evaluate.asked if epochs == rung and number // 4 == generation]
            for rung in (1, 2, 4)
        )
        assert first == [trial.number for trial in members]
        assert len(second) == -(-len(first) // 2)
        assert len(third) == -(-len(second) // 2)
        assert set(third) <= set(second) <= set(first)


def test_all_trials_so_far_are_told_after_every_generation() -> None:
    told: list[list[int]] = []
    searched(made_search(), IMAGES, MadeUp(), lambda trials: told.append([trial.number for trial in trials]))
    assert told == [list(range(4 * generation)) for generation in range(1, 5)]


def test_a_search_that_is_begun_again_proposes_the_same_and_a_longer_one_goes_on_from_it() -> None:
    once, _ = ran(made_search())
    assert ran(made_search())[0] == once
    longer, _ = ran(made_search(trials=24))
    assert longer[:16] == once
    assert len({str(trial.architecture) for trial in longer}) == 24


def test_another_seed_or_sampler_proposes_others_and_what_came_out_has_a_say_at_once_with_tpe_alone() -> None:
    def architectures(**changed: object) -> list[str]:
        return [str(trial.architecture) for trial in ran(made_search(trials=8, **changed))[0]]

    assert architectures() != architectures(seed=1)
    assert architectures() != architectures(sampler="random")

    class Other(MadeUp):
        def accuracy(self, trial: Trial, epochs: int) -> float:
            return 1 - super().accuracy(trial, epochs)

    for sampler, has_a_say in (("tpe", True), ("random", False)):
        search = made_search(trials=8, sampler=sampler)
        other = [str(one.architecture) for one in searched(search, IMAGES, Other(), lambda _: None)]
        assert (other != architectures(sampler=sampler)) is has_a_say


def test_what_is_too_dear_or_does_not_fit_is_not_trained_and_its_kind_is_avoided() -> None:
    search = made_search(trials=80, generation=8, operations=3_000_000)
    trials, evaluate = ran(search)
    unfit = [trial for trial in trials if trial.unfit]
    assert unfit
    assert not {number for number, _ in evaluate.asked} & {trial.number for trial in unfit}
    for trial in trials:
        fits = min(trial.architecture.image_sizes(*IMAGES.shape)[-1]) >= 1
        assert bool(trial.unfit) == (not fits or trial.training_flops > 3_000_000)
    early, late = (sum(bool(trial.unfit) for trial in part) for part in (trials[:24], trials[-24:]))
    assert late < early


def test_repeats_are_not_trained_and_end_the_search_when_they_are_as_many_as_trials() -> None:
    space = {"filters": [4, 8], "blocks": [1], "pooling": ["max"], "dense_units": [16], "activation": ["relu"]}
    trials, evaluate = ran(made_search(trials=8, space=space))
    assert sorted(tuple(trial.architecture.filters) for trial in trials) == [(4, 4), (4, 8), (8, 4), (8, 8)]
    assert len([number for number, epochs in evaluate.asked if epochs == 1]) == 4
    many, _ = ran(made_search(trials=64, space=space))
    assert [trial.architecture for trial in many] == [trial.architecture for trial in trials]


def test_who_did_not_start_is_told_as_out_of_bounds_and_goes_no_further() -> None:
    class SigmoidFails(MadeUp):
        def __call__(self, trials: Sequence[Trial], epochs: int) -> list[Rung]:
            given = super().__call__(trials, epochs)
            fails = [trial.architecture.activation == "sigmoid" for trial in trials]
            return [rung._replace(learned=not fail) for rung, fail in zip(given, fails, strict=True)]

    evaluate = SigmoidFails()
    trials = searched(made_search(trials=64), IMAGES, evaluate, lambda _: None)
    for trial in trials:
        if trial.architecture.activation == "sigmoid" and trial.rungs:
            assert trial.violation == 1
            assert len(trial.rungs) == 1
    late = [trial.architecture.activation for trial in trials[-24:]]
    assert late.count("relu") > 2 * late.count("sigmoid"), "its kind is avoided"


def test_every_generation_begins_from_all_that_was_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[tuple[int, int]]] = []
    generation = Proposals.generation

    def remembered(self: Proposals, number: int, before: Sequence[Trial]) -> list[Trial]:
        told.append([(trial.number, len(trial.rungs)) for trial in before])
        return generation(self, number, before)

    monkeypatch.setattr(Proposals, "generation", remembered)
    trials, _ = ran(made_search())
    assert told == [[(trial.number, len(trial.rungs)) for trial in trials[: 4 * k]] for k in range(4)]


def test_the_best_is_of_highest_accuracy_among_those_within_the_budget() -> None:
    trials = [
        made_trial(0, 16_001, 0.95),
        made_trial(1, 16_000, 0.8, 0.9),
        made_trial(2, 9_000, 0.91, 0.89),  # its last rung counts
        made_trial(3, 100, None),
    ]
    assert best(trials, 16_000) is trials[1]
    assert best(trials, 16_001) is trials[0]
    assert best(trials, 99) is None
    assert best(trials, 100) is None, "it did not learn"
    equal = [made_trial(0, 200, 0.9), made_trial(1, 100, 0.9), made_trial(2, 100, 0.9)]
    assert best(equal, 1000) is equal[1], "the smaller, then the first"


def test_space_is_of_the_documented_keys() -> None:
    assert set(SPACE) == set(type(made_search().space).model_fields)
