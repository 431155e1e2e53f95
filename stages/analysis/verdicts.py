"""The claims of the notebook, and the rules that judge them, written down before the results that they judge.

*Steps.* The architectures of a family are in order, by filters or by blocks. A step leads from each to the next. It
compares the test accuracies of the runs that learned, by Welch's test; the p-values of a family's steps are corrected
by Holm. A step goes *up* or *down* if its corrected p-value is below 5 %. Otherwise it is *open*, also if a side has
fewer than two runs that learned, or if no run differs from another on either side. If no run of a side learned, the
step cannot be compared.

*An open step* is within MARGIN, half a point of accuracy either way, if two one-sided tests of Welch's kind exclude a
difference of MARGIN or more (Schuirmann, 1987), their p-values corrected by Holm over the family's steps and below 5 %.
It stays open and moves no verdict.

*A claim about steps* is confirmed if all steps that can be compared go its way, confirmed in part if some do and none
goes the other way, refuted if some go the other way and none its way, contradicted in part if some go each way, and
undecided if all are open or none can be compared.

*Wide networks fail to learn*: the first of these that applies. Confirmed if Fisher's exact test distinguishes the
learned fraction of the narrowest and of the widest at 5 %, the widest learns less often, and an architecture between
them learns sometimes. Confirmed in part if so, but all between learn always or never. Refuted if the widest learns in
more than half of all runs, by its whole interval. Undecided otherwise. A run that diverged did not learn. The sentence
says which of these the number of runs can reach.

*A family has an optimum* is confirmed if the architecture of highest mean test accuracy over all runs, failed ones
included, lies between the ends and differs from both by Welch's test, corrected by Holm. It is refuted if that
architecture lies at an end and differs from its neighbour, and undecided otherwise, also if no run learned. A run that
diverged has no accuracy, so it is in no mean; an architecture of such runs alone differs from none.

*Best for its cost* is the architecture of fewest training FLOPs among those whose mean validation accuracy over all
runs is within one standard error of the highest (Breiman et al., 1984, section 3.4.3): that of the mean over its runs,
or, of one run, that of a fraction of the validation images. Only architectures with a run that learned count. It is
picked on the validation images and reported on the test images.

*Choosing layers and filters together beats choosing either alone.* The best of width and the best of depth are those of
highest mean validation accuracy over all runs among those with a run that learned; the study's best is the higher of
the two. Candidates are the architectures of study.custom of the notebook's kind (`reference.KIND`, no moving average of
the weights, the learning rate of `train`) that have an accuracy and no more parameters than the study's best. The
candidate of highest mean validation accuracy is compared with both, by Welch's test on the test accuracies of all runs,
failed ones included, the two p-values corrected by Holm. Confirmed if it is above both with corrected p-values below
5 %; refuted if it is so below at least one; undecided otherwise, also if one of the p-values does not exist, or no run
of a family learned. Not tested without a candidate. Other architectures of study.custom with no more parameters than
the study's best are reported, but move no verdict: the sentence compares the one of highest mean validation accuracy
with the candidate, or without a candidate with the study's best.

A claim is not tested if the study has too few architectures for it, or no validation images.
"""

import math
from typing import NamedTuple

import pandas as pd

from stages.analysis import explanations
from stages.analysis.comparisons import Compared, contrast, mean
from stages.analysis.statistics import (
    SIGNIFICANT,
    deviation,
    proportion_interval,
    same_learned_fraction,
)
from stages.params import BASELINES, FAMILIES, Family

OPEN = ("undecided", "not tested")  # verdicts that decide nothing
BEST = "best_for_its_cost"  # the claim whose verdict is an architecture's label, or one of OPEN


class Verdict(NamedTuple):
    """What came out of a claim, and why."""

    claim: str
    verdict: str
    sentence: str


def judge(
    families: dict[Family, list[Compared]], steps: dict[Family, pd.DataFrame], held_out: int
) -> dict[str, Verdict]:
    """Return a verdict per claim.

    `families` are in order of filters, blocks or parameters; `steps` are those of BASELINES, from `steps_table`;
    `held_out` is the number of validation images. A network that several families name counts once.
    """
    networks = {one.label: one for family in FAMILIES for one in families[family]}
    return {
        "more_filters_raise_accuracy": _judge_steps(
            "More filters raise accuracy", families["width"], steps["width"], "up"
        ),
        "wide_networks_fail_to_learn": _judge_learning(families["width"]),
        "more_blocks_lower_accuracy": _judge_steps(
            "Adding identical blocks lowers accuracy", families["depth"], steps["depth"], "down"
        ),
        "width_has_an_optimum": _judge_optimum("The number of filters has an optimum", families["width"]),
        "depth_has_an_optimum": _judge_optimum("The number of blocks has an optimum", families["depth"]),
        BEST: _best_for_its_cost(list(networks.values()), held_out),
        "together_beats_either_alone": _judge_together(families, held_out),
    }


