"""The verdicts' sentences, to the letter, on made-up runs."""

import pytest

from tests.analysis.made_up import around, runs, verdicts

FILTERS, LEARNING = "more_filters_raise_accuracy", "wide_networks_fail_to_learn"
OPTIMUM, COST = "width_has_an_optimum", "best_for_its_cost"


def test_steps_up_and_down_are_told_with_their_mean_and_their_greatest_p_value() -> None:
    members = [runs("a", around(0.88)), runs("b", around(0.89)), runs("c", around(0.91)), runs("d", around(0.85))]
    assert verdicts(members)[FILTERS].sentence == (
        "2 of 3 steps up, by 1.50 points on average, p < 0.001; 1 of 3 steps down, by 6.00 points on average, p < 0.001"
    )
    close = [runs("a", around(0.88)), runs("b", around(0.883)), runs("c", around(0.91))]
    assert verdicts(close)[FILTERS].sentence == "2 of 2 steps up, by 1.50 points on average, p = 0.017"
    corrected = [runs("a", around(0.88)), runs("b", around(0.8835)), runs("c", around(0.8835))]
    assert verdicts(corrected)[FILTERS].sentence.startswith("1 of 2 steps up, by 0.35 points on average, p = 0.016; ")


def test_open_step_says_that_a_difference_of_the_margin_is_excluded() -> None:
    members = [runs("a", around(0.88)), runs("b", around(0.90)), runs("c", around(0.901)), runs("d", around(0.8989))]
    assert verdicts(members)[FILTERS].sentence == (
        "1 of 3 steps up, by 2.00 points on average, p < 0.001; "
        "b to c: +0.10 points [-0.13, +0.33], less than 0.50 points either way (p = 0.006); "
        "c to d: -0.21 points [-0.44, +0.02], less than 0.50 points either way (p = 0.020)"
    )


@pytest.mark.parametrize(
    ("mean", "interval"), [(0.883, "+0.30 points [-0.18, +0.78]"), (0.877, "-0.30 points [-0.78, +0.18]")]
)
def test_open_step_says_that_the_margin_is_not_excluded_and_how_many_seeds_would_settle_it(
    mean: float, interval: str
) -> None:
    members = [runs("a", around(0.88)), runs("b", around(mean, spread=0.005)), runs("c", [], failed=3)]
    assert verdicts(members)[FILTERS].sentence == (
        f"a to b: {interval}, 0.50 points not excluded; 5 more seeds would settle a difference of that size; "
        "1 step not compared, as no run of one side learned"
    )
    one_short = [runs("a", around(0.9, spread=0.009)), runs("b", around(0.91, spread=0.009))]
    assert "; 1 more seed would settle" in verdicts(one_short)[FILTERS].sentence
    unequal = [members[0], runs("b", around(mean, count=7, spread=0.005))]
    assert "; 4 more seeds would settle" in verdicts(unequal)[FILTERS].sentence


def test_equivalence_is_corrected_for_the_number_of_steps() -> None:
    first, second, third = runs("a", around(0.9)), runs("b", around(0.902, spread=0.003)), runs("c", around(0.904))
    assert "], less than 0.50 points either way (p = 0.025)" in verdicts([first, second])[FILTERS].sentence
    assert verdicts([first, second, third])[FILTERS].sentence.count("], 0.50 points not excluded; ") == 2  # p = 0.051


def test_open_step_that_only_the_correction_leaves_open_says_so() -> None:
    members = [
        runs("a", around(0.9)),
        runs("b", around(0.9035, spread=0.0035)),
        runs("c", around(0.9035, spread=0.0035)),
    ]
    assert verdicts(members)[FILTERS].sentence.startswith(
        "a to b: +0.35 points [+0.01, +0.69], 0.50 points not excluded; "
        "open after correction for the number of steps; b to c: "
    )


def test_step_without_an_interval_says_why() -> None:
    assert verdicts([runs("a", [0.88]), runs("b", [0.95])])[FILTERS].sentence == (
        "a to b: +7.00 points, McNemar's p < 0.001; one run per side gives no interval, and McNemar's test compares "
        "two trained models, not two architectures"
    )
    single = [runs("a", [0.880]), runs("b", [0.884]), runs("c", [0.882])]  # 4 images alone, 2 / 2^4; then 2, 2 / 2^2
    assert verdicts(single)[FILTERS].sentence.startswith(
        "a to b: +0.40 points, McNemar's p = 0.250; b to c: -0.20 points, McNemar's p = 0.500; one run per side"
    )
    assert verdicts([runs("a", [0.88] * 2), runs("b", [0.95] * 3)])[FILTERS].sentence == (
        "a to b: +7.00 points, no interval, as no run of either side differs from another"
    )
    same = [runs("a", [0.88, 0.90]), runs("b", [0.88, 0.90])]
    assert verdicts(same)[FILTERS].sentence.endswith(", 0.50 points not excluded; too small to settle")


