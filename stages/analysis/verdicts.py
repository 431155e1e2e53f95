"""The claims of the notebook, and the rules that judge them, written down before the results that they judge.

*Steps.* A family's architectures are put in order, by kernels or by blocks. A step leads from each to the next. What
is compared are the test accuracies of the runs that learned, by Welch's interval; the p-values of a family's steps are
corrected by Holm. A step goes *up* or *down* where its corrected p-value is below 5 %; otherwise it is *open*, as it is
where a side has fewer than two runs that learned, or where no run differs from another on either side. Where no run of
a side learned, a step cannot be compared.

*An open step* is said to be within MARGIN, half a point of accuracy either way, where two one-sided tests of Welch's
kind exclude a difference of MARGIN or more (Schuirmann, 1987), their p-values corrected by Holm over the family's steps
and below 5 %. It stays open, and moves no verdict.

*A claim about steps* is confirmed if all steps that can be compared go its way, confirmed in part if some do and none
goes the other way, refuted if some go the other way and none its way, contradicted in part if some go each way, and
undecided if all are open or none can be compared. Where all steps are open for want of a second seed, it is undecided.

*Wide networks fail to learn*: the first of these that holds. Confirmed if Fisher's exact test tells the learned fraction of
the narrowest and of the widest apart at 5 %, the widest starting less often, and an architecture between them starts
sometimes; confirmed in part if they are told apart so, and all between start always or never; refuted if the widest
starts in more than half of all runs, by its whole interval; undecided otherwise. A run that diverged did not learn.

*A family has an optimum* is confirmed if the architecture of highest mean test accuracy over all runs, those that
failed to learn included, lies between the ends and is told apart from both by Welch's test, corrected by Holm; refuted
if it lies at an end and is told apart from its neighbour; undecided otherwise. A run that diverged has no accuracy, so
it is in no mean; an architecture of such runs alone is told apart from none.

*Best for its cost* is the architecture of fewest training operations among those whose mean validation accuracy over
all runs is within one standard error of the highest (Breiman et al., 1984, section 3.4.3): that of the mean over its
runs, or, of one run, that of a share of the validation images. It is picked on the validation images and reported on
the test images.

*Choosing layers and kernels together beats choosing either alone.* The best of width and the best of depth are those of
highest mean validation accuracy over all runs, the study's best the higher of the two. Candidates are the architectures
of study.custom of the notebook's kind (5x5, stride 1, a dense head, sigmoid, no normalization, dropout or average, and
train's learning rate; blocks, every convolution's kernels, pooling and hidden units are free) that have an accuracy and
no more parameters than the study's best. The candidate of highest mean validation accuracy is compared with both, by
Welch's test on the test accuracies of all runs, failed runs included, the two p-values corrected by Holm. Confirmed
if it is above both, each with a corrected p-value below 5 %; refuted if it is below at least one of them so; undecided
otherwise, also where one of the two p-values is not to be had, or a family has no run with an accuracy. Not tested
without a candidate. What study.custom has besides the notebook's kind, with no more parameters, moves no verdict: the
sentence after it tells how far the one of highest mean validation accuracy is from the candidate that was compared, or,
without one, from the study's best.

A claim is not tested where the study holds too few architectures for it, or no validation images.
"""

import math
from typing import NamedTuple

import pandas as pd

from stages.analysis import words
from stages.analysis.comparisons import Compared, mean
from stages.analysis.statistics import (
    SIGNIFICANT,
    deviation,
    difference,
    holm,
    proportion_interval,
    same_learned_fraction,
)
from stages.params import BASELINES, FAMILIES, Family


class Verdict(NamedTuple):
    """What came out of a claim, and why."""

    claim: str
    verdict: str
    sentence: str


def judge(
    families: dict[Family, list[Compared]], steps: dict[Family, pd.DataFrame], held_out: int
) -> dict[str, Verdict]:
    """A verdict a claim. Families are in order of kernels, blocks or parameters; of BASELINES there are `steps`.

    `held_out` is the number of validation images.
    """
    return {
        "more_kernels_raise_accuracy": _about_steps(
            "More kernels raise accuracy", families["width"], steps["width"], "up"
        ),
        "wide_networks_fail_to_start": _about_starting(families["width"]),
        "more_blocks_lower_accuracy": _about_steps(
            "Adding identical blocks lowers accuracy", families["depth"], steps["depth"], "down"
        ),
        "width_has_an_optimum": _about_optimum("The number of kernels has an optimum", families["width"]),
        "depth_has_an_optimum": _about_optimum("The number of blocks has an optimum", families["depth"]),
        "best_for_its_cost": _best_for_its_cost([one for family in FAMILIES for one in families[family]], held_out),
        "together_beats_either_alone": _about_choosing_together(families, held_out),
    }


