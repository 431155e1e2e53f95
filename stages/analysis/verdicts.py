"""The claims of the notebook, the rules that judge them, and the sentences that say what came out.

The rules, written down before the results that they judge:

*Steps.* A family's architectures are put in order, by kernels or by blocks. A step leads from each to the next. What
is compared are the test accuracies of the runs that started, by Welch's interval; the p-values of a family's steps are
corrected by Holm. A step goes *up* or *down* where its corrected p-value is below 5 %; otherwise it is *open*, as it is
where a side has fewer than two runs that started.

*A claim about steps* is confirmed if all steps that can be compared go its way, confirmed in part if some do and none
goes the other way, refuted if some go the other way and none its way, contradicted in part if some go each way, and
undecided if all are open. Where all steps are open for want of a second seed, it is undecided.

*Wide networks fail to start* is confirmed if Fisher's exact test tells the start rates of the narrowest and of the
widest apart at 5 %, the widest starting less often, and an architecture between them starts sometimes; confirmed in
part if all between start always or never; refuted if the widest starts in more than half of all runs, by its whole
interval; undecided otherwise.

*A family has an optimum* is confirmed if the architecture of highest mean test accuracy over all runs, those that
failed to start included, lies between the ends and is told apart from both by Welch's test, corrected by Holm; refuted
if it lies at an end and is told apart from its neighbour; undecided otherwise.

*Best for its cost* is the architecture of fewest training operations among those whose mean validation accuracy over
all runs is within one standard error of the highest (Breiman et al., 1984, section 3.4.3). It is picked on the
validation images and reported on the test images.
"""

import math
from typing import NamedTuple

import pandas as pd

from stages.analysis.comparisons import SIGNIFICANT, Compared, mean
from stages.analysis.statistics import (
    Difference,
    deviation,
    difference,
    holm,
    proportion_interval,
    same_start_rate,
    seeds_to_settle,
)
from stages.params import Family


class Verdict(NamedTuple):
    claim: str
    verdict: str
    sentence: str


def judge(
    families: dict[Family, list[Compared]], steps: dict[Family, pd.DataFrame], held_out: int
) -> dict[str, Verdict]:
    """A verdict a claim. Families are in order of kernels or blocks; `held_out` is the number of validation images."""
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
        "best_for_its_cost": _best_for_its_cost([*families["width"], *families["depth"]], held_out),
    }


def _about_steps(claim: str, compared: list[Compared], steps: pd.DataFrame, wanted: str) -> Verdict:
    if not len(steps):
        return Verdict(claim, "not tested", "the study holds fewer than two architectures of this family")
    known = steps[steps["difference"].notna()]
    if not len(known):
        return Verdict(claim, "undecided", "no two neighbours have runs that started")
    right = known[known["direction"] == wanted]
    wrong = known[~known["direction"].isin([wanted, "open"])]
    still_open = known[known["direction"] == "open"]
    if len(right) == len(known):
        verdict = "confirmed"
    elif len(right):
        verdict = "contradicted in part" if len(wrong) else "confirmed in part"
    else:
        verdict = "refuted" if len(wrong) else "undecided"
    phrases = []
    for direction, group in (("up", right if wanted == "up" else wrong), ("down", wrong if wanted == "up" else right)):
        if len(group):
            by = f"by {_points(abs(group['difference'].mean()))} points on average"
            phrases.append(f"{len(group)} of {len(known)} steps {direction}, {by}, {_p(group['p_holm'].max())}")
    phrases += [_open_step(row, compared) for _, row in still_open.iterrows()]
    if still_open["p"].isna().any():
        phrases.append(
            "one run a side gives no interval, and McNemar's test tells two models apart, not what made them"
        )
    unseen = len(steps) - len(known)
    if unseen:
        phrases.append(f"{_count(unseen, 'step')} not compared, as no run of one side started")
    return Verdict(claim, verdict, "; ".join(phrases))


def _open_step(step: pd.Series, compared: list[Compared]) -> str:
    where = f"{step['from_label']} to {step['to_label']}: {_signed(step['difference'])} points"
    before, after = (next(one for one in compared if one.name == step[side]) for side in ("from", "to"))
    spreads = deviation(before.accuracies), deviation(after.accuracies)
    if spreads[0] is None or spreads[1] is None:
        return f"{where}, McNemar's {_p(step['mcnemar_p_holm'])}"
    told = f"{where} [{_signed(step['low'])}, {_signed(step['high'])}]"
    enough = seeds_to_settle(step["difference"], spreads[0], spreads[1]) if step["difference"] else None
    if enough is None:
        return f"{told}, too small to settle"
    more = enough - min(len(before.accuracies), len(after.accuracies))
    if more <= 0:
        return f"{told}, open after correction for the number of steps"
    return f"{told}; {_count(more, 'more seed')} would settle a difference of that size"