def test_learned_fractions_are_told_with_their_interval_and_what_lies_between_the_ends() -> None:
    rates = (
        "learned: a 20 of 20, b {b} of 20, c 1 of 20; c learns in 0 to 25 % of all runs (95 % interval); against a, "
        "p < 0.001 (Fisher)"
    )
    members = [runs("a", [0.9] * 20), runs("b", [0.9] * 20), runs("c", [0.9], failed=19)]
    assert verdicts(members)[LEARNING].sentence == (
        rates.format(b=20) + "; none between them learns in some runs and fails in others"
    )
    members[1] = runs("b", [0.9] * 8, failed=11, diverged=1)
    assert verdicts(members)[LEARNING].sentence == rates.format(b=8)


@pytest.mark.parametrize(
    ("seeds", "reach"),
    [
        (1, "; 1 run per width cannot confirm it (4 can) or refute it (6 can)"),
        (3, "; 3 runs per width cannot confirm it (4 can) or refute it (6 can)"),
        (5, "; 5 runs per width cannot refute it (6 can)"),
        (6, ""),
    ],
)
def test_claim_on_learning_says_which_verdicts_its_number_of_runs_cannot_reach(seeds: int, reach: str) -> None:
    always = verdicts([runs(name, [0.9] * seeds) for name in "abc"])[LEARNING]
    assert always.sentence.endswith(f"; none learns in some runs and fails in others{reach}")
    assert always.verdict == ("refuted" if seeds == 6 else "undecided")
    ends = verdicts([runs("a", [0.9] * seeds), runs("b", [], failed=seeds)])[LEARNING]
    assert ends.verdict == ("confirmed in part" if seeds > 3 else "undecided")


def test_optimum_is_told_with_how_far_ahead_it_is_of_whom() -> None:
    between = [runs("a", around(0.88)), runs("b", around(0.91)), runs("c", around(0.9075)), runs("d", around(0.85))]
    assert verdicts(between)[OPTIMUM].sentence == (
        "b is best over all runs, 91.00 %, between the ends: 3.00 [+2.77, +3.23] points ahead of a, p < 0.001, "
        "6.00 [+5.77, +6.23] points ahead of d, p < 0.001"
    )
    falling = [runs("a", around(0.91)), runs("b", around(0.9075)), runs("c", around(0.85), diverged=1)]
    assert verdicts(falling)[OPTIMUM].sentence == (
        "a is best over all runs, 91.00 %, at an end: 0.25 [+0.02, +0.48] points ahead of b, p = 0.037; "
        "1 run that diverged is in no mean"
    )


def test_optimum_without_an_interval_says_why() -> None:
    single = [runs("a", [0.88]), runs("b", [0.91]), runs("c", [0.89])]
    assert verdicts(single)[OPTIMUM].sentence == (
        "b is best over all runs, 91.00 %, between the ends; one run each gives no interval"
    )
    single[0] = runs("a", around(0.88))
    assert verdicts(single)[OPTIMUM].sentence.endswith("; too few runs, or none that differ, give no interval")
    nothing = [runs(name, [], diverged=2) for name in "abc"]
    assert verdicts(nothing)[OPTIMUM].sentence == "no run learned; 6 runs that diverged are in no mean"


def test_best_for_its_cost_is_told_with_validation_accuracy_and_reported_on_the_test_images() -> None:
    best = runs("best", around(0.90), validation=around(0.91, spread=0.01), cost=50)
    cheap = runs("cheap", around(0.89), failed=1, validation=around(0.9075), cost=5)
    assert verdicts([best, cheap])[COST].sentence == (
        "its validation accuracy, 90.75 %, is within one standard error (0.35 points, of 5 seeds) of the highest, "
        "91.00 % of best, for 10 % of its training FLOPs; on the test images 75.83 %"
    )
    assert verdicts([best])[COST].sentence == (
        "no cheaper one is within one standard error (0.35 points, of 5 seeds) of its validation accuracy, 91.00 %; "
        "on the test images 90.00 %"
    )
    one = [runs("cheap", [0.907], cost=1), runs("best", [0.91], cost=9, diverged=2)]
    assert verdicts(one)[COST].sentence == (
        "its validation accuracy, 90.70 %, is within one standard error (0.40 points, of 5,000 validation images) of "
        "the highest, 91.00 % of best, for 11 % of its training FLOPs; on the test images 90.70 %; "
        "2 runs that diverged are in no mean"
    )
