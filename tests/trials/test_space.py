"""What can be searched among, and that whatever is drawn can be built, or is told to be out of bounds."""

import re
import tempfile
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.common import problems
from stages.flops import parameter_count
from stages.params import Space
from stages.training.architecture import Architecture, CustomArchitecture, build_model
from stages.training.backend import keras
from stages.trials.drawing import draw
from tests.trials.made_up import SPACE


def drawn(seed: int, **changed: Any) -> CustomArchitecture:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return draw(study.ask(), Space.model_validate(SPACE | changed))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_drawn_is_an_architecture_of_the_space(seed: int) -> None:
    found = drawn(seed)
    assert found.filters == type(found).model_validate(found.model_dump()).filters, "in its one form"
    assert all(2 <= number <= 64 for number in found.filters)
    assert 1 <= found.blocks <= 4
    assert (found.dense_units is None) == (found.head == "global_average")
    assert found.dropout in (0.0, 0.1, 0.2, 0.3)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(28, 28), (9, 14)]))
def test_what_fits_is_built_with_as_many_parameters_as_are_counted_and_saved(seed: int, shape: tuple[int, int]) -> None:
    """Some of the space's kinds come together in one of a hundred architectures only."""
    alone = drawn(seed, filters={"low": 1, "high": 5}, dense_units=[3, 8]).architecture
    if min(alone.image_sizes(*shape)[-1]) < 1:
        return  # such a trial is told as unfit: test_generations.py
    keras.utils.clear_session()
    model = build_model(alone, shape, 7)
    assert parameter_count(alone, shape, 7) == model.count_params()
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/it.keras")


def test_a_key_that_is_left_out_has_the_value_of_the_notebook() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space = {"filters": [4], "blocks": [1], "pooling": ["max"], "dense_units": [16], "activation": ["relu"]}
    found = draw(study.ask(), Space.model_validate(space))
    assert found.architecture == Architecture(
        filters=[4, 4], blocks=1, pooling="max", dense_units=16, activation="relu"
    )
    assert found.own == {"average": 0}, "the learning rate is as train says"


def test_a_learning_rate_is_drawn_where_the_space_has_one_so_that_doubling_is_as_likely_everywhere() -> None:
    assert drawn(0, learning_rate=[0.004]).own["learning_rate"] == 0.004
    rates = [drawn(seed, learning_rate={"low": 0.001, "high": 0.016}).own["learning_rate"] for seed in range(200)]
    assert min(rates) >= 0.001
    assert max(rates) <= 0.016
    assert 70 < sum(rate < 0.004 for rate in rates) < 130, "half of them; of equal chances everywhere it were a fifth"
    assert all(rate == float(f"{rate:g}") for rate in rates)
    steps = {"low": 0.001, "high": 0.003, "step": 0.001}
    assert {drawn(seed, learning_rate=steps).own["learning_rate"] for seed in range(40)} == {0.001, 0.002, 0.003}


def test_each_block_has_a_range_of_its_own_and_the_last_is_of_all_others() -> None:
    ranges = [{"low": 2, "high": 4}, {"low": 10, "high": 14, "step": 2}]
    many = [drawn(seed, filters=ranges, blocks=[3]).block_filters for seed in range(40)]
    first, second, third = ({number for found in many for number in found[block]} for block in range(3))
    assert (first, second, third) == ({2, 3, 4}, {10, 12, 14}, {10, 12, 14})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kernel": [3, 7]}, "kernel holds [3, 7]: input should be 3 or 5"),
        ({"kernel": {"low": 3, "high": 5}}, "kernel holds .*: a list of choices"),
        ({"kernel": []}, "kernel holds []: list should have at least 1 item"),
        ({"activation": ["relu", "swish"]}, "activation holds ['relu', 'swish']: input should be 'sigmoid', "),
        ({"filters": {"low": 0, "high": 4}}, "filters holds .*: input should be greater than or equal to 1"),
        ({"filters": {"low": 4, "high": 2}}, "filters holds .*: low is at most high"),
        ({"filters": {"low": 2, "high": 7, "step": 2}}, "filters holds .*: high is a whole number of steps above low"),
        ({"filters": {"low": 2.5, "high": 7}}, "filters holds .*: low, high and step are whole numbers"),
        ({"filters": {"low": 2}}, "filters.high is missing"),
        (
            {"filters": [{"low": 2, "high": 4}, {"low": 0, "high": 4}]},
            "filters holds .*: input should be greater than ",
        ),
        ({"filters": [{"low": 2, "high": 4}, {"low": 2}]}, "filters.1.high is missing"),
        ({"filters": [{"low": 2, "high": 4}, 8]}, "filters.1 holds 8: input should be a valid dictionary or "),
        ({"filters": [{"low": 2, "high": 4.5}]}, "filters holds .*: low, high and step are whole numbers"),
        ({"blocks": [{"low": 1, "high": 2}]}, "blocks holds .*: a list of choices, or one range"),
        ({"kernel": [{"low": 3, "high": 5}]}, "kernel holds .*: a list of choices"),
        ({"filters": {"low": 2, "high": 4, "log": True}}, "filters.log holds True: unknown key"),
        ({"blocks": [1, 1]}, "blocks holds [1, 1]: each choice once"),
        ({"dropout": {"low": 0, "high": 1}}, "dropout holds .*: input should be less than 1"),
        ({"dense_units": None}, "the file holds .*: dense_units, as the head may be dense"),
        ({"dense_units": [None]}, "dense_units holds [None]: input should be a valid integer"),
        ({"average": [1]}, "average holds [1]: input should be less than 1"),
        ({"learning_rate": {"low": 0, "high": 1}}, "learning_rate holds .*: input should be greater than 0"),
        ({"learning_rate": [None]}, "learning_rate holds [None]: input should be a valid number"),
        ({"colour": ["grey"]}, "colour holds ['grey']: unknown key"),
    ],
)
def test_what_no_architecture_may_hold_is_refused_in_a_phrase(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Space.model_validate(SPACE | changed)
    pattern = re.escape(said).replace(re.escape(".*"), ".*")
    assert re.match(pattern, problems(refused.value)), problems(refused.value)
