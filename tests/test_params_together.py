"""Keys of params.yaml of which one decides what another may hold."""

from typing import Any

import pytest

from stages.params import load_params
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
    write(with_width(head="average", dense_units=None, blocks=2, filters=[2, 4, 8, 8]))
    params = load_params()
    assert (params.width.filters, params.width.dense_units) == ([2, 4, 8, 8], None)
    assert params.picks()[0].label == "(2, 4 / 8, 8)"
    assert params.studied()[0].architecture.filters == [2, 4], "the study's own kernels, in both blocks"
    del (content := with_width(head="average"))["width"]["dense_units"]
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


def test_the_same_architecture_under_two_names_is_refused() -> None:
    write(changed("study.width.again", [8, 16]))
    assert "study.width.again holds [8, 16]: an architecture that study.width.w8-16 is not" in refusal()
    content = with_width(blocks=2)
    content["study"] = CONTENT["study"] | {"width": {"a": [2, 4], "b": [2, 4, 2, 4]}}
    write(content)
    assert "study.width.b holds [2, 4]" in refusal()