def _about_starting(compared: list[Compared]) -> Verdict:
    claim = "Past some width training becomes unstable, then fails to start"
    if len(compared) < 2:
        return Verdict(claim, "not tested", "the study holds fewer than two widths")
    rates = ", ".join(f"{one.label} {one.started} of {one.runs}" for one in compared)
    narrowest, widest = compared[0], compared[-1]
    p = same_start_rate((narrowest.started, narrowest.runs), (widest.started, widest.runs))
    interval = proportion_interval(widest.started, widest.runs)
    between = any(0 < one.started < one.runs for one in compared)
    if p < SIGNIFICANT and widest.started / widest.runs < narrowest.started / narrowest.runs:
        verdict = "confirmed" if between else "confirmed in part"
    else:
        verdict = "refuted" if interval.low > 0.5 else "undecided"
    shares = f"{_percent(interval.low)} to {_percent(interval.high)} %"
    unstable = "" if between else "; none starts in some runs and fails in others"
    return Verdict(
        claim,
        verdict,
        f"started: {rates}; {widest.label} starts in {shares} of all runs (95 % interval); against {narrowest.label}, "
        f"{_p(p)} (Fisher){unstable}",
    )


def _about_optimum(claim: str, compared: list[Compared]) -> Verdict:
    known = [one for one in compared if one.overall]
    if len(known) < 3:
        return Verdict(claim, "not tested", "fewer than three architectures have results")
    best = max(range(len(known)), key=lambda k: mean(known[k].overall))
    where = f"{known[best].label} is best over all runs, {_percent(mean(known[best].overall), 2)} %"
    if 0 < best < len(known) - 1:
        others, lies, word = [known[0], known[-1]], "between the ends", "confirmed"
    else:
        others, lies, word = [known[1 if best == 0 else -2]], "at an end", "refuted"
    differences = [difference(other.overall, known[best].overall) for other in others]
    told = [one for one in differences if one is not None]
    if len(told) < len(others):
        return Verdict(claim, "undecided", f"{where}, {lies}; one run each gives no interval")
    corrected = holm([one.p for one in told])
    ahead = ", ".join(
        f"{_ahead(one)} points ahead of {other.label}, {_p(p)}"
        for one, other, p in zip(told, others, corrected, strict=True)
    )
    return Verdict(claim, word if max(corrected) < SIGNIFICANT else "undecided", f"{where}, {lies}: {ahead}")


def _best_for_its_cost(compared: list[Compared], held_out: int) -> Verdict:
    claim = "Which architecture is best for its cost"
    known = [one for one in compared if one.validation]
    if not known:
        return Verdict(claim, "not tested", "data.validation is 0: no images are held out to pick it on")
    best = max(known, key=lambda one: mean(one.validation))
    highest, spread = mean(best.validation), deviation(best.validation)
    if spread is None:
        error, of_what = math.sqrt(highest * (1 - highest) / held_out), f"{held_out:,} validation images"
    else:
        error, of_what = spread / math.sqrt(len(best.validation)), f"{len(best.validation)} seeds"
    within = [one for one in known if mean(one.validation) >= highest - error]
    pick = min(within, key=lambda one: (one.training_flops, one.parameters))
    margin = f"one standard error ({_points(error)} points, of {of_what})"
    if pick is best:
        why = f"no cheaper one is within {margin} of its validation accuracy, {_percent(highest, 2)} %"
    else:
        share = _percent(pick.training_flops / best.training_flops)
        why = (
            f"its validation accuracy, {_percent(mean(pick.validation), 2)} %, is within {margin} of the highest, "
            f"{_percent(highest, 2)} % of {best.label}, for {share} % of its training operations"
        )
    test = f"on the test images {_percent(mean(pick.overall), 2)} %"
    return Verdict(claim, pick.label, f"{why}; {test}")


def _ahead(told: Difference) -> str:
    return f"{_points(told.estimate)} [{_signed(told.low)}, {_signed(told.high)}]"


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def _signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"


def _percent(fraction: float, decimals: int = 0) -> str:
    return f"{100 * fraction:.{decimals}f}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
