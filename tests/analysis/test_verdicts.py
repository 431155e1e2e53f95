"""Every sentence of the rules, on made-up runs for which another reading gives another verdict."""

import re
from typing import Any

import pytest

from stages.analysis.comparisons import Compared
from stages.analysis.verdicts import Verdict
from tests.analysis.made_up import around, runs, verdicts

FILTERS, LEARNING = "more_filters_raise_accuracy", "wide_networks_fail_to_learn"
OPTIMUM, COST, TOGETHER = "width_has_an_optimum", "best_for_its_cost", "together_beats_either_alone"
UP, DOWN, SAME, NEVER = 0.02, -0.02, 0.0002, None


def in_steps(*steps: float | None) -> list[Compared]:
    """Architectures whose mean accuracies differ by these from one to the next; none of NEVER's runs learn."""
    members, mean = [runs("0", 0.8)], 0.8
    for number, step in enumerate(steps, start=1):
        mean += step or 0
        members.append(runs(str(number), [], failed=5) if step is None else runs(str(number), mean))
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
    assert verdicts(width=in_steps(*steps))[FILTERS].verdict == expected
    mirrored = in_steps(*(step and -step for step in steps))
    assert verdicts(depth=mirrored)["more_blocks_lower_accuracy"].verdict == expected


def test_steps_compare_the_runs_that_learned() -> None:
    members = [runs("a", 0.88, failed=5), runs("b", 0.90, failed=5, diverged=1)]
    assert verdicts(members)[FILTERS].verdict == "confirmed"
    failing_more = [runs("a", 0.90), runs("b", 0.9001, failed=40)]
    assert verdicts(failing_more)[FILTERS].verdict == "undecided"


def test_side_with_one_run_that_learned_or_no_spread_on_both_leaves_a_step_open() -> None:
    constant = runs("a", [0.88] * 5)
    for after in (runs("b", [0.95]), runs("b", [0.95], failed=4), runs("b", [0.95] * 5)):
        assert verdicts([constant, after])[FILTERS].verdict == "undecided"
    assert verdicts([constant, runs("b", 0.95)])[FILTERS].verdict == "confirmed"


@pytest.mark.parametrize(
    ("learned", "expected"),
    [
        ("10/10 5/10 0/10", "confirmed"),
        ("20/20 20/20 19/20 20/20 1/20", "confirmed"),
        ("20/20 20/20 1/20", "confirmed in part"),  # the widest is not between
        ("19/20 20/20 0/20", "confirmed in part"),  # nor is the narrowest
        ("10/10 10/10 0/10 0/10", "confirmed in part"),  # between: always, never
        ("10/10 0/10", "confirmed in part"),  # nothing between
        ("4/4 2/4 0/4", "confirmed"),  # p = 2/70
        ("3/3 2/3 0/3", "undecided"),  # p = 2/20
        ("1/1 1/2 0/19", "undecided"),  # p = 1/20, which is not below 5 %
        ("1/1 1/1 0/1", "undecided"),
        ("10/10 5/10 6/10", "undecided"),  # more than half, but not by the whole interval: 26 to 88 %
        ("0/10 5/10 7/10", "undecided"),  # different, the other way; 35 to 93 %
        ("0/10 5/10 10/10", "refuted"),
        ("5/5 5/5 5/5", "undecided"),
        ("6/6 6/6 6/6", "refuted"),
        ("40/40 20/40 28/40", "confirmed"),  # 53 to 83 %: what is confirmed comes first
        ("3/20 30/40", "refuted"),  # 15 % and 75 %: the fractions say which learns less often
        ("9/9 10/50", "confirmed in part"),  # more runs that learned, of more runs
        ("5/10", "not tested"),
    ],
)
def test_learned_fractions_decide_whether_wide_networks_fail(learned: str, expected: str) -> None:
    failing, diverging = list[Compared](), list[Compared]()
    for label, fraction in enumerate(learned.split()):
        good, count = map(int, fraction.split("/"))
        failing.append(runs(str(label), [0.9] * good, failed=count - good))
        diverging.append(runs(str(label), [0.9] * good, diverged=count - good))
    for members in (failing, diverging):
        assert verdicts(members)[LEARNING].verdict == expected


