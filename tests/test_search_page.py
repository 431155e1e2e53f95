"""The numbers of docs/search.md are those of the records, and of the committed search."""

import json
import shlex
import shutil
from pathlib import Path

import pandas as pd
from dvc.utils.hydra import apply_overrides
from scipy.stats import spearmanr

from stages.common import TRIALS
from stages.params import load_params, read_params
from stages.trials.generations import best
from stages.trials.table import read_trials
from tests.conftest import ROOT, documented_commands
from tests.recorded import in_one_line, of_started, study_of


def test_what_an_early_epoch_says_of_the_last_is_what_the_record_says() -> None:
    """Of the runs whose training loss has fallen below the plateau's by then, of all families in one."""
    curves = pd.concat(pd.read_csv(ROOT / f"records/study/plots/{family}_curves.csv") for family in ("width", "depth"))
    runs = [run.set_index("epoch") for _, run in curves.groupby(["architecture", "seed"])]
    correlation = {}
    for epoch in (1, 2, 3, 8):
        learned = [run["val_accuracy"] for run in runs if run["loss"][:epoch].min() < 2.2]
        correlation[epoch] = spearmanr([run[epoch] for run in learned], [run[20] for run in learned]).statistic
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
    adopted = study_of("records/adopted")["custom"]
    rows = [
        f"| {parameters:,} | {trial.parameters:,} | {100 * trial.accuracy:.2f} | {of_started(adopted[name])} |"
        for name, parameters in search.budgets.items()
        if (trial := best(trials, parameters)) and trial.parameters == adopted[name]["parameters"]
    ]
    assert len(rows) == 3
    assert "\n".join(rows) in page


def test_networks_chosen_by_hand_are_told_as_their_record_has_them() -> None:
    record = "records/untuned"
    found = read_params((ROOT / record / "params.yaml").read_text(encoding="utf-8")).study.custom
    numbers = study_of(record)["custom"]
    rows = []
    for name, asked in found.items():
        kernels = iter(asked.architecture.filters)
        blocks = " / ".join(f"{first}, {second}" for first, second in zip(kernels, kernels, strict=True))
        kind = f"{asked.architecture.normalization}, {asked.architecture.dropout:g}"
        size, accuracy = numbers[name]["parameters"], numbers[name]["test_accuracy"]
        rows.append(f"| {blocks} | {kind} | {size:,} | {100 * accuracy:.2f} |")
    assert len(rows) == 5
    assert "\n".join(rows) in (ROOT / "docs/search.md").read_text(encoding="utf-8")


def test_the_command_for_the_notebook_s_space_asks_for_what_its_record_has(tmp_path: Path) -> None:
    (command,) = [line for line in documented_commands() if "search.budgets.notebook=" in line]
    words = shlex.split(command)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(tmp_path / "params.yaml", [words[place + 1] for place, word in enumerate(words) if word == "-S"])
    record = (ROOT / "records/search-notebook/params.yaml").read_text(encoding="utf-8")
    assert read_params((tmp_path / "params.yaml").read_text()).search == read_params(record).search


def test_samplers_are_told_as_their_record_has_them() -> None:
    courses = pd.read_csv(ROOT / "records/samplers/courses.csv")
    ends = courses[courses["epochs"] == courses.groupby("seed")["epochs"].transform("max")]
    reached = ends.pivot_table(index="seed", columns="sampler", values="hypervolume")
    mean = reached.mean()
    assert (reached["tpe"] > reached["random"]).sum() == 2
    assert len(reached) == 3
    told = f"more from two seeds of three, {mean['tpe']:.3f} on average where random draws had {mean['random']:.3f} ("
    assert told in in_one_line("docs/search.md")
