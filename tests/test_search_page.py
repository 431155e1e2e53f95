"""The numbers of docs/search.md are those of the records, and of the committed search."""

import json

import pandas as pd
from scipy.stats import spearmanr

from stages.params import load_params
from tests.conftest import ROOT
from tests.recorded import in_one_line, of_started, study_of


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


def test_what_it_found_is_what_the_committed_search_and_the_record_of_five_seeds_have() -> None:
    page, search = (ROOT / "docs/search.md").read_text(encoding="utf-8"), load_params().search
    assert search is not None
    numbers = json.loads((ROOT / "metrics/search.json").read_text(encoding="utf-8"))
    assert f"trains {numbers['trials']} architectures for {numbers['epochs']} epochs in all" in in_one_line(
        "docs/search.md"
    )
    rows = []
    for name, parameters in search.budgets.items():
        found, best = study_of("records/adopted")["found"][name], numbers["validation_accuracy"][name]
        assert found["seeds"] == found["started"] == 5
        rows.append(f"| {parameters:,} | {found['parameters']:,} | {100 * best:.2f} | {of_started(found)} |")
    assert "\n".join(rows) in page
