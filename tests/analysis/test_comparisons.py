"""Neighbours compared, number by number."""

from typing import Any

import numpy as np
import pytest

from stages.analysis.comparisons import steps_by_label, steps_table
from tests.analysis.made_up import runs


def right(*images: int) -> np.ndarray:
    """Return which of twelve test images are right."""
    return np.isin(np.arange(12), images)


MEMBERS = [
    runs("a", [0.80, 0.82], failed=3, diverged=1)._replace(correct=right(0, 1, 2)),
    runs("b", [0.84, 0.88])._replace(correct=right(1, 2, 3, 4, 5, 6, 7)),
    runs("c", [0.85, 0.86, 0.87, 0.88], failed=1)._replace(correct=right(1, 2, 3, 4, 5, 6)),
    runs("d", [], failed=2),
]


def test_every_number_of_a_step_is_that_of_the_runs_that_learned() -> None:
    """Welch's by t with 1.4706 and 1.4018 degrees of freedom; McNemar's 1 alone of 6, and 1 of 1."""
    expected: dict[str, dict[str, Any]] = {
        "a to b": {
            "difference": 0.05, "low": -0.0883705, "high": 0.1883705, "p": 0.1987274,
            "superiority": 1.0, "mcnemar_p": 2 * (1 + 6) / 2**6, "equivalence_p": 0.8871867,
            "p_holm": 2 * 0.1987274, "mcnemar_p_holm": 4 * (1 + 6) / 2**6, "equivalence_p_holm": 1.0,
            "direction": "open",
        },
        "b to c": {
            "difference": 0.005, "low": -0.1726709, "high": 0.1826709, "p": 0.8457377,
            "superiority": 4.5 / 8, "mcnemar_p": 1.0, "equivalence_p": 0.5,
            "p_holm": 0.8457377, "mcnemar_p_holm": 1.0, "equivalence_p_holm": 1.0,
            "direction": "open",
        },
        "c to d": {"direction": "open"},
    }  # fmt: skip
    steps = steps_by_label(steps_table(MEMBERS))
    assert list(steps) == list(expected)
    for name, numbers in expected.items():
        assert steps[name] == {key: pytest.approx(value, abs=1e-6) for key, value in numbers.items()}
        assert list(steps[name]) == list(numbers)
    single = steps_by_label(steps_table([runs("a", [0.8]), runs("b", [0.9])]))["a to b"]
    assert list(single) == ["difference", "superiority", "mcnemar_p", "mcnemar_p_holm", "direction"]


def test_direction_is_that_of_the_difference_where_the_corrected_p_value_is_below_5_percent() -> None:
    """Raw p-values 0.017, 0.037 and 0.037: corrected 0.051, 0.074 and 0.074."""
    three = [runs("a", 0.9), runs("b", 0.903), runs("c", 0.9005), runs("d", 0.903)]
    assert list(steps_table(three)["direction"]) == ["open"] * 3
    assert (steps_table(three)["p"] < 0.05).all()
    assert list(steps_table(three[:2])["direction"]) == ["up"]
    assert list(steps_table(three[1::-1])["direction"]) == ["down"]


def test_steps_that_cannot_be_compared_do_not_count_in_the_correction() -> None:
    steps = steps_table([runs("a", 0.88), runs("b", 0.8835), runs("c", [0.9]), runs("d", [])])
    assert steps["p_holm"].iloc[0] == pytest.approx(steps["p"].iloc[0])
    later = steps_table([runs("a", [0.9]), runs("b", 0.88), runs("c", 0.8835)])
    assert later["p_holm"].iloc[1] == pytest.approx(later["p"].iloc[1])
    assert list(later["direction"]) == ["open", "up"]
