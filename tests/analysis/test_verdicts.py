"""The rules that judge the claims, on made-up runs that each rule is about."""

import numpy as np
import pytest

from stages.analysis.comparisons import Compared, pareto_front, steps_table
from stages.analysis.verdicts import Verdict, judge
from stages.params import Family

NO_RUNS: list[Compared] = []


def runs(
    label: str,
    accuracies: list[float],
    *,
    failed: int = 0,
    cost: int = 1,
    family: Family = "width",
    validation: list[float] | None = None,
) -> Compared:
    """An architecture with these accuracies, and as many runs at 10 % that never started."""
    overall = accuracies + [0.1] * failed
    return Compared(
        name=label,
        label=label,
        family=family,
        parameters=cost,
        training_flops=cost,
        runs=len(overall),
        started=len(accuracies),
        accuracies=accuracies,
        overall=overall,
        validation=overall if validation is None else validation,
        correct=np.arange(1000) < 1000 * accuracies[0] if accuracies else None,
    )


def around(mean: float, count: int = 5, spread: float = 0.002) -> list[float]:
    return [float(value) for value in np.linspace(mean - spread, mean + spread, count)]


def verdicts(width: list[Compared], depth: list[Compared] = NO_RUNS) -> dict[str, Verdict]:
    families: dict[Family, list[Compared]] = {"width": width, "depth": depth}
    return judge(families, {family: steps_table(one) for family, one in families.items()}, held_out=5000)


def test_every_step_up_confirms_that_more_kernels_raise_accuracy() -> None:
    told = verdicts([runs("a", around(0.88)), runs("b", around(0.89)), runs("c", around(0.91))])
    verdict = told["more_kernels_raise_accuracy"]
    assert verdict.verdict == "confirmed"
    assert verdict.sentence.startswith("2 of 2 steps up, by 1.50 points on average, p ")


def test_an_open_step_confirms_in_part_and_says_how_many_seeds_would_settle_it() -> None:
    told = verdicts([runs("a", around(0.88)), runs("b", around(0.90)), runs("c", around(0.901))])
    verdict = told["more_kernels_raise_accuracy"]
    assert verdict.verdict == "confirmed in part"
    assert "1 of 2 steps up" in verdict.sentence
    assert "b to c: +0.10 points [" in verdict.sentence
    assert "more seeds would settle a difference of that size" in verdict.sentence


def test_steps_down_refute_that_more_kernels_help_and_confirm_that_more_blocks_hurt() -> None:
    members = [runs("a", around(0.91)), runs("b", around(0.89)), runs("c", around(0.85))]
    told = verdicts(members, [one._replace(family="depth") for one in members])
    assert told["more_kernels_raise_accuracy"].verdict == "refuted"
    assert told["more_blocks_lower_accuracy"].verdict == "confirmed"
    up_and_down = [runs("a", around(0.85)), runs("b", around(0.91)), runs("c", around(0.85))]
    assert verdicts(up_and_down)["more_kernels_raise_accuracy"].verdict == "contradicted in part"


def test_one_run_a_side_is_undecided_and_says_why() -> None:
    verdict = verdicts([runs("a", [0.88]), runs("b", [0.95])])["more_kernels_raise_accuracy"]
    assert verdict.verdict == "undecided"
    assert "a to b: +7.00 points, McNemar's p < 0.001; one run a side gives no interval" in verdict.sentence


def test_failed_starts_are_not_averaged_into_a_step() -> None:
    steps = steps_table([runs("a", around(0.88), failed=3), runs("b", around(0.90))])
    assert steps["difference"].iloc[0] == pytest.approx(0.02)
    assert steps["superiority"].iloc[0] == 1.0
    only_failed = steps_table([runs("a", around(0.88)), runs("b", [], failed=4)])
    assert only_failed["direction"].iloc[0] == "open"
    assert only_failed["difference"].isna().iloc[0]


def test_corrected_p_values_are_those_of_the_family() -> None:
    steps = steps_table([runs("a", around(0.88)), runs("b", around(0.8835)), runs("c", around(0.95))])
    assert steps["p_holm"].iloc[0] == pytest.approx(steps["p"].iloc[0])
    assert steps["p_holm"].iloc[1] == pytest.approx(2 * steps["p"].iloc[1])


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        ([(10, 0), (5, 5), (0, 10)], "confirmed"),
        ([(10, 0), (10, 0), (0, 10)], "confirmed in part"),
        ([(1, 0), (1, 0), (0, 1)], "undecided"),
        ([(10, 0), (10, 0), (10, 0)], "refuted"),
        ([(0, 10), (5, 5), (10, 0)], "refuted"),
    ],
)
def test_start_rates_decide_whether_wide_networks_fail_to_start(started: list[tuple[int, int]], expected: str) -> None:
    members = [runs(name, [0.9] * good, failed=bad) for name, (good, bad) in zip("abc", started, strict=True)]
    verdict = verdicts(members)["wide_networks_fail_to_start"]
    assert verdict.verdict == expected
    assert f"c {started[2][0]} of {sum(started[2])}" in verdict.sentence


def test_optimum_lies_between_the_ends_or_is_refuted_at_one_of_them() -> None:
    between = [runs("a", around(0.88)), runs("b", around(0.91)), runs("c", [], failed=5)]
    assert verdicts(between)["width_has_an_optimum"].verdict == "confirmed"
    falling = [runs("a", around(0.91)), runs("b", around(0.89)), runs("c", around(0.85))]
    assert verdicts(NO_RUNS, falling)["depth_has_an_optimum"].verdict == "refuted"
    level = [runs("a", around(0.900)), runs("b", around(0.9002)), runs("c", around(0.9001))]
    assert verdicts(level)["width_has_an_optimum"].verdict == "undecided"
    assert verdicts(falling[:2])["width_has_an_optimum"].verdict == "not tested"


def test_best_for_its_cost_is_the_cheapest_within_a_standard_error_of_the_best() -> None:
    members = [
        runs("cheap", around(0.80), cost=1),
        runs("good", around(0.9095), cost=5),
        runs("best", around(0.91), cost=50),
    ]
    verdict = verdicts(members)["best_for_its_cost"]
    assert verdict.verdict == "good"
    assert "for 10 % of its training operations; on the test images 90.95 %" in verdict.sentence
    without = [one._replace(validation=[]) for one in members]
    assert verdicts(without)["best_for_its_cost"].verdict == "not tested"


def test_one_seed_takes_its_standard_error_from_the_images() -> None:
    members = [runs("cheap", [0.907], cost=1), runs("best", [0.91], cost=9)]
    verdict = verdicts(members)["best_for_its_cost"]
    assert verdict.verdict == "cheap"  # sqrt(0.91 x 0.09 / 5,000) = 0.0040
    assert "0.40 points, of 5,000 validation images" in verdict.sentence


def test_front_holds_what_nothing_cheaper_or_better_beats() -> None:
    assert pareto_front([1, 2, 3, 3], [0.5, 0.7, 0.6, 0.9]) == [True, True, False, True]
    assert pareto_front([1, 1], [0.5, 0.5]) == [True, True]
    assert pareto_front([], []) == []


def test_every_claim_has_a_verdict_whatever_ran() -> None:
    for members in ([], [runs("a", [])], [runs("a", [], failed=1)] * 2, [runs("a", around(0.9))] * 3):
        for verdict in verdicts(members, members).values():
            assert verdict.verdict
            assert verdict.sentence
            assert "nan" not in verdict.sentence
