"""The page's charts: what is drawn where, of made-up numbers for which another reading gives another place."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.report import charts
from stages.report.charts import EPOCHS_DRAWN, HEIGHT, LINE, MEANS, ROW, Chart
from tests.conftest import table


def drawn(chart: Chart, kind: str, role: str | None = None) -> list[Any]:
    """Return places and texts of the marks of a kind, of a line or band its corners."""
    marks = [mark for mark in chart.marks if mark.kind == kind and role in (None, mark.role)]
    places = [np.round([mark.x, mark.y], 6).T.tolist() for mark in marks]
    return [(*place, mark.text) if np.ndim(mark.x) == 0 else place for place, mark in zip(places, marks, strict=True)]


RUNS = table("""architecture, seed, test_accuracy, learned
a, 0, 0.80, True
a, 1, 0.90, True
b, 0, 0.10, False
b, 1, , False
c, 0, 0.70, True
c, 1, 0.11, False
c, 0, 0.70, True
c, 1, 0.11, False
""")
NUMBERS = table(f"""family, learned, seeds, reference, {", ".join(MEANS)}
width, 2, 2, 0.86, 0.85, 0.78, 0.92
width, 0, 2, 0.10, , ,
depth, 1, 2, , 0.70, ,
""").set_axis(["a", "b", "c"])


def upper(percent: float) -> Any:
    """Return the place of a value above the break, from 68.7 (70 less a margin of 1.3) to 91.3."""
    return pytest.approx(14 + 86 * (percent - 68.7) / 22.6, abs=1e-5)


def test_runs_that_failed_are_crosses_at_their_accuracy_below_a_broken_axis() -> None:
    """The lower part ends halfway, at 40.5; a network that two families name is drawn once."""
    chart = charts.accuracy_chart(RUNS, NUMBERS)
    a, b, c = 1.5 * ROW, 2.5 * ROW, 4.5 * ROW
    assert drawn(chart, "heading") == [(0, 0.5 * ROW, "width: filters"), (0, 3.5 * ROW, "depth: blocks")]
    assert drawn(chart, "dot") == [
        (upper(80), a - 2.5, "a, seed 0: 80.00 %"), (upper(90), a + 2.5, "a, seed 1: 90.00 %"),
        (upper(70), c - 2.5, "c, seed 0: 70.00 %"),
    ]  # fmt: skip
    below = 10 / 40.5
    assert drawn(chart, "cross") == [
        (pytest.approx(10 * below), b - 2.5, "b, seed 0: 10.00 %"), (0, b + 2.5, "b, seed 1: loss NaN or infinite"),
        (pytest.approx(11 * below), c + 2.5, "c, seed 1: 11.00 %"),
    ]  # fmt: skip
    assert drawn(chart, "tick") == [(upper(85), a, "a, mean: 85.00 %"), (upper(70), c, "c, mean: 70.00 %")]
    assert drawn(chart, "line", "interval") == [[[upper(78), a], [pytest.approx(100), a]]], "to the edge"
    assert [place[:2] for place in drawn(chart, "diamond")] == [(upper(86), a), (pytest.approx(10 * below), b)]
    assert drawn(chart, "label") == [(100, a, "85.00"), (100, b, "0 of 2"), (100, c, "70.00 (1 of 2)")]
    assert [text for _, text in chart.x] == ["70", "75", "80", "85", "90", "10"]
    assert chart.x[-1][0] == pytest.approx(10 * below)
    assert chart.y == [(a, "a"), (b, "b"), (c, "c")]


def test_axis_is_whole_if_all_runs_are_alike() -> None:
    """From 80 to 90 less and plus a margin of 0.8, or from 0 to 10."""
    numbers = NUMBERS.assign(reference=math.nan)
    learned, failed = charts.accuracy_chart(RUNS[:2], numbers[:1]), charts.accuracy_chart(RUNS[2:4], numbers[1:2])
    places = 100 * np.array([0.8, 10.8]) / 11.6
    assert [x for x, *_ in drawn(learned, "dot")] == pytest.approx(places)
    assert [x for x, *_ in drawn(failed, "cross")] == pytest.approx(places[::-1])
    assert not drawn(learned, "gap") + drawn(failed, "gap")


CURVES = table("""network, seed, epoch, loss
a, 0, 1, 2.0
a, 0, 3, 1.0
a, 1, 1, 1.0
a, 1, 3, 0.8
b, 0, 1, 2.0
b, 0, 3, 1.0
c, 0, 1, 0.4
c, 0, 3, 0.89
""")


def test_a_line_is_the_mean_over_the_seeds_in_a_band_from_the_lowest_to_the_highest() -> None:
    chart = charts.lines_chart(CURVES, "network", "loss", "title", ([0, 2], [HEIGHT, 0]))
    at = HEIGHT / 2
    assert drawn(chart, "line", "mean")[0] == [[0, 0.5 * at], [100, pytest.approx(1.1 * at)]]
    assert drawn(chart, "band") == [[[0, at], [100, pytest.approx(1.2 * at)], [100, at], [0, 0]]]
    assert drawn(chart, "line", "seed") == [[[0, 0], [100, at]], [[0, at], [100, pytest.approx(1.2 * at)]]]
    assert {mark.text: mark.shade for mark in chart.marks if mark.role == "mean"} == {"a": 0, "b": 50, "c": 100}
    assert [text for _, text in chart.x] == ["1", "2", "3"]
    middle = (at + 1.11 * at) / 2  # of the ends, of 1.0, 0.9 and 0.89
    assert drawn(chart, "label") == [
        (100, pytest.approx(middle + k * LINE), name) for k, name in zip((-1, 0, 1), "bac", strict=True)
    ]


def test_labels_stay_inside_the_chart_and_long_trainings_are_thinned_to_their_last_epoch() -> None:
    rows = [(f"n{k}", 0, epoch, 0.0) for k in range(16) for epoch in range(1, 1000)]
    most, too_many = (pd.DataFrame(rows[: count * 999], columns=CURVES.columns) for count in (15, 16))
    chart = charts.lines_chart(most, "network", "loss", "title", ([0, 2], [HEIGHT, 0]))
    places = sorted(y for _, y, _ in drawn(chart, "label"))
    assert min(np.diff(places)) == pytest.approx(LINE)
    assert (places[0] > 0, places[-1]) == (True, HEIGHT)
    assert not drawn(charts.lines_chart(too_many, "network", "loss", "title", ([0, 2], [HEIGHT, 0])), "label")
    line = drawn(chart, "line", "mean")[0]
    assert len(line) <= EPOCHS_DRAWN + 2
    assert (line[0][0], line[-1][0]) == (0, 100)


def layers_of(name: str, seed: int, *norms: float) -> list[tuple[Any, ...]]:
    return [
        (name, name, seed, epoch, layer, norm * factor, math.nan if factor > 1 else epoch / 4)
        for epoch, norm in enumerate(norms) for layer, factor in (("hidden", 1), ("last", 1000))
    ]  # fmt: skip


def test_gradients_of_the_best_run_and_of_one_that_failed_share_an_axis_and_vanish_below_a_thousandth() -> None:
    columns = ["name", "architecture", "seed", "epoch", "layer", "gradient_norm", "saturated"]
    rows = layers_of("a", 0, 0.01, 0.01) + layers_of("a", 1, 0.01, 1e-6) + layers_of("b", 0, 0.1, 1e-7)
    layers = pd.DataFrame([*rows, *layers_of("b", 1, 1, 1), *layers_of("c", 0, 1e5, 1e5)], columns=columns)
    accuracy = RUNS.assign(name=RUNS["architecture"])[:6]
    found = charts.layers_charts(layers, accuracy)
    assert list(found) == ["A run that learned: a, seed 1", "A run that never learned: b, seed 0"]
    (learned, saturated), (failed, _) = found.values()
    assert learned.y == failed.y
    assert [text for _, text in failed.y] == ["1e-6", "1e-4", "1e-2", "1e0", "1e2"]  # 1e-7 to 1e2
    assert drawn(failed, "line", "mean")[0] == [[0, pytest.approx(HEIGHT * 3 / 9)], [100, HEIGHT]]
    assert [text for *_, text in drawn(failed, "note")] == ["gradient vanished: 1e-7"]
    assert not drawn(learned, "note"), "a small gradient ends a training that learned"
    assert drawn(saturated, "line", "mean") == [[[0, HEIGHT], [100, 0.75 * HEIGHT]]], "the softmax has none"
    assert list(charts.layers_charts(layers, accuracy[accuracy["name"] == "b"])) == [
        "A run that never learned: b, seed 0"
    ]
    zero = charts.layers_charts(layers.replace({"gradient_norm": {1e-7: 0.0}}), accuracy)
    assert "1e-45" in drawn(list(zero.values())[1][0], "note")[0][2]
    assert charts.layers_charts(layers.replace({"gradient_norm": {1e-7: np.inf, 1e-4: np.inf}}), accuracy)


def test_cost_has_a_front_whose_networks_are_named_and_failed_ones_lie_at_the_edge() -> None:
    numbers = table("""name, family, learned, validation_accuracy, flops
