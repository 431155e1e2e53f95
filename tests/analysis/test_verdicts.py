"""Every sentence of the rules, on made-up runs for which another reading gives another verdict."""

import pytest

from stages.analysis.comparisons import Compared
from tests.analysis.made_up import around, runs, verdicts

UP, DOWN, SAME, NEVER = 0.02, -0.02, 0.0002, None


def in_steps(*steps: float | None) -> list[Compared]:
    """Architectures whose mean accuracies differ by these from one to the next; none of NEVER's runs learn."""
    members, mean = [runs("0", around(0.8))], 0.8
    for number, step in enumerate(steps, start=1):
        mean += step or 0
        members.append(runs(str(number), [], failed=5) if step is None else runs(str(number), around(mean)))
    return members


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([UP, UP], "confirmed"),
        ([UP, NEVER], "confirmed"),  # of all steps that can be compared
        ([UP, SAME], "confirmed in part"),
        ([DOWN], "refuted"),
        ([DOWN, SAME], "refuted"),
        ([UP, DOWN], "contradicted in part"),
        ([UP, UP, DOWN, SAME], "contradicted in part"),
        ([SAME, SAME], "undecided"),
        ([NEVER], "undecided"),
        ([], "not tested"),
    ],
)
def test_claim_about_steps_follows_from_how_many_go_its_way_and_how_many_the_other(
    steps: list[float | None], expected: str
) -> None:
    assert verdicts(width=in_steps(*steps))["more_filters_raise_accuracy"].verdict == expected
    mirrored = in_steps(*(step and -step for step in steps))
    assert verdicts(depth=mirrored)["more_blocks_lower_accuracy"].verdict == expected


def test_steps_compare_the_runs_that_learned() -> None:
    members = [runs("a", around(0.88), failed=5), runs("b", around(0.90), failed=5, diverged=1)]
    assert verdicts(members)["more_filters_raise_accuracy"].verdict == "confirmed"
    failing_more = [runs("a", around(0.90)), runs("b", around(0.9001), failed=40)]
    assert verdicts(failing_more)["more_filters_raise_accuracy"].verdict == "undecided"


def test_side_with_one_run_that_learned_or_no_spread_on_both_leaves_a_step_open() -> None:
    constant = runs("a", [0.88] * 5)
    for after in (runs("b", [0.95]), runs("b", [0.95], failed=4), runs("b", [0.95] * 5)):
        assert verdicts([constant, after])["more_filters_raise_accuracy"].verdict == "undecided"
    assert verdicts([constant, runs("b", around(0.95))])["more_filters_raise_accuracy"].verdict == "confirmed"


@pytest.mark.parametrize(
    ("learned", "expected"),
    [
        ([(10, 0), (5, 5), (0, 10)], "confirmed"),
        ([(20, 0), (20, 0), (19, 1), (20, 0), (1, 19)], "confirmed"),
        ([(20, 0), (20, 0), (1, 19)], "confirmed in part"),  # the widest is not between
        ([(19, 1), (20, 0), (0, 20)], "confirmed in part"),  # nor is the narrowest
        ([(10, 0), (10, 0), (0, 10), (0, 10)], "confirmed in part"),  # between: always, never
        ([(10, 0), (0, 10)], "confirmed in part"),  # nothing between
        ([(4, 0), (2, 2), (0, 4)], "confirmed"),  # p = 2/70
        ([(3, 0), (2, 1), (0, 3)], "undecided"),  # p = 2/20
        ([(1, 0), (1, 1), (0, 19)], "undecided"),  # p = 1/20, which is not below 5 %
        ([(1, 0), (1, 0), (0, 1)], "undecided"),
        ([(10, 0), (5, 5), (6, 4)], "undecided"),  # more than half, but not by the whole interval: 26 to 88 %
        ([(0, 10), (5, 5), (7, 3)], "undecided"),  # told apart, the other way; 35 to 93 %
        ([(0, 10), (5, 5), (10, 0)], "refuted"),
        ([(10, 0), (10, 0), (10, 0)], "refuted"),
        ([(40, 0), (20, 20), (28, 12)], "confirmed"),  # 53 to 83 %: what is confirmed comes first
        ([(5, 5)], "not tested"),
    ],
)
def test_learned_fractions_decide_whether_wide_networks_fail(learned: list[tuple[int, int]], expected: str) -> None:
    members = [runs(f"{k}", [0.9] * good, failed=bad) for k, (good, bad) in enumerate(learned)]
    assert verdicts(members)["wide_networks_fail_to_learn"].verdict == expected
    diverging = [runs(f"{k}", [0.9] * good, diverged=bad) for k, (good, bad) in enumerate(learned)]
    assert verdicts(diverging)["wide_networks_fail_to_learn"].verdict == expected