def _judge_steps(claim: str, compared: list[Compared], steps: pd.DataFrame, wanted: str) -> Verdict:
    if not len(steps):
        return Verdict(claim, "not tested", "the study has fewer than two architectures of this family")
    directions = steps[steps["difference"].notna()]["direction"]
    if not len(directions):
        return Verdict(claim, "undecided", "no two neighbours have runs that learned")
    right, wrong = (directions == wanted), ~directions.isin([wanted, "open"])
    if right.all():
        verdict = "confirmed"
    elif right.any():
        verdict = "contradicted in part" if wrong.any() else "confirmed in part"
    else:
        verdict = "refuted" if wrong.any() else "undecided"
    return Verdict(claim, verdict, explanations.explain_steps(steps, compared))


def _judge_learning(compared: list[Compared]) -> Verdict:
    claim = "Past some width training becomes unstable, then fails"
    if len(compared) < 2:
        return Verdict(claim, "not tested", "the study has fewer than two widths")
    narrowest, *between, widest = compared
    p = same_learned_fraction((narrowest.learned, narrowest.runs), (widest.learned, widest.runs))
    interval = proportion_interval(widest.learned, widest.runs)
    if p < SIGNIFICANT and widest.learned / widest.runs < narrowest.learned / narrowest.runs:
        verdict = "confirmed" if any(architecture.learns_sometimes for architecture in between) else "confirmed in part"
    else:
        verdict = "refuted" if interval.low > 0.5 else "undecided"
    return Verdict(claim, verdict, explanations.explain_learning(compared, interval, p))


def _judge_optimum(claim: str, compared: list[Compared]) -> Verdict:
    if len(compared) < 3:
        return Verdict(claim, "not tested", "the study has fewer than three architectures of this family")
    if not any(architecture.learned for architecture in compared):
        return Verdict(claim, "undecided", f"no run learned{explanations.diverged(compared)}")
    known = [place for place, architecture in enumerate(compared) if architecture.overall]
    best = max(known, key=lambda place: mean(compared[place].overall))
    inside = 0 < best < len(compared) - 1
    others = [compared[0], compared[-1]] if inside else [compared[1 if best == 0 else -2]]
    ahead = contrast(compared[best], others)
    settled = ahead and max(other.p for other in ahead) < SIGNIFICANT
    verdict = ("confirmed" if inside else "refuted") if settled else "undecided"
    sentence = explanations.explain_optimum(compared[best], inside, others, ahead)
    return Verdict(claim, verdict, sentence + explanations.diverged(compared))


def _best_for_its_cost(compared: list[Compared], held_out: int) -> Verdict:
    claim = "Which architecture is best for its cost"
    if not held_out:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to pick it on")
    known = _learned_and_validated(compared)
    if not known:
        return Verdict(claim, "undecided", f"no run learned{explanations.diverged(compared)}")
    best = _best_on_validation(known)
    highest, spread = mean(best.validation), deviation(best.validation)
    if spread is None:
        error = math.sqrt(highest * (1 - highest) / held_out)
    else:
        error = spread / math.sqrt(len(best.validation))
    within = [architecture for architecture in known if mean(architecture.validation) >= highest - error]
    cheapest = min(within, key=lambda one: (one.training_flops, one.parameters, -mean(one.validation)))
    sentence = explanations.explain_cost(cheapest, best, error, held_out)
    return Verdict(claim, cheapest.label, sentence + explanations.diverged(compared))


def _judge_together(families: dict[Family, list[Compared]], held_out: int) -> Verdict:
    claim = "Choosing layers and filters together beats choosing either alone"
    if not families["custom"]:
        return Verdict(claim, "not tested", "study.custom is empty")
    if not held_out:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to choose on")
    known = {family: _learned_and_validated(families[family]) for family in BASELINES}
    if not all(known.values()):
        studied = [one for family in BASELINES for one in families[family]]
        return Verdict(claim, "undecided", f"a family has no run that learned{explanations.diverged(studied)}")
    alone = [_best_on_validation(known[family]) for family in BASELINES]
    best = _best_on_validation(alone)
    small = [one for one in families["custom"] if one.validation and one.parameters <= best.parameters]
    candidates = [one for one in small if one.notebooks_kind]
    others = [one for one in small if not one.notebooks_kind]
    together = _best_on_validation(candidates) if candidates else None
    more = explanations.explain_other_kind(_best_on_validation(others), together or best) if others else ""
    if not together:
        return Verdict(claim, "not tested", explanations.no_candidate(best) + more)
    against = contrast(together, alone)
    sentence = explanations.explain_together(together, best, alone, against) + more
    signs = [one.between.estimate > 0 for one in against or [] if one.p < SIGNIFICANT]
    verdict = "refuted" if False in signs else "confirmed" if len(signs) == len(alone) else "undecided"
    return Verdict(claim, verdict, sentence)


def _learned_and_validated(compared: list[Compared]) -> list[Compared]:
    return [one for one in compared if one.learned and one.validation]


def _best_on_validation(compared: list[Compared]) -> Compared:
    return max(compared, key=lambda architecture: mean(architecture.validation))
