"""The numbers of docs/search.md are those of the records, and of the committed search."""

import json

import pandas as pd
from scipy.stats import spearmanr

from stages.common.places import TRIALS
from stages.params import load_params
from stages.trials.generations import best
from stages.trials.table import read_trials
from tests.conftest import ROOT
from tests.recorded import in_one_line


def test_what_an_early_epoch_says_of_the_last_is_what_the_record_says() -> None:
    """Of the runs whose training loss has fallen below the plateau's by then, of all families in one."""
    curves = pd.concat(pd.read_csv(ROOT / f"records/study/plots/{family}_curves.csv") for family in ("width", "depth"))
    runs = [run.set_index("epoch") for _, run in curves.groupby(["architecture", "seed"])]
    correlation = {}
    for epoch in (1, 2, 3, 8):
        started = [run["val_accuracy"] for run in runs if run["loss"][:epoch].min() < 2.2]
        correlation[epoch] = spearmanr([run[epoch] for run in started], [run[20] for run in started]).statistic
    first, second, third, last = (f"{value:.2f} after {epoch}" for epoch, value in correlation.items())
    search, page = load_params().search, in_one_line("docs/search.md")
    assert search is not None
    assert f"is {first} epoch, {second}, {third} and {last}." in page
    assert f"The first rung is {search.epochs[0]} epochs, the last {search.epochs[-1]}:" in page


def test_what_it_found_is_what_the_committed_search_has() -> None:
    page, search = (ROOT / "docs/search.md").read_text(encoding="utf-8"), load_params().search
    assert search is not None
    numbers = json.loads((ROOT / "metrics/search.json").read_text(encoding="utf-8"))
    told = f"trains {numbers['trials']} architectures for {numbers['epochs']} epochs in all"
    assert told in in_one_line("docs/search.md")
    trials = read_trials(ROOT / TRIALS)
    found = {parameters: best(trials, parameters) for parameters in search.budgets.values()}
    rows = [
        f"| {parameters:,} | {trial.parameters:,} | {100 * trial.accuracy:.2f} |"
        if trial
        else f"| {parameters:,} | - | - |"
        for parameters, trial in found.items()
    ]
    assert "\n".join(rows) in page
    small = json.loads((ROOT / "records/search-small/metrics/search.json").read_text(encoding="utf-8"))
    narrower = best(read_trials(ROOT / "records/search-small" / TRIALS), search.budgets["small"])
    assert narrower is not None
    assert narrower.accuracy == small["validation_accuracy"]["small"]
    assert f"one of {narrower.parameters:,}, with {100 * narrower.accuracy:.2f} % after" in in_one_line(
        "docs/search.md"
    )
