"""What came out, in a title, two sentences and three tiles: the first lines of the page and of the terminal."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from stages.analysis.runs import network_labels
from stages.analysis.statistics import SIGNIFICANT, difference, holm
from stages.analysis.verdicts import counted, listed, percent
from stages.params import Params

WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
MOST_NAMES = 3  # of networks in a clause


class Tile(NamedTuple):
    """A number that a reader wants first: its heading, the number or a network's label, and a phrase about it."""

    title: str
    value: str
    detail: str


class Headline(NamedTuple):
    """Plain text without markup: the networks, how they were trained, what came out, and three tiles."""

    title: str
    introduction: str
    sentence: str
    tiles: list[Tile]  # highest accuracy, best for its cost, runs that learned


def summarize_study(params: Params, numbers: pd.DataFrame, best: str, reason: str) -> Headline:
    """Return the headline of a study.

    `numbers` is from `summary.read_numbers`, one row per network. `best` is the verdict on the network that is best for
    its cost, its label or one of `verdicts.OPEN`, and `reason` the verdict's sentence.

    A network is most accurate by its mean test accuracy over all runs, if one of them learned. It is ahead of another
    one if Welch's test of these accuracies, corrected by Holm over all other networks, finds a difference at 5 %, and
    otherwise within seed noise. Nothing is said if there is no test.
    """
    learned = numbers[numbers["learned"] > 0].sort_values("test_accuracy", ascending=False, kind="stable")
    clauses = [*_most_accurate(numbers, learned, best), *_failures(numbers)]
    return Headline(
        title=f"{_number(len(numbers)).capitalize()} {_kind(params, numbers)} on {params.data.source}",
        introduction=_introduction(params, numbers),
        sentence=f"{'; '.join(clauses)}.",
        tiles=[
            _accuracy_tile(learned),
            _cost_tile(numbers, best, reason),
            Tile(
                "Runs that learned",
                f"{numbers['learned'].sum()} of {numbers['seeds'].sum()}",
                f"{counted(len(numbers), 'network')}, {counted(len(params.train.seeds), 'seed')}",
            ),
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


def _introduction(params: Params, numbers: pd.DataFrame) -> str:
    sizes = " to ".join(f"{size:,}" for size in sorted({numbers["parameters"].min(), numbers["parameters"].max()}))
    return (
        f"{'A network' if len(numbers) == 1 else 'Networks'} of {sizes} parameters, trained for "
        f"{counted(params.train.epochs, 'epoch')} from {counted(len(params.train.seeds), 'seed')}."
    )


def _most_accurate(numbers: pd.DataFrame, learned: pd.DataFrame, best: str) -> list[str]:
    """Return clauses about the most accurate network; `learned` are the networks that learned, in that order."""
    if not len(learned):
        return []
    one_seed, highest = numbers["seeds"].max() == 1, learned["test_accuracy"].max()
    mean = f"{'' if one_seed else 'mean '}accuracy"
    first, *others = learned.index
    if len(numbers) == 1:
        return [f"{first} has a {mean} of {percent(highest, 1)} %"]
    equal = list(learned.index[learned["test_accuracy"] == highest])
    clause = f"{_names(equal)} {'has' if len(equal) == 1 else 'share'} the highest {mean} of "
    clause += f"{_number(len(numbers))} networks, {percent(highest, 1)} %"
    if one_seed:
        return [clause, "one seed cannot tell a difference from seed noise"]
    if len(equal) > 1 or not others:
        return [clause]
    return [clause + _ahead(numbers, first, best if best in others else others[0])]


def _ahead(numbers: pd.DataFrame, first: str, other: str) -> str:
    """State how far the most accurate network is ahead of another one."""
    accuracies, flops = numbers["accuracies"], numbers["training_flops"]
    tests = {name: difference(accuracies[name], accuracies[first]) for name in numbers.index.drop(first)}
    known = {name: test for name, test in tests.items() if test}
    if other not in known:
        return ""
    p = dict(zip(known, holm([test.p for test in known.values()]), strict=True))
    if p[other] < SIGNIFICANT:
        return f", {percent(known[other].estimate, 2)} points above {other}, more than seed noise"
    fraction = flops[other] / flops[first]
    cost = f", which needs {percent(fraction)} % of its training FLOPs" if fraction < 1 else ""
    return f", within seed noise of {other}{cost}"


def _failures(numbers: pd.DataFrame) -> list[str]:
    """Return clauses about the networks that never, or only sometimes, learned."""
    never, seeds = numbers["learned"] == 0, numbers["seeds"].max()
    if never.all():
        return ["No run learned"]
    sometimes = ~never & (numbers["learned"] < numbers["seeds"])
    clauses = []
    for fraction, which in (("none", never), ("only some", sometimes)):
        if which.any():
            runs = f"in {fraction} of {'its' if which.sum() == 1 else 'their'} {seeds} runs"
            learned = "did not learn" if seeds == 1 else f"learned {runs}"
            clauses.append(f"{_names(list(numbers.index[which]))} {learned}")
    return clauses


def _accuracy_tile(learned: pd.DataFrame) -> Tile:
    title = "Highest accuracy"
    if not len(learned):
        return Tile(title, "none", "no run learned")
    first: Any = learned.iloc[0]
    equal = list(learned.index[learned["test_accuracy"] == first["test_accuracy"]])
    low, high = (percent(first[f"test_accuracy_learned_{end}"], 2) for end in ("low", "high"))
    spread = f"95 % interval {low} to {high} %" if low != "nan" else "one run, no interval"
    if first["learned"] < first["seeds"]:
        spread = f"learned in {first['learned']} of {first['seeds']} runs"
    return Tile(title, f"{percent(first['test_accuracy'], 2)} %", f"{_names(equal)}: {spread}")


def _cost_tile(numbers: pd.DataFrame, best: str, reason: str) -> Tile:
    if best not in numbers.index:
        return Tile("Best for its cost", best, reason)
    its: Any = numbers.loc[best]
    cost = f"{its['training_flops'] / 1e6:.1f} M training FLOPs per image"
    return Tile("Best for its cost", best, f"{percent(its['test_accuracy'], 2)} % accuracy, {cost}")


def _number(count: int) -> str:
    return WORDS[count] if count < len(WORDS) else str(count)


def _names(labels: Sequence[str]) -> str:
    return listed(labels) if len(labels) <= MOST_NAMES else f"{_number(len(labels))} networks"
