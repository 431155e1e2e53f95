"""The figures of a search, against trials for which another formula draws another number."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from stages.report.search_figures import front_figure, progress_figure
from tests.trials.made_up import made_search, made_trial

SEARCH = made_search(rungs=[1, 2], budgets={"small": 1000, "large": 10_000})
TRIALS = [
    made_trial(0, 500, 0.5, 0.7),
    made_trial(1, 1000, 0.8),
    made_trial(2, 900, 0.75, 0.6),
    made_trial(3, 9000, 0.79, round=1),
    made_trial(4, 200, None, round=1),
    made_trial(5, 20_000, 0.85, round=2),
    made_trial(6, 0, round=2, unfit=1.0),
]


def lines(figure: Figure) -> dict[str, list[tuple[float, float]]]:
    """The points of every line by its label."""
    (axes,) = figure.axes
    return {
        str(line.get_label()): [(float(x), round(float(y), 6)) for x, y in np.asarray(line.get_xydata())]
        for line in axes.get_lines()
    }


def test_every_trained_trial_is_a_point_at_its_last_rung_and_the_front_is_a_line() -> None:
    figure = front_figure(TRIALS, SEARCH)
    drawn = lines(figure)
    assert drawn["never learned"] == [(200, 70.0)], "far below: at the lower edge"
    assert drawn["1 epoch"] == [(1000, 80.0), (9000, 79.0), (20_000, 85.0)]
    assert drawn["2 epochs"] == [(500, 70.0), (900, 70.0)]
    assert drawn["the front"] == [(500, 70.0), (1000, 80.0), (20_000, 85.0)]
    assert {text.get_text() for text in figure.axes[0].texts} == {"small, 1,000", "large, 10,000"}


def test_the_best_so_far_never_falls_and_is_drawn_against_all_epochs_trained() -> None:
    drawn = lines(progress_figure(TRIALS, SEARCH))
    for points in drawn.values():
        assert [x for x, _ in points] == [2 + 1 + 2, 5 + 1 + 1, 7 + 1]
    assert np.allclose([y for _, y in drawn["small"]], [80, 80, 80])
    assert np.allclose([y for _, y in drawn["large"]], [80, 80, 80]), "the dearer one is over the budget"


def test_a_budget_that_nothing_is_under_has_no_point_and_says_so() -> None:
    trials = [made_trial(0, 5000, 0.5), made_trial(1, 900, 0.4, round=1)]
    (_, none), (_, later) = lines(progress_figure(trials, SEARCH))["small"]
    assert np.isnan(none)
    assert later == pytest.approx(40)
    assert list(lines(progress_figure(trials[:1], SEARCH))) == ["small: none", "large"]
    assert front_figure([made_trial(0, 900, None)], SEARCH).axes
