"""The claims of the notebook, and the rules that judge them, written down before the results that they judge.

*Steps.* The architectures of a family are in order, by filters or by blocks. A step leads from each to the next. It
compares the test accuracies of the runs that learned, by Welch's test. Holm's method corrects the p-values of a
family's steps. A step goes *up* or *down* if its corrected p-value is below 5 %. Otherwise it is *open*, also if a side
has fewer than two runs that learned, or if neither side has runs that differ. A step cannot be compared if no run of
one side learned.

*An open step* is within MARGIN (half a point of accuracy) if two one-sided Welch's tests exclude a difference of MARGIN
or more (Schuirmann, 1987). Their p-values, corrected by Holm over the family's steps, must be below 5 %. The step stays
open and changes no verdict.

*A claim about steps.* Only steps that can be compared count. Confirmed: all go its way. Confirmed in part: some go its
way, none the other way. Contradicted in part: some go each way. Refuted: some go the other way, none its way.
Undecided: all are open, or none can be compared.

*Wide networks fail to learn.* The first rule that fits decides. Confirmed: the widest learns less often than the
narrowest by Fisher's exact test at 5 %, and one between them learns sometimes. Confirmed in part: the same, but all
between learn always or never. Refuted: the whole interval of the widest's learned fraction is above one half. Undecided
otherwise. A run that diverged did not learn.

*A family has an optimum.* The best has the highest mean test accuracy over all runs, failed ones included. Confirmed:
it lies between the ends and differs from both by Welch's test, corrected by Holm. Refuted: it lies at an end and
differs from its neighbour. Undecided otherwise, also if no run learned. A run that diverged has no accuracy and is in
no mean. An architecture of which all runs diverged differs from none.

*Best for its cost.* Only architectures with a run that learned count, by mean validation accuracy over all runs. The
verdict is the one of fewest training FLOPs within one standard error of the highest (Breiman et al., 1984, section
3.4.3). It is the standard error of the highest mean over its runs, or, for one run, of a fraction of the validation
images. The architecture is chosen on the validation images and reported on the test images.

*Choosing layers and filters together beats choosing either alone.* The best of width and of depth have the highest mean
validation accuracy over all runs, among architectures with a run that learned. The study's best is the higher of the
two. Candidates are in study.custom and of the notebook's kind: `reference.KIND`, no moving average of the weights, the
learning rate of `train`. They have an accuracy, and no more parameters than the study's best. Welch's test compares the
candidate of highest mean validation accuracy with both, on the test accuracies of all runs, failed ones included. Holm
corrects the two p-values. Confirmed: it is above both, with p-values below 5 %. Refuted: it is below at least one, with
such a p-value. Undecided otherwise, also if a p-value is missing or no run of a family learned. Not tested: there is no
candidate. Other kinds in study.custom with no more parameters are reported but change no verdict. Their best on
validation images is compared with the candidate, or else with the study's best.

A claim is not tested if the study has too few architectures for it, or no validation images. A network that several
families name is an architecture of each of them.
"""

import math
from collections.abc import Iterable
from itertools import count, pairwise
from typing import NamedTuple

import pandas as pd

from stages.analysis.comparisons import MARGIN, Compared, contrast, mean
from stages.analysis.statistics import (
    SIGNIFICANT,
    Difference,
    deviation,
    proportion_interval,
    same_learned_fraction,
    seeds_to_settle,
)
from stages.params import BASELINES, FAMILIES, Family

OPEN = ("undecided", "not tested")  # verdicts that decide nothing
BEST = "best_for_its_cost"  # the claim whose verdict is an architecture's label, or one of OPEN

# The fewest runs per width that can confirm and refute the claim on learning
CONFIRMING = next(runs for runs in count(1) if same_learned_fraction((runs, runs), (0, runs)) < SIGNIFICANT)
REFUTING = next(runs for runs in count(1) if proportion_interval(runs, runs).low > 0.5)


class Verdict(NamedTuple):
    """A claim, its verdict, the reason in one plain sentence, and the statistics behind it."""

    claim: str
    verdict: str
    sentence: str
    statistics: str = ""  # differences and intervals in points of accuracy; p-values corrected by Holm


def judge(
    families: dict[Family, list[Compared]], steps: dict[Family, pd.DataFrame], held_out: int
) -> dict[str, Verdict]:
    """Return a verdict per claim.

    `families` are in order of filters, blocks or parameters. `steps` has the `steps_table` of each of BASELINES.
    `held_out` is the number of validation images.
    """
    width, depth = (families[family] for family in BASELINES)
    return {
        "more_filters_raise_accuracy": _judge_steps("More filters raise accuracy", width, steps["width"], "up"),
        "wide_networks_fail_to_learn": _judge_learning(width),
        "more_blocks_lower_accuracy": _judge_steps(
            "Adding identical blocks lowers accuracy", depth, steps["depth"], "down"
        ),
        "width_has_an_optimum": _judge_optimum("The number of filters has an optimum", width),
        "depth_has_an_optimum": _judge_optimum("The number of blocks has an optimum", depth),
        BEST: _best_for_its_cost(families, held_out),
        "together_beats_either_alone": _judge_together(families, held_out),
    }


