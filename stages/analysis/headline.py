"""Summarize the results in a title, two sentences and three tiles, for the page and the terminal."""

from typing import Any, NamedTuple

import pandas as pd

from stages.analysis.runs import network_labels
from stages.analysis.statistics import SIGNIFICANT, difference, holm
from stages.analysis.verdicts import counted, listed, percent
from stages.params import Params

WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
MOST_NAMES = 3  # of networks in a clause


class Tile(NamedTuple):
    """A key number: its heading, the number or a network's label, and a phrase about it."""

    title: str
    value: str
    detail: str


class Headline(NamedTuple):
    """Plain text without markup: the networks, their training, the results, and three tiles."""

    title: str
    introduction: str
    sentence: str
    tiles: list[Tile]  # highest accuracy, best for its cost, runs that learned


def summarize_study(params: Params, numbers: pd.DataFrame, best: str, reason: str) -> Headline:
    """Return the headline of a study.

    `numbers` is from `summary.read_numbers`, one row per network. `best` is the verdict on the network that is best for
    its cost, its label or one of `verdicts.OPEN`, and `reason` the verdict's sentence.

    The most accurate network has the highest mean test accuracy over all runs, and a run that learned. Welch's test of
    these accuracies, corrected by Holm over all other networks, decides at 5 % if it leads another one. Otherwise the
    two are within seed noise. If no test is possible, the sentence leaves this out.
    """
    seeds, sizes = counted(len(params.train.seeds), "seed"), numbers["parameters"]
    size = " to ".join(f"{size:,}" for size in sorted({sizes.min(), sizes.max()}))
    learned = numbers[numbers["learned"] > 0]
    first = learned[learned["test_accuracy"] == learned["test_accuracy"].max()]
    total = f"{numbers['learned'].sum()} of {numbers['seeds'].sum()}"
    return Headline(
        title=f"{_number(len(numbers)).capitalize()} {_kind(params, numbers)} on {params.data.source}",
        introduction=f"{counted(len(numbers), 'network')} of {size} parameters, trained for "
        f"{counted(params.train.epochs, 'epoch')} from {seeds}.",
        sentence=f"{'; '.join([*_most_accurate(numbers, learned, first, best), *_failures(numbers)])}.",
        tiles=[
            _accuracy_tile(first),
            _cost_tile(numbers, best, reason),
            Tile("Runs that learned", total, f"{counted(len(numbers), 'network')}, {seeds}"),
        ],
    )


def _kind(params: Params, numbers: pd.DataFrame) -> str:
    """Name the activations and the normalization of the networks."""
    labels = network_labels(params)
    shown = {labels[one.name]: one.architecture for one in params.architectures() if labels[one.name] in numbers.index}
    activations = [one.activation.replace("_", " ").replace("relu", "ReLU") for one in shown.values()]
    normalized = sum(one.normalization == "batch" for one in shown.values())
    kind = f"{listed(dict.fromkeys(activations))} CNN{'' if len(shown) == 1 else 's'}"
    if normalized in (0, len(shown)):
        return kind + (" with batch normalization" if normalized else "")
    return f"{kind}, {_number(normalized)} with batch normalization,"


def _most_accurate(numbers: pd.DataFrame, learned: pd.DataFrame, first: pd.DataFrame, best: str) -> list[str]:
    """Return clauses about the most accurate networks, `first`, of those that learned."""
    if not len(first):
        return []
    seeds, accuracy = numbers["seeds"].max(), f"{percent(first['test_accuracy'].iloc[0], 1)} %"
    mean = "accuracy" if seeds == 1 else "mean accuracy"
    if len(numbers) == 1:
        return [f"{first.index[0]} has {'an' if seeds == 1 else 'a'} {mean} of {accuracy}"]
    clause = f"{_names(first.index)} {'has' if len(first) == 1 else 'share'} the highest {mean} of "
    clause += f"{_number(len(numbers))} networks, {accuracy}"
    if seeds == 1:
        return [clause, "one seed cannot tell a difference from seed noise"]
    others = learned.drop(first.index).sort_values("test_accuracy", ascending=False, kind="stable").index
    if len(first) == 1 and len(others):
        clause += _lead(numbers, first.index[0], best if best in others else others[0])
    return [clause]


def _lead(numbers: pd.DataFrame, first: str, other: str) -> str:
    """State how far the most accurate network is ahead of another one."""
    accuracies, flops = numbers["accuracies"], numbers["training_flops"]
    others = numbers.index.drop(first)
    known = {name: test for name in others if (test := difference(accuracies[name], accuracies[first]))}
    if other not in known:
        return ""
    if dict(zip(known, holm([test.p for test in known.values()]), strict=True))[other] < SIGNIFICANT:
        return f", {percent(known[other].estimate, 2)} points above {other}, more than seed noise"
    fraction = flops[other] / flops[first]
    cost = f", which needs {percent(fraction)} % of its training FLOPs" if fraction < 1 else ""
    return f", within seed noise of {other}{cost}"


def _failures(numbers: pd.DataFrame) -> list[str]:
    """Return clauses about the networks that never, or only sometimes, learned."""
    never, seeds = numbers["learned"] == 0, numbers["seeds"].max()
    if never.all():
        return ["No run learned"]
    clauses = []
    for fraction, which in (("none", never), ("only some", ~never & (numbers["learned"] < seeds))):
        if which.any():
            runs = f"learned in {fraction} of {'its' if which.sum() == 1 else 'their'} {seeds} runs"
            clauses.append(f"{_names(numbers.index[which])} {'did not learn' if seeds == 1 else runs}")
    return clauses


def _accuracy_tile(first: pd.DataFrame) -> Tile:
    if not len(first):
        return Tile("Highest accuracy", "none", "no run learned")
    its: Any = first.iloc[0]
    detail = "one run, no interval"
    if len(first) > 1:
        detail = "equal accuracy"
    elif its["learned"] < its["seeds"]:
        detail = f"learned in {its['learned']} of {its['seeds']} runs"
    elif its["seeds"] > 1:
        low, high = (percent(its[f"test_accuracy_learned_{end}"], 2) for end in ("low", "high"))
        detail = f"95 % interval {low} to {high} %"
    return Tile("Highest accuracy", f"{percent(its['test_accuracy'], 2)} %", f"{_names(first.index)}: {detail}")


def _cost_tile(numbers: pd.DataFrame, best: str, reason: str) -> Tile:
    if best not in numbers.index:
        return Tile("Best for its cost", best, reason)
    its: Any = numbers.loc[best]
    cost = f"{its['training_flops'] / 1e6:.1f} M training FLOPs per image"
    return Tile("Best for its cost", best, f"{percent(its['test_accuracy'], 2)} % accuracy, {cost}")


def _number(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else str(count)


def _names(labels: pd.Index) -> str:
    return listed(labels) if len(labels) <= MOST_NAMES else f"{_number(len(labels))} networks"
