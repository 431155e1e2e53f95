"""What the pictures of a search show, against trials made up so that another formula draws another number."""

import numpy as np
import pytest

from stages.page.search_pictures import front_figure, progress_figure
from tests.trials.made_up import made_search, made_trial

SEARCH = made_search(epochs=[1, 2], budgets={"small": 1000, "large": 10_000})
TRIALS = [
    made_trial(0, 500, 0.5, 0.7),
    made_trial(1, 1000, 0.8),
    made_trial(2, 900, 0.75, 0.6),
    made_trial(3, 9000, 0.79, generation=1),
    made_trial(4, 200, None, generation=1),
    made_trial(5, 20_000, 0.85, generation=2),
    made_trial(6, 0, generation=2, unfit=1.0),
]


def test_every_trained_trial_is_a_point_at_its_last_rung_and_the_front_is_a_line() -> None:
    (axes,) = front_figure(TRIALS, SEARCH).axes
    drawn = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.get_lines()}
    assert drawn["never started"] == [(200, pytest.approx(70))], "far below: at the lower edge"
    assert drawn["1 epoch"] == [(1000, pytest.approx(80)), (9000, pytest.approx(79)), (20_000, pytest.approx(85))]
    assert drawn["2 epochs"] == [(500, pytest.approx(70)), (900, pytest.approx(70))]
    assert drawn["the front"] == [(500, pytest.approx(70)), (1000, pytest.approx(80)), (20_000, pytest.approx(85))]
    assert {text.get_text().strip() for text in axes.texts} == {"small, 1,000", "large, 10,000"}


def test_the_best_so_far_never_falls_and_is_drawn_against_all_epochs_trained() -> None:
    (axes,) = progress_figure(TRIALS, SEARCH).axes
    drawn = {line.get_label(): line.get_data() for line in axes.get_lines()}
    for x, _ in drawn.values():
        assert list(x) == [2 + 1 + 2, 5 + 1 + 1, 7 + 1]
    assert np.allclose(drawn["small"][1], [80, 80, 80])
    assert np.allclose(drawn["large"][1], [80, 80, 80]), "the dearer one is over the budget"


def test_a_budget_that_nothing_is_within_yet_has_no_point() -> None:
    (axes,) = progress_figure([made_trial(0, 5000, 0.5), made_trial(1, 900, 0.4, generation=1)], SEARCH).axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert np.isnan(drawn["small"][0])
    assert drawn["small"][1] == pytest.approx(40)
    assert np.allclose(drawn["large"], [50, 50])
