"""The sentences of the verdicts: differences and intervals in points of accuracy, fractions in percent."""

from itertools import count

import pandas as pd

from stages.analysis.comparisons import MARGIN, Compared, Contrast, mean
from stages.analysis.statistics import (
    SIGNIFICANT,
    Difference,
    Interval,
    deviation,
    difference,
    proportion_interval,
    same_learned_fraction,
    seeds_to_settle,
)


def explain_steps(steps: pd.DataFrame, compared: list[Compared]) -> str:
    """Summarize a family's steps; `steps` is the `comparisons.steps_table` of `compared`."""
    known = steps[steps["difference"].notna()]
    phrases = []
    for direction in ("up", "down"):
        group = known[known["direction"] == direction]
        if len(group):
            by = f"by {points(abs(group['difference'].mean()))} points on average"
            phrases.append(f"{len(group)} of {len(known)} steps {direction}, {by}, {p_value(group['p_holm'].max())}")
    runs = {architecture.name: architecture.accuracies for architecture in compared}
    still_open = known[known["direction"] == "open"]
    sides = [(runs[step["from"]], runs[step["to"]]) for _, step in still_open.iterrows()]
    phrases += [_open_step(step, *side) for (_, step), side in zip(still_open.iterrows(), sides, strict=True)]
    if any(len(accuracies) == 1 for side in sides for accuracies in side):
        phrases.append(
            "one run per side gives no interval, and McNemar's test compares two trained models, not two architectures"
        )
    unseen = len(steps) - len(known)
    if unseen:
        phrases.append(f"{counted(unseen, 'step')} not compared, as no run of one side learned")
    return "; ".join(phrases)


def _open_step(step: pd.Series, before: list[float], after: list[float]) -> str:
    where = f"{step['from_label']} to {step['to_label']}: {signed(step['difference'])} points"
    first, second = deviation(before), deviation(after)
    if first is None or second is None:
        return f"{where}, McNemar's {p_value(step['mcnemar_p_holm'])}"
    if pd.isna(step["p"]):
        return f"{where}, no interval, as no run of either side differs from another"
    where += f" [{signed(step['low'])}, {signed(step['high'])}]"
    if step["equivalence_p_holm"] < SIGNIFICANT:
        return f"{where}, less than {points(MARGIN)} points either way ({p_value(step['equivalence_p_holm'])})"
    where += f", {points(MARGIN)} points not excluded"
    enough = seeds_to_settle(step["difference"], first, second) if step["difference"] else None
    if enough is None:
        return f"{where}; too small to settle"
    more = enough - min(len(before), len(after))
    if more <= 0:
        return f"{where}; open after correction for the number of steps"
    return f"{where}; {counted(more, 'more seed')} would settle a difference of that size"


def explain_learning(compared: list[Compared], interval: Interval, p: float) -> str:
    """State how often each width learned; `interval` is the widest's, `p` that it equals the narrowest's."""
    narrowest, *between, widest = compared
    counts = ", ".join(f"{width.label} {width.learned} of {width.runs}" for width in compared)
    fraction = f"{percent(interval.low)} to {percent(interval.high)} %"
    unstable = ""
    if not any(architecture.learns_sometimes for architecture in between):
        ends = narrowest.learns_sometimes or widest.learns_sometimes
        unstable = f"; none {'between them ' if ends else ''}learns in some runs and fails in others"
    return (
        f"learned: {counts}; {widest.label} learns in {fraction} of all runs (95 % interval); against "
        f"{narrowest.label}, {p_value(p)} (Fisher){unstable}{_out_of_reach(widest.runs)}"
    )


def _out_of_reach(runs: int) -> str:
    """Name the verdicts that so many runs per width cannot reach, whatever happens in them."""
    confirming = next(n for n in count(1) if same_learned_fraction((n, n), (0, n)) < SIGNIFICANT)
    refuting = next(n for n in count(1) if proportion_interval(n, n).low > 0.5)
    if runs < confirming:
        return f"; {counted(runs, 'run')} per width cannot confirm it ({confirming} can) or refute it ({refuting} can)"
    return f"; {runs} runs per width cannot refute it ({refuting} can)" if runs < refuting else ""