LOW, MIDDLE, HIGH = around(0.85), around(0.88), around(0.91)


@pytest.mark.parametrize(
    ("overall", "expected"),
    [
        ([LOW, HIGH, MIDDLE], "confirmed"),
        ([HIGH, MIDDLE, LOW], "refuted"),
        ([LOW, MIDDLE, HIGH], "refuted"),
        ([HIGH, around(0.9099), LOW], "undecided"),  # at an end, but its neighbour may be as good
        ([LOW, around(0.9099), HIGH], "undecided"),
        ([LOW, HIGH, around(0.9099)], "undecided"),  # one end may be as good
        ([around(0.9099), HIGH, LOW], "undecided"),
        ([LOW, around(0.9101), HIGH, LOW], "confirmed"),  # neighbours do not matter between the ends
        ([around(0.9000), around(0.9025), around(0.9000)], "undecided"),  # p = 0.037 either side, by Holm 0.074
        ([around(0.8995), around(0.9030), around(0.9000)], "confirmed"),
        ([[0.85], [0.91], [0.85]], "undecided"),
        ([LOW, [0.91], LOW], "undecided"),
        ([[0.85] * 2, [0.91] * 2, [0.85] * 2], "undecided"),  # nothing tells their spread
        ([LOW, HIGH], "not tested"),
    ],
)
def test_optimum_is_told_apart_from_both_ends_and_refuted_by_an_end_that_is_told_apart_from_its_neighbour(
    overall: list[list[float]], expected: str
) -> None:
    members = [runs(f"{k}", accuracies) for k, accuracies in enumerate(overall)]
    judged = verdicts(members, members)
    assert judged["width_has_an_optimum"].verdict == judged["depth_has_an_optimum"].verdict == expected


def test_optimum_is_over_all_runs_failed_ones_included() -> None:
    members = [runs("a", around(0.85)), runs("b", around(0.92), failed=2), runs("c", around(0.85))]
    assert "a is best" in verdicts(members)["width_has_an_optimum"].sentence
    failing = [runs("a", around(0.88)), runs("b", around(0.91)), runs("c", [], failed=5)]
    assert verdicts(failing)["width_has_an_optimum"].verdict == "confirmed"


def test_end_whose_every_run_diverged_is_told_apart_from_none() -> None:
    for best, next_to_it in ((HIGH, MIDDLE), (MIDDLE, HIGH)):
        members = [runs("a", LOW), runs("b", next_to_it), runs("c", best), runs("d", [], diverged=5)]
        optimum = verdicts(members)["width_has_an_optimum"]
        assert (optimum.verdict, "between the ends" in optimum.sentence) == ("undecided", True)
    assert verdicts([runs(name, [], diverged=2) for name in "abc"])["width_has_an_optimum"].verdict == "undecided"


def best_for_its_cost(*members: Compared, held_out: int = 5000) -> str:
    return verdicts(width=members[:1], depth=members[1:], held_out=held_out)["best_for_its_cost"].verdict


def test_best_for_its_cost_is_within_one_standard_error_not_one_deviation_of_the_highest() -> None:
    best = runs("best", around(0.91, spread=0.01), cost=50)  # deviation 0.0079, standard error 0.0035
    assert best_for_its_cost(best, runs("cheap", around(0.9070), cost=5)) == "cheap"
    assert best_for_its_cost(best, runs("cheap", around(0.9060), cost=5)) == "best"