LOW, MIDDLE, HIGH = 0.85, 0.88, 0.91


@pytest.mark.parametrize(
    ("overall", "expected"),
    [
        ([LOW, HIGH, MIDDLE], "confirmed"),
        ([HIGH, MIDDLE, LOW], "refuted"),
        ([LOW, MIDDLE, HIGH], "refuted"),
        ([HIGH, 0.9099, LOW], "undecided"),  # at an end, but its neighbour may be as good
        ([LOW, 0.9099, HIGH], "undecided"),
        ([LOW, HIGH, 0.9099], "undecided"),  # one end may be as good
        ([0.9099, HIGH, LOW], "undecided"),
        ([LOW, 0.9101, HIGH, LOW], "confirmed"),  # neighbours do not matter between the ends
        ([0.9000, 0.9025, 0.9000], "undecided"),  # p = 0.037 either side, by Holm 0.074
        ([0.8995, 0.9030, 0.9000], "confirmed"),
        ([[0.85], [0.91], [0.85]], "undecided"),
        ([LOW, [0.91], LOW], "undecided"),
        ([[0.85] * 2, [0.91] * 2, [0.85] * 2], "undecided"),  # nothing tells their spread
        ([LOW, HIGH], "not tested"),
    ],
)
def test_optimum_is_told_apart_from_both_ends_and_refuted_by_an_end_that_is_told_apart_from_its_neighbour(
    overall: list[float | list[float]], expected: str
) -> None:
    members = [runs(f"{k}", accuracies) for k, accuracies in enumerate(overall)]
    judged = verdicts(members, members)
    assert judged[OPTIMUM].verdict == judged["depth_has_an_optimum"].verdict == expected


def test_optimum_is_over_all_runs_failed_ones_included() -> None:
    members = [runs("a", 0.85), runs("b", 0.92, failed=2), runs("c", 0.85)]
    assert verdicts(members)[OPTIMUM].sentence.startswith("a is ")
    failing = [runs("a", 0.88), runs("b", 0.91), runs("c", [], failed=5)]
    assert verdicts(failing)[OPTIMUM].verdict == "confirmed"


def test_end_whose_every_run_diverged_is_told_apart_from_none() -> None:
    for best, next_to_it in ((HIGH, MIDDLE), (MIDDLE, HIGH)):
        members = [runs("a", LOW), runs("b", next_to_it), runs("c", best), runs("d", [], diverged=5)]
        optimum = verdicts(members)[OPTIMUM]
        assert (optimum.verdict, "between the ends" in optimum.sentence) == ("undecided", True)
    assert verdicts([runs(name, [], diverged=2) for name in "abc"])[OPTIMUM].verdict == "undecided"


def best_for_its_cost(*members: Compared, held_out: int = 5000) -> str:
    return verdicts(width=members[:1], depth=members[1:], held_out=held_out)[COST].verdict


def test_best_for_its_cost_is_within_one_standard_error_not_one_deviation_of_the_highest() -> None:
    best = runs("best", around(0.91, spread=0.01), cost=50)  # deviation 0.0079, standard error 0.0035
    assert best_for_its_cost(best, runs("cheap", 0.9070, cost=5)) == "cheap"
    assert best_for_its_cost(best, runs("cheap", 0.9060, cost=5)) == "best"


def test_best_for_its_cost_is_the_cheapest_of_all_within_by_flops_whatever_its_parameters() -> None:
    members = [
        runs("poor", 0.80, cost=1, parameters=1),
        runs("good", 0.9095, cost=5, parameters=900),
        runs("better", 0.9099, cost=20, parameters=10),
        runs("best", 0.91, cost=50, parameters=20),
    ]
    assert best_for_its_cost(*members) == "good"
    assert best_for_its_cost(*members[::-1]) == "good"