def explain_optimum(best: Compared, inside: bool, others: list[Compared], ahead: list[Contrast] | None) -> str:
    """State how far the best is ahead of the others; `ahead` is None if there is no interval."""
    where = f"{best.label} is best over all runs, {percent(mean(best.overall), 2)} %, "
    where += "between the ends" if inside else "at an end"
    if not ahead:
        return f"{where}; {_no_interval([best, *others])}"
    phrases = [
        f"{points(one.between.estimate)} {_interval(one.between)} points ahead of {one.other.label}, {p_value(one.p)}"
        for one in ahead
    ]
    return f"{where}: {', '.join(phrases)}"


def _no_interval(compared: list[Compared]) -> str:
    single = all(len(architecture.overall) == 1 for architecture in compared)
    return f"{'one run each gives' if single else 'too few runs, or none that differ, give'} no interval"


def explain_together(together: Compared, best: Compared, alone: list[Compared], against: list[Contrast] | None) -> str:
    """State how far a custom network is from the best of each family, `alone`; `against` as in `explain_optimum`."""
    where = (
        f"{together.label} has {together.parameters:,} parameters, where {best.label}, the study's best, has "
        f"{best.parameters:,}, and {percent(mean(together.overall), 2)} % over all runs"
    )
    if not against:
        return f"{where}; {_no_interval([together, *alone])}"
    phrases = [
        f"{signed(one.between.estimate)} points {_interval(one.between)} against {one.other.label}, {p_value(one.p)}"
        for one in against
    ]
    return f"{where}: {', '.join(phrases)}"


def no_candidate(best: Compared) -> str:
    """State why no custom architecture is compared with the best of the study."""
    return (
        "study.custom has no architecture of the notebook's kind with an accuracy and no more than the "
        f"{best.parameters:,} parameters of {best.label}, the study's best"
    )


def explain_other_kind(custom: Compared, other: Compared) -> str:
    """Compare a custom architecture of another kind than the notebook's, a sentence to follow another's text."""
    apart, between = mean(custom.overall) - mean(other.overall), difference(other.overall, custom.overall)
    interval = f" {_interval(between)}" if between else ""
    return (
        f". Of any kind, with no more parameters than the study's best: {custom.label}, {custom.parameters:,} "
        f"parameters, {percent(mean(custom.overall), 2)} %, {signed(apart)} points{interval} against {other.label}"
    )


def explain_cost(cheapest: Compared, best: Compared, error: float, held_out: int) -> str:
    """State why the cheapest is chosen; `error` is the standard error of the best's validation accuracy."""
    highest, runs = mean(best.validation), len(best.validation)
    of_what = f"{held_out:,} validation images" if runs == 1 else f"{runs} seeds"
    margin = f"one standard error ({points(error)} points, of {of_what})"
    if cheapest is best:
        why = f"no cheaper one is within {margin} of its validation accuracy, {percent(highest, 2)} %"
    else:
        fraction = percent(cheapest.training_flops / best.training_flops)
        why = (
            f"its validation accuracy, {percent(mean(cheapest.validation), 2)} %, is within {margin} of the highest, "
            f"{percent(highest, 2)} % of {best.label}, for {fraction} % of its training FLOPs"
        )
    return f"{why}; on the test images {percent(mean(cheapest.overall), 2)} %"


def diverged(compared: list[Compared]) -> str:
    """State that runs without an accuracy are in no mean, if there are any."""
    number = sum(architecture.runs - len(architecture.overall) for architecture in compared)
    return f"; {counted(number, 'run')} that diverged {'is' if number == 1 else 'are'} in no mean" if number else ""


def _interval(between: Difference) -> str:
    return f"[{signed(between.low)}, {signed(between.high)}]"


def points(fraction: float) -> str:
    return f"{100 * fraction:.2f}"


def signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}"


def percent(fraction: float, decimals: int = 0) -> str:
    return f"{100 * fraction:.{decimals}f}"


def p_value(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
