"""Keys of params.yaml of which one decides what another may hold."""

import copy
from typing import Any

import pytest

from stages.params import load_params
from stages.training.architecture import Architecture
from tests.test_params import CONTENT, changed, project, refusal, write

__all__ = ["project"]


def with_width(**keys: Any) -> dict[str, Any]:
    return changed("width", CONTENT["width"] | keys)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"head": "average"}, "width.dense_units holds 80: null, as a head of kind average has no hidden layer"),
        ({"dense_units": None}, "width.dense_units is missing: a head of kind dense has a hidden layer"),
        ({"filters": [8, 16, 32]}, "width.filters holds [8, 16, 32]: two numbers"),
        (
            {"filters": [8, 16, 8, 16]},
            "width.filters holds [8, 16, 8, 16]: two numbers",
        ),
        ({"filters": [2, 4, 8], "blocks": 2}, "two numbers, or 4: two for each of 2 blocks"),
    ],
)
def test_what_a_key_may_hold_follows_from_the_others(keys: dict[str, Any], reason: str) -> None:
    write(with_width(**keys))
    assert reason in refusal()


def test_an_architecture_of_two_heads_and_blocks_that_differ_is_read() -> None:
    write(with_width(head="global_average", dense_units=None, blocks=2, filters=[2, 4, 8, 8]))
    params = load_params()
    assert (params.width.filters, params.width.dense_units) == ([2, 4, 8, 8], None)
    assert params.baselines()[0].label == "(2, 4 / 8, 8)"
    assert params.studied()[0].architecture.filters == [2, 4], "the study's own kernels, in both blocks"
    del (content := with_width(head="global_average"))["width"]["dense_units"]
    write(content)
    assert load_params().width.dense_units is None


def test_a_study_s_blocks_may_differ_too_where_their_number_is_width_s() -> None:
    content = with_width(blocks=2)
    content["study"] = CONTENT["study"] | {"width": {"a": [2, 4, 2, 4], "b": [2, 4, 4, 4]}}
    write(content)
    assert [named.architecture.filters for named in load_params().studied()][:2] == [[2, 4], [2, 4, 4, 4]]
    write(changed("study.width.c", [2, 4, 4, 4]))
    assert "study.width.c holds [2, 4, 4, 4]: two numbers" in refusal()
    write(changed("depth", CONTENT["depth"] | {"blocks": 2, "filters": [6, 6, 8, 8]}))
    assert "depth.filters holds [6, 6, 8, 8]: two numbers, as study.depth varies the blocks" in refusal()


MINE = {"filters": [4, 8], "blocks": 1, "pooling": "max", "dense_units": 16, "activation": "relu"}


def with_found(**found: dict[str, Any]) -> dict[str, Any]:
    return changed("study.custom", found)


def test_what_was_found_is_complete_and_may_name_an_average_and_a_learning_rate_of_its_own() -> None:
    own = {"average": 0.5, "learning_rate": 0.004}
    write(with_found(mine=MINE, averaged=MINE | {"average": 0.9}, plain=MINE | own | {"kernel": 3}))
    params = load_params()
    *_, mine, averaged, plain = params.studied()
    assert [(one.name, one.family, one.key, one.label, one.is_baseline) for one in (mine, averaged)] == [
        ("mine", "custom", "mine", "mine", False),
        ("averaged", "custom", "averaged", "averaged", False),
    ]
    assert mine.architecture == averaged.architecture == Architecture.model_validate(MINE)
    assert plain.architecture.kernel_size == 3
    assert [params.settings(one).average for one in (params.baselines()[0], mine, averaged, plain)] == [0, 0, 0.9, 0.5]
    assert params.settings(averaged) == params.train.model_copy(update={"average": 0.9})
    assert params.settings(plain) == params.train.model_copy(update=own)
    assert params.settings(mine) == params.train


def test_train_s_average_holds_where_what_was_found_names_none_and_not_where_it_names_0() -> None:
    content = with_found(mine=MINE, plain=MINE | {"average": 0})
    content["train"] = CONTENT["train"] | {"average": 0.9}
    write(content)
    params = load_params()
    assert [params.settings(one).average for one in params.studied()[-2:]] == [0.9, 0]


def test_a_file_from_before_anything_could_be_found_is_read() -> None:
    content = copy.deepcopy(CONTENT)
    del content["study"]["custom"]
    write(content)
    assert load_params().study.custom == {}


@pytest.mark.parametrize(
    ("custom", "reason"),
    [
        ({"mine": MINE | {"blocks": 0}}, "study.custom.mine.blocks holds 0: "),
        ({"mine": MINE | {"seeds": 0}}, "study.custom.mine.seeds holds 0: unknown key"),
        ({"mine": MINE | {"average": 1}}, "study.custom.mine.average holds 1: "),
        ({"mine": MINE | {"learning_rate": 0}}, "study.custom.mine.learning_rate holds 0: "),
        ({"mine": {"filters": [4, 8]}}, "study.custom.mine.blocks is missing"),
        ({"mine": MINE | {"filters": [4, 8, 16, 16]}}, "study.custom.mine.filters holds [4, 8, 16, 16]: two numbers"),
        ({"mine": MINE | {"dense_units": None}}, "study.custom.mine.dense_units is missing: a head of kind dense has"),
        ({"w2-4": MINE}, "study.custom.w2-4 holds [4, 8]: a name that study.width does not hold"),
        (
            {"mine": MINE, "again": MINE},
            "study.custom.again holds [4, 8]: an architecture that study.custom.mine is not",
        ),
        ({"mine": MINE, "again": MINE | {"kernel": 5}}, "study.custom.again holds [4, 8]: an architecture that"),
        ({"mine": MINE, "again": MINE | {"average": 0}}, "study.custom.again holds [4, 8]: an architecture that"),
        ({"mine": MINE, "again": MINE | {"learning_rate": 0.001}}, "study.custom.again holds [4, 8]: an architecture"),
        (
            {"mine": MINE | {"blocks": 2}, "again": MINE | {"blocks": 2, "filters": [4, 8, 4, 8]}},
            "study.custom.again holds [4, 8]: an architecture that study.custom.mine is not",
        ),
    ],
)
def test_what_was_found_is_refused_by_its_key(found: dict[str, Any], reason: str) -> None:
    write(with_found(**found))
    assert reason in refusal()


def test_what_the_study_varies_may_be_found_as_well() -> None:
    write(with_found(mine=CONTENT["width"], other=CONTENT["depth"]))
    assert len(load_params().studied()) == 9 + 2


def test_the_same_architecture_under_two_names_is_refused() -> None:
    write(changed("study.width.again", [8, 16]))
    assert "study.width.again holds [8, 16]: an architecture that study.width.w8-16 is not" in refusal()
    content = with_width(blocks=2)
    content["study"] = CONTENT["study"] | {"width": {"a": [2, 4], "b": [2, 4, 2, 4]}}
    write(content)
    assert "study.width.b holds [2, 4]" in refusal()