def test_best_for_its_cost_is_picked_on_the_validation_images_over_all_runs() -> None:
    validated = runs("validated", 0.80, validation=0.91, cost=9)
    assert best_for_its_cost(validated, runs("tested", 0.95, validation=0.90, cost=1)) == "validated"
    sure = runs("sure", 0.90, cost=9)
    assert best_for_its_cost(sure, runs("cheap", 0.95, failed=1, cost=1)) == "sure"


def test_one_run_takes_its_standard_error_from_the_validation_images_if_there_are_any() -> None:
    members = [runs("cheap", [0.907], cost=1), runs("best", [0.91], cost=9)]
    assert best_for_its_cost(*members, held_out=0) == "not tested"
    assert best_for_its_cost(*members, held_out=5000) == "cheap"  # sqrt(0.91 x 0.09 / 5,000) = 0.0040
    assert best_for_its_cost(*members, held_out=50_000) == "best"


def test_nothing_that_did_not_learn_is_best() -> None:
    for failed, diverged in ((2, 0), (0, 2)):
        judged = verdicts([runs(name, [], failed=failed, diverged=diverged) for name in "abc"])
        assert judged[COST].verdict == judged[OPTIMUM].verdict == "undecided"
    lucky = runs("lucky", [], failed=5, validation=[0.9] * 5, cost=1)
    assert best_for_its_cost(lucky, runs("b", around(0.9, spread=0.1), failed=1, cost=9)) == "b"
    assert together(custom("c", 0.9), width=[runs("a", [], failed=5)]).verdict == "undecided"


def test_every_claim_has_a_verdict_whatever_ran() -> None:
    for members in (
        [],
        [runs("a", [])],
        [runs(name, [], failed=1) for name in "ab"],
        [runs(name, [], diverged=1) for name in "abcd"],
        [runs(name, 0.9) for name in "abc"],
        [runs("a", [1.0] * 3), runs("b", [1.0] * 3), runs("c", [0.5] * 2), runs("d", [0.5])],
    ):
        known = [member for member in members if member.runs]
        for verdict in verdicts(known, known).values():
            assert verdict.verdict
            assert verdict.sentence.endswith(".")
            assert "nan" not in f"{verdict.sentence} {verdict.statistics}"


@pytest.mark.parametrize("next_to_it", [LOW, MIDDLE])
def test_optimum_at_an_end_is_compared_with_its_neighbour(next_to_it: float) -> None:
    members = [runs("a", 0.70), runs("d", 0.75), runs("b", next_to_it), runs("c", HIGH)]
    for ordered in (members, members[::-1]):
        assert re.findall("against (.)", verdicts(ordered)[OPTIMUM].statistics) == ["b"]


def test_of_equals_in_flops_and_parameters_the_more_accurate_is_best_for_its_cost() -> None:
    members = [runs("worse", 0.9099), runs("better", 0.9100)]
    assert best_for_its_cost(*members) == best_for_its_cost(*members[::-1]) == "better"


A, SPREAD = runs("a", 0.88), runs("b", around(0.902, spread=0.003))
BEST = runs("best", 0.90, validation=around(0.91, spread=0.01), cost=50)


def numbers(text: str) -> str:
    return " ".join(re.findall(r"[-+]?\d[\d.,]*\d|\d", text))