def _about_steps(claim: str, compared: list[Compared], steps: pd.DataFrame, wanted: str) -> Verdict:
    if not len(steps):
        return Verdict(claim, "not tested", "the study holds fewer than two architectures of this family")
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
    return Verdict(claim, verdict, words.about_steps(steps, compared))


def _about_starting(compared: list[Compared]) -> Verdict:
    claim = "Past some width training becomes unstable, then fails to start"
    if len(compared) < 2:
        return Verdict(claim, "not tested", "the study holds fewer than two widths")
    narrowest, *between, widest = compared
    p = same_learned_fraction((narrowest.learned, narrowest.runs), (widest.learned, widest.runs))
    interval = proportion_interval(widest.learned, widest.runs)
    if p < SIGNIFICANT and widest.learned / widest.runs < narrowest.learned / narrowest.runs:
        verdict = "confirmed" if any(architecture.learns_sometimes for architecture in between) else "confirmed in part"
    else:
        verdict = "refuted" if interval.low > 0.5 else "undecided"
    return Verdict(claim, verdict, words.about_starting(compared, interval, p))


def _about_optimum(claim: str, compared: list[Compared]) -> Verdict:
    if len(compared) < 3:
        return Verdict(claim, "not tested", "the study holds fewer than three architectures of this family")
    known = [place for place, architecture in enumerate(compared) if architecture.overall]
    if not known:
        return Verdict(claim, "undecided", f"no run has an accuracy{words.diverged(compared)}")
    best = max(known, key=lambda place: mean(compared[place].overall))
    inside = 0 < best < len(compared) - 1
    others = [compared[0], compared[-1]] if inside else [compared[1 if best == 0 else -2]]
    differences = [difference(other.overall, compared[best].overall) for other in others]
    p_values = holm([between.p for between in differences if between])
    settled = all(differences) and max(p_values) < SIGNIFICANT
    verdict = ("confirmed" if inside else "refuted") if settled else "undecided"
    where = words.about_optimum(compared[best], inside, others, differences, p_values)
    return Verdict(claim, verdict, where + words.diverged(compared))


def _best_for_its_cost(compared: list[Compared], held_out: int) -> Verdict:
    claim = "Which architecture is best for its cost"
    known = [architecture for architecture in compared if architecture.validation]
    if not held_out:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to pick it on")
    if not known:
        return Verdict(claim, "undecided", f"no run has an accuracy{words.diverged(compared)}")
    best = _best_on_validation(known)
    highest, spread = mean(best.validation), deviation(best.validation)
    if spread is None:
        error = math.sqrt(highest * (1 - highest) / held_out)
    else:
        error = spread / math.sqrt(len(best.validation))
    within = [architecture for architecture in known if mean(architecture.validation) >= highest - error]
    pick = min(within, key=lambda known: (known.training_flops, known.parameters, -mean(known.validation)))
    return Verdict(claim, pick.label, words.about_cost(pick, best, error, held_out) + words.diverged(compared))


def _about_choosing_together(families: dict[Family, list[Compared]], held_out: int) -> Verdict:
    claim = "Choosing layers and kernels together beats choosing either alone"
    if not families["custom"]:
        return Verdict(claim, "not tested", "study.custom holds no architecture")
    if not held_out:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to choose on")
    known = {family: [one for one in families[family] if one.validation] for family in FAMILIES}
    if not all(known[family] for family in BASELINES):
        studied = [one for family in BASELINES for one in families[family]]
        return Verdict(claim, "undecided", f"a family has no run with an accuracy{words.diverged(studied)}")
    alone = [_best_on_validation(known[family]) for family in BASELINES]
    best = _best_on_validation(alone)
    small = [one for one in known["custom"] if one.parameters <= best.parameters]
    candidates = [one for one in small if one.notebooks_kind]
    others = [one for one in small if not one.notebooks_kind]
    together = _best_on_validation(candidates) if candidates else None
    beyond = words.beyond(_best_on_validation(others), together or best) if others else ""
    if not together:
        return Verdict(claim, "not tested", words.no_candidate(best) + beyond)
    differences = [difference(one.overall, together.overall) for one in alone]
    p_values = holm([between.p for between in differences if between])
    sentence = words.about_choosing_together(together, best, alone, differences, p_values) + beyond
    verdict = "undecided"
    if all(differences):
        settled = zip(filter(None, differences), p_values, strict=True)
        signs = [between.estimate > 0 for between, p in settled if p < SIGNIFICANT]
        verdict = "refuted" if False in signs else "confirmed" if len(signs) == len(alone) else "undecided"
    return Verdict(claim, verdict, sentence)


def _best_on_validation(compared: list[Compared]) -> Compared:
    """Of the highest mean validation accuracy over all runs; each has one."""
    return max(compared, key=lambda architecture: mean(architecture.validation))
