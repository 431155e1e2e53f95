"""The rule of choosing layers and kernels together, on made-up runs of which another reading gives another verdict."""

import pytest

from stages.analysis.comparisons import Compared
from stages.analysis.statistics import difference
from stages.analysis.verdicts import Verdict
from tests.analysis.made_up import around, runs, verdicts

WIDTH = [runs("narrow", around(0.85), parameters=10), runs("wide", around(0.90), parameters=100)]
DEPTH = [runs("shallow", around(0.88), parameters=50), runs("deep", around(0.80), parameters=20)]
CLAIM = "Choosing layers and filters together beats choosing either alone"
NONE = (
    "study.custom has no architecture of the notebook's kind with an accuracy and no more than the 100 parameters of "
    "wide, the study's best"
)
OTHER = {"family": "custom", "notebooks_kind": False}


def custom(label: str, mean: float, parameters: int = 100, **others: object) -> Compared:
    return runs(label, around(mean), **({"parameters": parameters, "family": "custom"} | others))  # type: ignore[arg-type]


def judged(*members: Compared, held_out: int = 5000, width: list[Compared] = WIDTH) -> Verdict:
    return verdicts(width, DEPTH, held_out, members)["together_beats_either_alone"]


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (0.92, "confirmed"),
        (0.9001, "undecided"),  # above depth's, but width's may be as good
        (0.89, "refuted"),  # above depth's, and below width's
        (0.84, "refuted"),
        (0.8999, "undecided"),
    ],
)
def test_the_candidate_has_to_be_above_the_best_of_both_families_and_is_refuted_by_one(
    mean: float, expected: str
) -> None:
    assert judged(custom("a", mean)).verdict == expected


def test_the_two_p_values_are_corrected_by_holm_and_not_by_their_number() -> None:
    """Against width p = 0.04, which twice would be 0.08, and against depth less than 0.001."""
    between = difference(WIDTH[1].overall, around(0.9025))
    assert between is not None
    assert 0.05 / 2 < between.p < 0.05
    assert judged(custom("a", 0.9025)).verdict == "confirmed"
    as_good = [runs("wide", around(0.90), parameters=100), runs("as wide", around(0.90), parameters=100)]
    both = verdicts(as_good[:1], as_good[1:], custom=[custom("a", 0.9025)])["together_beats_either_alone"]
    assert both.verdict == "undecided", "where both are so close, Holm doubles the first of them"


def test_failed_runs_count_and_spread_is_each_side_s_own() -> None:
    """Over all runs the mean is 0.94 less than a sixth of 0.84; of those that learned it would be 0.94."""
    assert judged(runs("a", around(0.94), failed=1, parameters=100, family="custom")).verdict == "undecided"
    wild = runs("a", [0.90, 0.99, 0.98], parameters=100, family="custom")  # with pooled variances p = 0.035 and 0.010
    assert judged(wild).verdict == "undecided"


def test_candidate_and_the_best_of_each_family_are_chosen_on_validation_over_all_runs() -> None:
    tested = custom("tested", 0.95, validation=around(0.85))
    validated = custom("validated", 0.92, validation=around(0.93))
    assert judged(tested, validated).sentence.startswith("validated has ")
    width = [
        runs("tested", around(0.99), parameters=9, validation=around(0.80)),
        runs("validated", around(0.90), parameters=100, validation=around(0.91)),
    ]
    assert judged(validated, width=width).verdict == "confirmed"
    failing = runs("failing", around(0.96), failed=1, parameters=100)
    assert "where wide, the study's best," in judged(validated, width=[*WIDTH, failing]).sentence


def test_candidate_has_no_more_parameters_than_the_best_of_the_two_families() -> None:
    assert judged(custom("a", 0.95, 101), custom("b", 0.92, 100)).sentence.startswith("b has 100 parameters, ")
    alone = judged(custom("a", 0.95, 101))
    assert alone == (CLAIM, "not tested", NONE)
    deep = [runs("wide", around(0.80), parameters=100)]
    assert judged(custom("a", 0.95, 51), width=deep).verdict == "not tested", "depth has the best, of 50 parameters"
    assert judged(custom("a", 0.95, 50), width=deep).verdict == "confirmed"


def test_another_kind_than_the_notebook_s_is_no_candidate_and_has_a_sentence_of_its_own() -> None:
    other = runs("other", around(0.93), parameters=60, **OTHER)  # type: ignore[arg-type]
    poor = runs("poor", around(0.70), parameters=60, **OTHER)  # type: ignore[arg-type]
    large = runs("large", around(0.99), parameters=101, **OTHER)  # type: ignore[arg-type]
    assert judged(large).sentence == judged(custom("a", 0.99, 101)).sentence
    assert judged(other, poor, large) == (
        CLAIM,
        "not tested",
        f"{NONE}. Of any kind, with no more parameters than the study's best: other, 60 parameters, 93.00 %, "
        "+3.00 points [+2.77, +3.23] against wide",
    )
    single = runs("single", [0.93], parameters=60, **OTHER)  # type: ignore[arg-type]
    assert judged(single).sentence.endswith(": single, 60 parameters, 93.00 %, +3.00 points against wide")
    beside = judged(other, poor, large, custom("a", 0.89, 70))
    assert (beside.verdict, beside.sentence) == (
        "refuted",
        "a has 70 parameters, where wide, the study's best, has 100, and 89.00 % over all runs: "
        "-1.00 points [-1.23, -0.77] against wide, p < 0.001, +1.00 points [+0.77, +1.23] against shallow, p < 0.001. "
        "Of any kind, with no more parameters than the study's best: other, 60 parameters, 93.00 %, "
        "+4.00 points [+3.77, +4.23] against a",
    )


def test_p_values_that_do_not_exist_leave_it_undecided() -> None:
    one_run = [runs(one.label, one.overall[:1], parameters=one.parameters) for one in WIDTH]
    sentence = judged(runs("a", [0.8], parameters=9, family="custom"), width=one_run).sentence
    assert sentence.endswith("80.00 % over all runs; too few runs, or none that differ, give no interval")
    below_depth = custom("a", 0.80)
    assert judged(below_depth, width=one_run).verdict == "undecided", "though it is below depth's, p < 0.001"
    constant = [runs("wide", [0.9] * 5, parameters=100)]
    assert judged(runs("a", [0.95] * 5, parameters=9, family="custom"), width=constant).verdict == "undecided"
    diverged = [runs("wide", [], diverged=5, parameters=100)]
    assert judged(custom("a", 0.9), width=diverged) == (
        CLAIM,
        "undecided",
        "a family has no run that learned; 5 runs that diverged are in no mean",
    )


def test_it_is_not_tested_without_custom_networks_held_out_images_or_runs_with_an_accuracy() -> None:
    assert judged().sentence == "study.custom is empty"
    assert judged(custom("a", 0.95), held_out=0).verdict == "not tested"
    assert judged(runs("a", [], diverged=5, family="custom")).verdict == "not tested"
    assert judged().verdict == "not tested"