@pytest.mark.parametrize(
    ("claim", "members", "sentence", "statistics"),
    [
        (  # an open step has the corrected p-value of a difference of half a point or more
            FILTERS,
            [A, runs("b", 0.90), runs("c", 0.901), runs("d", 0.8989)],
            "1 3 0",
            "+2.00 +1.77 +2.23 0.001 +0.10 -0.13 +0.33 0.347 0.50 0.006 -0.21 -0.44 +0.02 0.138 0.50 0.020",
        ),
        (FILTERS, [runs("a", 0.9), SPREAD], "0 1 0", "+0.20 -0.10 +0.50 0.161 0.50 0.025"),
        (  # of two steps twice 0.025, 0.051 unrounded, does not exclude half a point
            FILTERS,
            [runs("a", 0.9), SPREAD, runs("c", 0.904)],
            "0 2 0",
            "+0.20 -0.10 +0.50 0.322 0.50 8 +0.20 -0.10 +0.50 0.322 0.50 8",
        ),
        (FILTERS, [A, runs("b", around(0.883, spread=0.005))], "0 1 0", "+0.30 -0.18 +0.78 0.173 0.50 5"),
        (FILTERS, [A, runs("b", around(0.877, count=7, spread=0.005))], "0 1 0", "-0.30 -0.65 +0.05 0.083 0.50 4"),
        (FILTERS, [runs("a", [0.88, 0.90]), runs("b", [0.88, 0.90])], "0 1 0", "+0.00 -6.08 +6.08 1.000 0.50"),
        (FILTERS, [A, runs("b", 0.86), runs("c", [])], "0 1 1", "-2.00 -2.23 -1.77 0.001"),
        # McNemar's: 4 images alone, 2 / 2^4; then 2, 2 / 2^2
        (FILTERS, [runs("a", [0.880]), runs("b", [0.884]), runs("c", [0.882])], "", "+0.40 0.250 -0.20 0.500"),
        (
            LEARNING,
            [runs("a", [0.9] * 20), runs("b", [0.9] * 8, failed=11, diverged=1), runs("c", [0.9], failed=19)],
            "1 20 20 20",
            "20 20 8 20 1 20 0 25 95 0.001 4 6",
        ),
        (
            OPTIMUM,
            [A, runs("b", 0.91), runs("c", 0.9075), runs("d", 0.85)],
            "91.00",
            "+3.00 +2.77 +3.23 0.001 +6.00 +5.77 +6.23 0.001",
        ),
        (
            OPTIMUM,
            [runs("a", 0.91), runs("b", 0.9075), runs("c", 0.85, diverged=1)],
            "91.00",
            "+0.25 +0.02 +0.48 0.037 1",
        ),
        (OPTIMUM, [runs("a", [0.88]), runs("b", [0.91]), runs("c", [0.89])], "91.00", ""),
        (COST, [BEST], "91.00", "0.35 5 91.00 90.00 100"),
        (
            COST,
            [BEST, runs("cheap", 0.89, failed=1, validation=0.9075, cost=5)],
            "91.00",
            "0.35 5 90.75 75.83 10",
        ),
        (
            COST,
            [runs("cheap", [0.907], cost=1), runs("best", [0.91], cost=9, diverged=2)],
            "91.00",
            "0.40 5,000 90.70 90.70 11 2",
        ),
    ],
)
def test_every_number_of_a_verdict_is_that_of_its_runs(
    claim: str, members: list[Compared], sentence: str, statistics: str
) -> None:
    verdict = verdicts(members)[claim]
    assert (numbers(verdict.sentence), numbers(verdict.statistics)) == (sentence, statistics)


WIDTH = [runs("narrow", 0.85, parameters=10), runs("wide", 0.90, parameters=100)]
DEPTH = [runs("shallow", 0.88, parameters=50), runs("deep", 0.80, parameters=20)]


def custom(label: str, accuracies: float | list[float], parameters: int = 100, **others: Any) -> Compared:
    return runs(label, accuracies, parameters=parameters, family="custom", **others)


def together(*members: Compared, held_out: int = 5000, width: list[Compared] = WIDTH) -> Verdict:
    return verdicts(width, DEPTH, held_out, members)[TOGETHER]


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        (0.92, "confirmed"),
        (0.9001, "undecided"),  # above depth's, but width's may be as good
        (0.9025, "confirmed"),  # against width p = 0.04, which twice would be 0.08; by Holm it is not doubled
        (0.89, "refuted"),  # above depth's, and below width's
        (0.84, "refuted"),
        (0.8999, "undecided"),
        ([0.90, 0.99, 0.98], "undecided"),  # with pooled variances p = 0.035 and 0.010
        ([0.8], "undecided"),
    ],
)
def test_custom_network_has_to_be_above_the_best_of_both_families_and_is_refuted_by_one(
    accuracies: float | list[float], expected: str
) -> None:
    assert together(custom("a", accuracies)).verdict == expected


