"""The section `search` of params.yaml: what it refuses, in one line."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from stages.common import problems
from stages.params import Search
from tests.trials.made_up import SEARCH


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trials": 15}, "trials holds 15: a multiple of generation, 4"),
        ({"trials": 0}, "trials holds 0: input should be greater than or equal to 1"),
        ({"epochs": [3, 3]}, "epochs holds [3, 3]: rungs, each of more epochs than the one before"),
        ({"epochs": [4, 3]}, "epochs holds [4, 3]: rungs, each of more epochs than the one before"),
        ({"epochs": []}, "epochs holds []: list should have at least 1 item"),
        ({"keep": 0}, "keep holds 0: input should be greater than 0"),
        ({"keep": 1.5}, "keep holds 1.5: input should be less than or equal to 1"),
        ({"ties": "random"}, "ties holds 'random': input should be 'operations' or 'crowding'"),
        ({"sampler": "nsga"}, "sampler holds 'nsga': input should be 'tpe' or 'random'"),
        ({"operations": 0}, "operations holds 0: input should be greater than or equal to 1"),
        ({"budgets": {}}, "budgets holds {}: dictionary should have at least 1 item"),
        ({"budgets": {"small": 0}}, "budgets.small holds 0: input should be greater than or equal to 1"),
        ({"budgets": {"a b": 5}}, "budgets.a b holds 'a b': string should match pattern"),
        ({"workers": 2}, "workers holds 2: unknown key"),
    ],
)
def test_what_a_search_cannot_be_is_refused_in_a_phrase(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Search.model_validate(SEARCH | changed)
    assert re.match(re.escape(said), problems(refused.value)), problems(refused.value)
