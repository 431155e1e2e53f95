"""The headline and its tiles, on made-up numbers for which another reading gives another sentence."""

from typing import Any

import pandas as pd
import pytest

from stages.analysis.headline import Headline, summarize_study
from stages.params import read_params
from tests.analysis.made_up import around, each
from tests.made_up_study import CUSTOM, PARAMS

SURE: dict[str, Any] = {"test_accuracy_learned_low": 0.894, "test_accuracy_learned_high": 0.9086}


def network(accuracies: float | list[float], *, failed: int = 0, diverged: int = 0, **others: Any) -> dict[str, Any]:
    """Return the numbers of a network with runs that learned, failed ones at 10 %, and diverged ones."""
    known = each(accuracies) + [0.1] * failed
    mean = sum(known) / len(known) if known else None
    counts = {
        "learned": len(known) - failed,
        "seeds": len(known) + diverged,
        "test_accuracy": mean,
        "accuracies": known,
    }
    return {"parameters": 5000, "training_flops": 10**7} | counts | others


def headline(
    networks: dict[str, dict[str, Any]], best: str = "undecided", seeds: int = 5, params: str = PARAMS + CUSTOM
) -> Headline:
    numbers = pd.DataFrame(networks.values(), index=list(networks)).astype({"test_accuracy": float})
    numbers = numbers.reindex(columns=numbers.columns.union(list(SURE), sort=False))
    return summarize_study(read_params(params.replace("SEEDS", str(list(range(seeds))))), numbers, best, "A reason.")


FIVE = {
    "(2, 4)": network(0.85, training_flops=10**6),
    "(8, 16)": network(0.9, training_flops=32 * 10**5),
    "1 block": network(0.9002, training_flops=10**8),
    "(10, 20)": network(0.9013, **SURE),
    "2 blocks": network([], failed=5, parameters=800, training_flops=1),
}


def test_most_accurate_network_is_within_seed_noise_of_the_best_for_its_cost() -> None:
    """Or of the next one, if it is the best for its cost itself; cost is said of a cheaper one alone."""
    first = "(10, 20) has the highest mean accuracy of five networks, 90.1 %, "
    last = "; 2 blocks learned in none of its 5 runs."
    assert headline(FIVE, "(8, 16)").sentence == (
        f"{first}within seed noise of (8, 16), which needs 32 % of its training FLOPs{last}"
    )
    assert headline(FIVE, "(10, 20)").sentence == f"{first}within seed noise of 1 block{last}"
    assert headline(FIVE, "(2, 4)").sentence == f"{first}5.13 points above (2, 4), more than seed noise{last}"


def test_difference_is_corrected_for_all_other_networks() -> None:
    """Alone p = 0.037, which is below 5 %; of two others it is twice that."""
    two = {"(2, 4)": network(0.9), "(8, 16)": network(0.9025)}
    assert "0.25 points above (2, 4)" in headline(two).sentence
    assert "seed noise of (2, 4)" in headline(two | {"1 block": network(0.9)}).sentence


def test_failed_runs_count_in_the_mean_and_networks_that_learned_sometimes_are_named() -> None:
    """Of the runs that learned, (8, 16) would be the most accurate; one that diverged is in no mean."""
    networks = {
        "(2, 4)": network(0.85),
        "(8, 16)": network(around(0.95, count=4), failed=1),
        "1 block": network([0.9, 0.92], diverged=3, **SURE),
    }
    found = headline(networks)
    assert found.sentence.startswith("1 block has the highest mean accuracy of three networks, 91.0 %")
    assert found.sentence.endswith("; (8, 16) and 1 block learned in only some of their 5 runs.")
    assert found.tiles[0][1:] == ("91.00 %", "1 block: learned in 2 of 5 runs")


def test_one_seed_claims_no_difference() -> None:
    found = headline(
        {"(2, 4)": network([0.8862]), "(8, 16)": network([0.9077]), "1 block": network([], failed=1)}, seeds=1
    )
    assert found.sentence == (
        "(8, 16) has the highest accuracy of three networks, 90.8 %; one seed cannot tell a difference from seed "
        "noise; 1 block did not learn."
    )
    assert found.tiles[0] == ("Highest accuracy", "90.77 %", "(8, 16): one run, no interval")


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        ({"plain": network(0.9)}, "plain has a mean accuracy of 90.0 %."),
        ({"plain": network([], failed=5), "deep": network([], diverged=5)}, "No run learned."),
        (
            {"plain": network(0.9), "deep": network(0.9), "huge": network(0.8)},
            "plain and deep share the highest mean accuracy of three networks, 90.0 %.",
        ),
        # constant accuracies have no test
        (
            {"plain": network([0.9] * 5), "deep": network([0.8] * 5)},
            "plain has the highest mean accuracy of two networks, 90.0 %.",
        ),
        (
            {"plain": network(0.9)} | {f"n{k}": network([], failed=5) for k in range(4)},
            "plain has the highest mean accuracy of five networks, 90.0 %; four networks learned in none of their 5 "
            "runs.",
        ),
    ],
)
def test_one_network_none_that_learned_ties_and_many_failures(networks: dict[str, Any], sentence: str) -> None:
    assert headline(networks).sentence == sentence


def test_tiles_are_the_highest_accuracy_the_best_for_its_cost_and_the_runs_that_learned() -> None:
    assert headline(FIVE, "(8, 16)").tiles == [
        ("Highest accuracy", "90.13 %", "(10, 20): 95 % interval 89.40 to 90.86 %"),
        ("Best for its cost", "(8, 16)", "90.00 % accuracy, 3.2 M training FLOPs per image"),
        ("Runs that learned", "20 of 25", "5 networks, 5 seeds"),
    ]
    nothing = headline({"plain": network([], failed=5)}, "not tested").tiles
    assert [tile[1:] for tile in nothing] == [
        ("none", "no run learned"), ("not tested", "A reason."), ("0 of 5", "1 network, 5 seeds"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        (["(2, 4)", "1 block"], "Two sigmoid CNNs on fashion-mnist"),
        (["deep"], "One ReLU CNN with batch normalization on fashion-mnist"),
        (["(2, 4)", "deep"], "Two sigmoid and ReLU CNNs, one with batch normalization, on fashion-mnist"),
    ],
)
def test_title_names_the_networks_that_are_shown(labels: list[str], title: str) -> None:
    assert headline({label: network(0.9) for label in labels}).title == title


def test_introduction_has_sizes_epochs_and_seeds() -> None:
    assert headline(FIVE).introduction == "5 networks of 800 to 5,000 parameters, trained for 3 epochs from 5 seeds."
    alone = headline({"plain": network([0.9])}, seeds=1).introduction
    assert alone == "1 network of 5,000 parameters, trained for 3 epochs from 1 seed."