def _judge_steps(claim: str, compared: list[Compared], steps: pd.DataFrame, wanted: str) -> Verdict:
    if not len(steps):
        return Verdict(claim, "not tested", "The study has fewer than two architectures of this family.")
    directions = steps[steps["difference"].notna()]["direction"]
    if not len(directions):
        return Verdict(claim, "undecided", "No two neighbours have runs that learned.")
    found = set(directions)
    contrary = found - {wanted, "open"}
    if found == {wanted}:
        verdict = "confirmed"
    elif wanted in found:
        verdict = "contradicted in part" if contrary else "confirmed in part"
    else:
        verdict = "refuted" if contrary else "undecided"
    up, down = (sum(directions == direction) for direction in ("up", "down"))
    sentence = (
        f"Accuracy rises by more than seed noise in {up} of {counted(len(directions), 'step')}, and falls in {down}."
    )
    if steps["p"].isna().all():
        sentence = "No step has an interval, so seed noise is unknown."
    sides, tests = zip(steps.iterrows(), pairwise(compared), strict=True), steps["p"].count()
    return Verdict(claim, verdict, sentence, "; ".join(_describe_step(step, *pair, tests) for (_, step), pair in sides))


def _describe_step(step: pd.Series, before: Compared, after: Compared, tests: int) -> str:
    text = f"{step.name}: {points(step['difference'])} points"
    if pd.isna(step["difference"]):
        return f"{step.name}: not compared, as no run of one side learned"
    if pd.isna(step["p"]):
        return f"{text}, no interval; McNemar's test of two trained models: {p_value(step['mcnemar_p_holm'])}"
    text += f" [{points(step['low'])}, {points(step['high'])}], {p_value(step['p_holm'])}"
    if step["direction"] != "open":
        return text
    if step["equivalence_p_holm"] < SIGNIFICANT:
        return f"{text}, less than {percent(MARGIN, 2)} either way ({p_value(step['equivalence_p_holm'])})"
    first, second = (deviation(one.accuracies) or 0 for one in (before, after))
    needed = seeds_to_settle(step["difference"], first, second, tests) or 0
    more = needed - min(len(before.accuracies), len(after.accuracies))
    settled = f"; {counted(more, 'more seed')} would settle a difference of that size" if more > 0 else ""
    return f"{text}, {percent(MARGIN, 2)} not excluded{settled}"


def _judge_learning(compared: list[Compared]) -> Verdict:
    claim = "Past some width training becomes unstable, then fails"
    if len(compared) < 2:
        return Verdict(claim, "not tested", "The study has fewer than two widths.")
    narrowest, *between, widest = compared
    p = same_learned_fraction((narrowest.learned, narrowest.runs), (widest.learned, widest.runs))
    interval = proportion_interval(widest.learned, widest.runs)
    unstable = [one.label for one in between if 0 < one.learned < one.runs]
    if p < SIGNIFICANT and widest.learned / widest.runs < narrowest.learned / narrowest.runs:
        verdict = "confirmed" if unstable else "confirmed in part"
    else:
        verdict = "refuted" if interval.low > 0.5 else "undecided"
    return Verdict(
        claim,
        verdict,
        f"{widest.label} learned in {widest.learned} of {counted(widest.runs, 'run')}, {narrowest.label} in "
        f"{narrowest.learned} of {narrowest.runs}; {listed(unstable) or 'no width'} between them in only some.",
        f"learned: {', '.join(f'{one.label} {one.learned} of {one.runs}' for one in compared)}; {widest.label} learns "
        f"in {percent(interval.low)} to {percent(interval.high)} % of all runs (95 % interval); against "
        f"{narrowest.label}, {p_value(p)} (Fisher); {CONFIRMING} runs per width can confirm it, {REFUTING} refute it",
    )


def _judge_optimum(claim: str, compared: list[Compared]) -> Verdict:
    if len(compared) < 3:
        return Verdict(claim, "not tested", "The study has fewer than three architectures of this family.")
    if not any(one.learned for one in compared):
        return Verdict(claim, "undecided", "No run learned.", _diverged(compared))
    known = [place for place, one in enumerate(compared) if one.overall]
    place = max(known, key=lambda place: mean(compared[place].overall))
    best, inside = compared[place], 0 < place < len(compared) - 1
    others = [compared[0], compared[-1]] if inside else [compared[1 if place == 0 else -2]]
    ahead = contrast(best, others)
    settled = ahead and max(between.p for _, between in ahead) < SIGNIFICANT
    return Verdict(
        claim,
        ("confirmed" if inside else "refuted") if settled else "undecided",
        f"{best.label} is the most accurate, {percent(mean(best.overall), 2)} % over all runs, "
        f"{'between the ends' if inside else 'at an end'}; its lead over {listed(one.label for one in others)} "
        f"{'exceeds' if settled else 'is not shown to exceed'} seed noise.",
        _describe(ahead) + _diverged(compared),
    )


