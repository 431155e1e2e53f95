"""Neighbours compared, number by number."""

import numpy as np
import pandas as pd
import pytest

from stages.analysis.comparisons import steps_by_label, steps_table
from tests.analysis.made_up import runs
from tests.conftest import table


def right(*images: int) -> np.ndarray:
    """Return which of twelve test images are right."""
    return np.isin(np.arange(12), images)


MEMBERS = [
    runs("a", [0.80, 0.82], failed=3, diverged=1)._replace(correct=right(0, 1, 2)),
    runs("b", [0.84, 0.88])._replace(correct=right(1, 2, 3, 4, 5, 6, 7)),
    runs("c", [0.85, 0.86, 0.87, 0.88], failed=1)._replace(correct=right(1, 2, 3, 4, 5, 6)),
    runs("d", [], failed=2),
]
STEPS = table("""step, difference, low, high, p, superiority, mcnemar_p, equivalence_p, \
p_holm, mcnemar_p_holm, equivalence_p_holm, direction
a to b, 0.05, -0.0883705, 0.1883705, 0.1987274, 1.0, 0.21875, 0.8871867, 0.3974548, 0.4375, 1.0, open
b to c, 0.005, -0.1726709, 0.1826709, 0.8457377, 0.5625, 1.0, 0.5, 0.8457377, 1.0, 1.0, open
c to d, , , , , , , , , , , open
""").set_index("step")


def test_every_number_of_a_step_is_that_of_the_runs_that_learned() -> None:
    """Welch's by t with 1.4706 and 1.4018 degrees of freedom; McNemar's 1 alone of 6 (2 x 7 / 2^6), and 1 of 1.

    Holm doubles the p-values of the first step, except that of equivalence, which is the higher one.
    """
    steps = steps_table(MEMBERS)
    pd.testing.assert_frame_equal(steps, STEPS, check_names=False, rtol=0, atol=1e-6)
    assert steps_by_label(steps)["c to d"] == {"direction": "open"}
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