a, width, 1, 0.90, 100000
b, width, 1, 0.80, 1000
c, width, 1, 0.85, 10000
d, width, 0, 0.10, 1000
""").set_index("name")
    chart = charts.cost_chart(numbers, "flops", "FLOPs")
    a, b, c, d = drawn(chart, "dot")
    assert [place[0] for place in (a, b, c, d)] == pytest.approx([100 * x / 2.7 for x in (2.5, 0.5, 1.5, 0.5)])
    assert [place[1] for place in (a, b, c, d)] == pytest.approx([HEIGHT * y / 12 for y in (1, 11, 6, 12)])
    assert d[2] == "d: 10.00 %, 1,000 FLOPs"
    corners = drawn(chart, "line", "front")[0]
    assert np.allclose(corners, [b[:2], (c[0], b[1]), c[:2], (a[0], c[1]), a[:2], (100, a[1])])
    assert [text for *_, text in drawn(chart, "note")] == ["a", "c", "b"]
    close = charts.cost_chart(
        numbers.assign(validation_accuracy=[0.9, 0.8999, 0.8998, 0.1], flops=[100, 99, 98, 1]), "flops", ""
    )
    assert [text for *_, text in drawn(close, "note")] == ["a", "d"], "no room for the others"
    assert [text for _, text in chart.x] == ["1 k", "10 k", "100 k"]
    assert charts.cost_chart(numbers[:1], "flops", "").marks


def test_ticks_are_round_and_names_are_cut_behind_the_first() -> None:
    assert dict(charts.ticks(([0, 4], [0, 40]))) == {0: "0", 10: "1", 20: "2", 30: "3", 40: "4"}
    assert charts.shortened("medium = depth baseline", 24) == "medium = depth baseline"
    assert charts.shortened("medium = depth baseline", 14) == "medium"
    assert charts.shortened("a-very-long-name = b", 10) == "a-very-lo…"