def test_best_for_its_cost_is_the_cheapest_of_all_within_by_flops_whatever_its_parameters() -> None:
    members = [
        runs("poor", around(0.80), cost=1, parameters=1),
        runs("good", around(0.9095), cost=5, parameters=900),
        runs("better", around(0.9099), cost=20, parameters=10),
        runs("best", around(0.91), cost=50, parameters=20),
    ]
    assert best_for_its_cost(*members) == "good"
    assert best_for_its_cost(*members[::-1]) == "good"


def test_best_for_its_cost_is_picked_on_the_validation_images_over_all_runs() -> None:
    validated = runs("validated", around(0.80), validation=around(0.91), cost=9)
    assert best_for_its_cost(validated, runs("tested", around(0.95), validation=around(0.90), cost=1)) == "validated"
    sure = runs("sure", around(0.90), cost=9)
    assert best_for_its_cost(sure, runs("cheap", around(0.95), failed=1, cost=1)) == "sure"


def test_one_run_takes_its_standard_error_from_the_validation_images() -> None:
    members = [runs("cheap", [0.907], cost=1), runs("best", [0.91], cost=9)]
    assert best_for_its_cost(*members, held_out=5000) == "cheap"  # sqrt(0.91 x 0.09 / 5,000) = 0.0040
    assert best_for_its_cost(*members, held_out=50_000) == "best"


def test_nothing_held_out_picks_none() -> None:
    assert best_for_its_cost(runs("a", [0.9], validation=[]), held_out=0) == "not tested"


def test_nothing_that_did_not_learn_is_best() -> None:
    for failing in (runs("a", [], diverged=2), runs("a", [], failed=2)):
        for claim in ("best_for_its_cost", "width_has_an_optimum"):
            verdict = verdicts([failing] * 3)[claim]
            assert (verdict.verdict, verdict.sentence[:14]) == ("undecided", "no run learned")
    lucky = runs("lucky", [], failed=5, validation=[0.9] * 5, cost=1)
    assert best_for_its_cost(lucky, runs("b", around(0.9, spread=0.1), failed=1, cost=9)) == "b"
    custom = [runs("c", around(0.9), family="custom")]
    together = verdicts([runs("a", [], failed=5)], [runs("d", around(0.5))], custom=custom)
    assert together["together_beats_either_alone"].verdict == "undecided"


def test_every_claim_has_a_verdict_whatever_ran() -> None:
    for members in (
        [],
        [runs("a", [])],
        [runs("a", [], failed=1)] * 2,
        [runs("a", [], diverged=1)] * 4,
        [runs("a", around(0.9))] * 3,
        [runs("a", [1.0] * 3), runs("b", [1.0] * 3), runs("c", [0.5] * 2), runs("d", [0.5])],
    ):
        known = [member for member in members if member.runs]
        for verdict in verdicts(known, known).values():
            assert verdict.verdict
            assert verdict.sentence
            assert "nan" not in verdict.sentence


@pytest.mark.parametrize("accuracies", [[LOW, HIGH], [MIDDLE, HIGH]])
def test_optimum_at_the_last_place_is_compared_with_the_last_but_one(accuracies: list[list[float]]) -> None:
    members = [runs("a", around(0.70)), *(runs(name, each) for name, each in zip("bc", accuracies, strict=True))]
    assert " points ahead of b, p < 0.001" in verdicts(members)["width_has_an_optimum"].sentence
    mirrored = verdicts(members[::-1])["width_has_an_optimum"].sentence
    assert " points ahead of b, p < 0.001" in mirrored
    assert "ahead of a" not in mirrored


def test_of_two_widths_told_apart_it_is_the_fractions_that_say_which_learns_less_often() -> None:
    members = [runs("a", [0.9] * 3, failed=17), runs("b", [0.9] * 30, failed=10)]  # 15 % and 75 %
    assert verdicts(members)["wide_networks_fail_to_learn"].verdict == "refuted"
    rarer = [runs("a", [0.9] * 9), runs("b", [0.9] * 10, failed=40)]  # more runs that learned, of more runs
    assert verdicts(rarer)["wide_networks_fail_to_learn"].verdict == "confirmed in part"


def test_of_equals_in_flops_and_parameters_the_more_accurate_is_best_for_its_cost() -> None:
    members = [runs("worse", around(0.9099)), runs("better", around(0.9100))]
    assert best_for_its_cost(*members) == best_for_its_cost(*members[::-1]) == "better"
