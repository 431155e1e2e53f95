"""The best of a search becomes a custom architecture of the study."""

import re
from pathlib import Path

import pytest

from stages.common import TRIALS, read_yaml
from stages.params import read_params
from stages.training.files import write_text
from stages.trials.trial import Trial, format_trials
from tests.conftest import ROOT, documented, run
from tests.in_process import called
from tests.trials.conftest import write_params
from tests.trials.made_up import made_architecture, made_search, made_trial
from tools import adopt

PARAMS = (ROOT / "params.yaml").read_text()
MINE = made_architecture(filters=[5, 7], learning_rate=0.002)


def test_the_most_accurate_under_each_budget_is_chosen_by_its_last_rung_and_once() -> None:
    search = made_search(budgets={"huge": 30_000, "large": 10_000, "small": 1000, "tiny": 10})
    trials = [
        made_trial(0, 900, 0.95, 0.6),  # the best of the first rung
        made_trial(1, 1000, 0.5, 0.7),
        made_trial(2, 9000, 0.6, 0.8),
        made_trial(3, 10_001, 0.6, 0.75),  # only under the largest, where it is not the best
        made_trial(4, 90_000, 0.6, 0.99),  # the most accurate of any size
    ]
    assert adopt.choose(trials, search) == {"small": trials[1].architecture, "large": trials[2].architecture}


def test_what_has_a_budget_s_name_is_replaced_and_every_other_architecture_and_comment_stays() -> None:
    search = read_params(PARAMS).search
    assert search is not None
    before = adopt.replace_adopted(PARAMS, search, {"small": made_architecture()})
    before = adopt.replace_adopted(before, made_search(budgets={"mine": 1}), {"mine": MINE})
    text = adopt.replace_adopted(before, search, {"large": made_architecture(filters=[9, 9])})
    assert read_params(text).study.custom == {"mine": MINE, "large": made_architecture(filters=[9, 9])}
    changed = [line for line in before.splitlines() if "#" in line and line not in text]
    assert not changed
    assert read_params(text).study.width == read_params(PARAMS).study.width


@pytest.mark.parametrize("trial", [made_trial(0, 500_000, 0.9), made_trial(0, 500, None)])
def test_without_an_architecture_under_a_budget_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: Trial
) -> None:
    monkeypatch.setattr(adopt, "stages_behind", lambda _: [])
    write_text(tmp_path / "params.yaml", PARAMS)
    write_text(tmp_path / TRIALS, format_trials([trial]))
    assert f"{TRIALS}: no architecture under a budget learned" in called(adopt.main, tmp_path, status=1)
    assert (tmp_path / "params.yaml").read_text() == PARAMS


@pytest.mark.slow
def test_what_is_adopted_continues_from_the_checkpoint_of_the_search(project: Path) -> None:
    assert "study.custom." in run(*documented("make adopt"), cwd=project)
    text = (project / "params.yaml").read_text()
    custom = read_yaml(text, "params.yaml")["study"]["custom"]
    assert custom
    assert all(architecture["ema_momentum"] == 0.99 for architecture in custom.values())
    run("dvc", "params", "diff", cwd=project)
    assert run("dvc", "status", "search/dvc.yaml", cwd=project).strip() == "Data and pipelines are up to date."
    output = run("dvc", "repro", "--single-item", f"train_custom@{next(iter(custom))}", cwd=project)
    assert not re.findall("epoch [12]/3", output)
    run(*documented("make adopt"), cwd=project)
    assert (project / "params.yaml").read_text() == text


def test_results_of_another_search_are_not_adopted(project: Path) -> None:
    write_params(project, seed=5)
    changed = (project / "params.yaml").read_text()
    assert "search/dvc.yaml: out of date" in run("make", "adopt", cwd=project, status=2)
    assert (project / "params.yaml").read_text() == changed