def _best_for_its_cost(families: dict[Family, list[Compared]], held_out: int) -> Verdict:
    claim = "Which architecture is best for its cost"
    if not held_out:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to choose on.")
    compared = list({one.label: one for family in FAMILIES for one in families[family]}.values())
    known = _learned_and_validated(compared)
    if not known:
        return Verdict(claim, "undecided", "No run learned.", _diverged(compared))
    best = _best_on_validation(known)
    highest, spread, runs = mean(best.validation), deviation(best.validation), len(best.validation)
    error = math.sqrt(highest * (1 - highest) / held_out) if spread is None else spread / math.sqrt(runs)
    within = [one for one in known if mean(one.validation) >= highest - error]
    cheapest = min(within, key=lambda one: (one.training_flops, one.parameters, -mean(one.validation)))
    return Verdict(
        claim,
        cheapest.label,
        f"{cheapest.label} is the cheapest network within one standard error of the highest validation accuracy, "
        f"{percent(highest, 2)} % of {best.label}.",
        f"standard error: {percent(error, 2)} points, of "
        f"{f'{held_out:,} validation images' if spread is None else f'{runs} seeds'}; {cheapest.label}: "
        f"{percent(mean(cheapest.validation), 2)} % on validation images, {percent(mean(cheapest.overall), 2)} % on "
        f"test images, {percent(cheapest.training_flops / best.training_flops)} % of the training FLOPs of "
        f"{best.label}{_diverged(compared)}",
    )


def _judge_together(families: dict[Family, list[Compared]], held_out: int) -> Verdict:
    claim = "Choosing layers and filters together beats choosing either alone"
    if not all(families.values()) or not held_out:
        return Verdict(claim, "not tested", "It takes networks of width, depth and study.custom, and held-out images.")
    known = [_learned_and_validated(families[family]) for family in BASELINES]
    if not all(known):
        return Verdict(claim, "undecided", "A family has no run that learned.")
    alone = list({one.label: one for one in map(_best_on_validation, known)}.values())
    best = _best_on_validation(alone)
    studied = [one.label for family in BASELINES for one in families[family]]
    free = [one for one in families["custom"] if one.validation and one.label not in studied]
    small = [one for one in free if one.parameters <= best.parameters]
    others = [one for one in small if not one.notebooks_kind]
    candidates = [one for one in small if one.notebooks_kind]
    together = _best_on_validation(candidates) if candidates else None
    more = ""
    if others:
        other = _best_on_validation(others)
        more = f"; of any kind: {_accuracy(other)}, {_describe(contrast(other, [together or best]))}"
    if not together:
        limit = f"no more than the {best.parameters:,} parameters of {best.label}"
        none = f"study.custom has no architecture of the notebook's kind with an accuracy and {limit}."
        return Verdict(claim, "not tested", none, more.removeprefix("; "))
    against = contrast(together, alone)
    signs = [between.estimate > 0 for _, between in against if between.p < SIGNIFICANT]
    return Verdict(
        claim,
        "refuted" if False in signs else "confirmed" if len(signs) == len(alone) else "undecided",
        f"{listed(map(_accuracy, [together, *alone]))}.",
        _describe(against) + more,
    )


def _learned_and_validated(compared: list[Compared]) -> list[Compared]:
    return [one for one in compared if one.learned and one.validation]


def _best_on_validation(compared: list[Compared]) -> Compared:
    return max(compared, key=lambda architecture: mean(architecture.validation))


def _accuracy(one: Compared) -> str:
    return f"{one.label} reaches {percent(mean(one.overall), 2)} % with {one.parameters:,} parameters"


def _describe(contrasts: list[tuple[str, Difference]]) -> str:
    phrases = [
        f"{points(between.estimate)} points [{points(between.low)}, {points(between.high)}] against {label}, "
        f"{p_value(between.p)}"
        for label, between in contrasts
    ]
    return "; ".join(phrases) or "no interval"


def _diverged(compared: list[Compared]) -> str:
    number = sum(one.runs - len(one.overall) for one in compared)
    return f"; diverged runs, in no mean: {number}" if number else ""


def points(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"


def percent(fraction: float, decimals: int = 0) -> str:
    return f"{100 * fraction:.{decimals}f}"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(items: Iterable[str]) -> str:
    """Join the items with commas and "and"."""
    *first, last = [*items] or [""]
    return " and ".join(filter(None, [", ".join(first), last]))
