"""What is sampled from a space, and that the committed search proposes what it did."""

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.common import TRIALS
from stages.jobs import Job
from stages.params import Search, Space, load_params
from stages.training.architecture import OVERRIDES, Architecture, CustomArchitecture
from stages.training.results import State
from stages.trials.sampler import sample_architecture
from stages.trials.table import read_trials, trials_text
from tests.conftest import ROOT
from tests.trials.made_up import SEARCH, SMALL_SPACE, SPACE, searched_trials


def sampled(seed: int, space: dict[str, Any] = SPACE, **changed: Any) -> CustomArchitecture:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return sample_architecture(study.ask(), Space.model_validate(space | changed))


def test_the_committed_search_proposes_the_same_trials_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its table stands in for the trainings, which take half an hour."""
    monkeypatch.chdir(ROOT)
    params = load_params()
    assert params.search is not None
    results = {(str(trial.architecture), rung.epochs): rung for trial in read_trials(TRIALS) for rung in trial.rungs}

    def recorded(job: Job) -> State:
        overrides = {key: getattr(job.settings, key) for key in OVERRIDES}
        rung = results[str(CustomArchitecture(**job.architecture.model_dump(), **overrides)), job.settings.epochs]
        return State(history=[[1.0, 0.0, rung.loss or 0, rung.accuracy or 0]] * rung.epochs)

    assert trials_text(searched_trials(params.search, recorded)) == TRIALS.read_text()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_sampled_is_an_architecture_of_the_space(seed: int) -> None:
    found = sampled(seed)
    assert all(2 <= number <= 64 for number in found.filters)
    assert 1 <= found.blocks <= 4
    assert (found.dense_units is None) == (found.head == "global_average")
    assert found.dropout in (0.0, 0.1, 0.2, 0.3)


def test_a_key_that_is_left_out_has_the_value_of_the_notebook() -> None:
    found = sampled(0, SMALL_SPACE, filters=[4])
    notebook = Architecture(filters=[4, 4], blocks=1, pooling="max", dense_units=16, activation="relu")
    assert found.architecture == notebook
    assert found.overrides == {"ema_momentum": 0}, "the learning rate is that of train"


def test_a_learning_rate_is_sampled_so_that_doubling_is_equally_likely_everywhere() -> None:
    rates = np.array([sampled(seed, learning_rate={"low": 0.001, "high": 0.016}).learning_rate for seed in range(200)])
    assert rates.min() >= 0.001
    assert rates.max() <= 0.016
    assert 70 < (rates < 0.004).sum() < 130, "half of them; on a linear scale a fifth"
    assert all(rate == float(f"{rate:g}") for rate in rates)
    steps = {"low": 0.001, "high": 0.003, "step": 0.001}
    assert {sampled(seed, learning_rate=steps).learning_rate for seed in range(40)} == {0.001, 0.002, 0.003}


def test_each_block_has_its_own_range_and_the_last_range_is_for_all_others() -> None:
    ranges = [{"low": 2, "high": 4}, {"low": 10, "high": 14, "step": 2}]
    many = [sampled(seed, filters=ranges, blocks=[3]).block_filters for seed in range(40)]
    first, second, third = ({number for found in many for number in found[block]} for block in range(3))
    assert (first, second, third) == ({2, 3, 4}, {10, 12, 14}, {10, 12, 14})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"trials": 15}, "trials"),  # not a multiple of trials_per_round
    ({"rungs": [3, 3]}, "rungs"),
    ({"rungs": []}, "rungs"),
    ({"reduction_factor": 0.5}, "reduction_factor"),
    ({"budgets": {}}, "budgets"),
    ({"budgets": {"a b": 5}}, "budgets.a b"),
]
REFUSED_SPACES: list[tuple[dict[str, Any], str]] = [
    ({"kernel_size": [3, 7]}, "space.kernel_size"),
    ({"kernel_size": {"low": 3, "high": 5}}, "space.kernel_size"),
    ({"filters": {"low": 0, "high": 4}}, "space.filters"),
    ({"filters": {"low": 4, "high": 2}}, "space.filters"),
    ({"filters": {"low": 2, "high": 7, "step": 2}}, "space.filters"),
    ({"filters": {"low": 2.5, "high": 7}}, "space.filters"),
    ({"filters": [{"low": 2, "high": 4}, {"low": 0, "high": 4}]}, "space.filters"),
    ({"filters": [{"low": 2, "high": 4}, 8]}, "space.filters.1"),
    ({"blocks": [{"low": 1, "high": 2}]}, "space.blocks"),
    ({"blocks": [1, 1]}, "space.blocks"),
    ({"dropout": {"low": 0, "high": 1}}, "space.dropout"),
    ({"dense_units": None}, "space"),  # a dense head needs them
    ({"dense_units": [None]}, "space.dense_units"),
    ({"learning_rate": {"low": 0, "high": 1}}, "space.learning_rate"),
    ({"colour": ["grey"]}, "space.colour"),
]


@pytest.mark.parametrize(
    ("changed", "key"), REFUSED + [({"space": SPACE | changed}, key) for changed, key in REFUSED_SPACES]
)
def test_a_section_that_is_no_search_is_refused_at_its_key(changed: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Search.model_validate(SEARCH | changed)
    (error,) = refused.value.errors()
    parts = [str(part) for part in error["loc"] if str(part)[0] != "["]
    assert ".".join(parts).startswith(key)