def test_two_equal_p_values_are_both_doubled() -> None:
    width, depth = ([runs(name, 0.90, parameters=100)] for name in ("wide", "as wide"))
    assert verdicts(width, depth, custom=[custom("a", 0.9025)])[TOGETHER].verdict == "undecided"


def test_failed_runs_of_a_custom_network_count() -> None:
    assert together(custom("a", 0.94, failed=1)).verdict == "undecided"


def test_custom_network_and_the_best_of_each_family_are_chosen_on_validation_over_all_runs() -> None:
    tested = custom("tested", 0.95, validation=0.85)
    validated = custom("validated", 0.92, validation=0.93)
    assert numbers(together(tested, validated).sentence) == "92.00 100 90.00 100 88.00 50"
    width = [
        runs("a", 0.99, parameters=9, validation=0.80),
        runs("b", 0.90, parameters=100, validation=0.91),
    ]
    assert together(validated, width=width).verdict == "confirmed"
    failing = runs("failing", 0.96, failed=1, parameters=100)
    assert "against wide" in together(validated, width=[*WIDTH, failing]).statistics


def test_custom_network_has_no_more_parameters_than_the_best_of_the_two_families() -> None:
    assert together(custom("a", 0.95, 101), custom("b", 0.92)).sentence.startswith("b reaches ")
    assert together(custom("a", 0.95, 101)).verdict == "not tested"
    deep = [runs("wide", 0.80, parameters=100)]
    assert together(custom("a", 0.95, 51), width=deep).verdict == "not tested", "depth has the best, of 50"
    assert together(custom("a", 0.95, 50), width=deep).verdict == "confirmed"


def test_another_kind_than_the_notebook_s_moves_no_verdict_and_is_reported() -> None:
    other, poor, large = (
        custom(label, mean, parameters, notebooks_kind=False)
        for label, mean, parameters in (("other", 0.93, 60), ("poor", 0.70, 60), ("large", 0.99, 101))
    )
    assert together(large) == together(custom("a", 0.99, 101))
    alone = together(other, poor, large)
    assert (alone.verdict, numbers(alone.statistics)) == ("not tested", "93.00 60 +3.00 +2.77 +3.23 0.001")
    both = together(other, poor, large, custom("a", 0.89, 70))
    assert (both.verdict, numbers(both.sentence)) == ("refuted", "89.00 70 90.00 100 88.00 50")
    assert numbers(both.statistics) == (
        "-1.00 -1.23 -0.77 0.001 +1.00 +0.77 +1.23 0.001 93.00 60 +4.00 +3.77 +4.23 0.001"
    )


def test_a_network_is_not_compared_with_itself() -> None:
    assert together(custom("wide", 0.90), custom("b", 0.85)).sentence.startswith("b reaches ")
    assert together(custom("wide", 0.90)).verdict == "not tested"
    shared = [runs("shared", 0.90, parameters=100)]
    judged = verdicts(shared, shared, custom=[custom("a", 0.9025)])[TOGETHER]
    assert (judged.verdict, judged.statistics.count("against shared")) == ("confirmed", 1)


def test_p_values_that_do_not_exist_leave_the_custom_network_undecided() -> None:
    one_run = [runs(one.label, one.overall[:1], parameters=one.parameters) for one in WIDTH]
    assert together(custom("a", 0.80), width=one_run).verdict == "undecided", "though below depth's, p < 0.001"
    constant = [runs("wide", [0.9] * 5, parameters=100)]
    assert together(custom("a", [0.95] * 5, 9), width=constant).verdict == "undecided"
    diverged = [runs("wide", [], diverged=5, parameters=100)]
    assert together(custom("a", 0.9), width=diverged).verdict == "undecided"


def test_together_is_not_tested_without_custom_networks_families_held_out_images_or_an_accuracy() -> None:
    candidate = custom("a", 0.95)
    for verdict in (
        together(),
        together(candidate, held_out=0),
        together(candidate, width=[]),
        together(custom("a", [], diverged=5)),
    ):
        assert verdict.verdict == "not tested"
