"""The report on a branch as a whole: to the line after real trainings, in a line where nothing changed."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stages.common import read_yaml
from tests.conftest import commit, documented, edit_params, run
from tests.in_process import called
from tests.tools.pull_requests.conftest import clone_of, number
from tools.common.git import GitError
from tools.common.markdown import plain
from tools.pull_requests.report import main, report

SINGLE = ("test_accuracy", "test_accuracy_learned", "validation_accuracy", "validation_loss")  # values a seed in Git


def short(project: Path, revision: str) -> str:
    return run("git", "rev-parse", revision, cwd=project)[:7]


def numbers(content: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Those of nested metrics, by keys with dots."""
    custom: dict[str, float] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            found[prefix + key] = value
    return found


def metrics_of(project: Path, revision: str) -> dict[str, float]:
    files = [run("git", "show", f"{revision}:metrics/{name}.json", cwd=project) for name in ("summary", "study")]
    return {key: value for file in files for key, value in numbers(json.loads(file)).items()}


def metric_rows(old: dict[str, float], new: dict[str, float]) -> tuple[list[str], list[str]]:
    """Of test accuracy and of all else, the largest difference first."""
    both = old.keys() & new.keys()
    changed = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    first: list[str] = []
    others: list[str] = []
    for key in sorted(changed, key=lambda key: (-abs(new[key] - old[key]) if key in both else 0, key)):
        sides = " | ".join(number(side[key]) if key in side else "-" for side in (old, new))
        name = key.rpartition(".")[2]
        seeds = "one seed each: no interval" if name in SINGLE else "no values of single seeds"
        rest = f"{number(new[key] - old[key], '+')} | {seeds}" if key in both else "- | "
        (first if name in SINGLE[:2] else others).append(f"| `{key}` | {sides} | {rest} |")
    return first, others


def verdict_rows(project: Path) -> list[str]:
    sides = [run("git", "show", f"{name}:metrics/verdicts.json", cwd=project) for name in ("main", "branch")]
    old, new = map(json.loads, sides)
    assert old.keys() == new.keys()
    return [
        f"| {plain(now['claim'])} | {old[key]['verdict']} | {now['verdict']} | {plain(now['sentence'], 400)} |"
        for key, now in new.items()
        if now["verdict"] != old[key]["verdict"]
    ]


def one_epoch(values: list[float | None]) -> str:
    """Both sides' cells of a learning curve that is one epoch long."""
    known = [value for value in values if value is not None]
    bars = ["" if value is None else "█" if value > min(known) else "▁" for value in values]
    cells = (f"{number(v)} {bar} {number(v)}" if v is not None else "-" for v, bar in zip(values, bars, strict=True))
    return " | ".join(cells)


@pytest.mark.slow
def test_report_on_a_trained_branch_to_the_line_without_data(small: Path) -> None:
    """Two trainings, as numbers that were made up could not differ in all that trainings change."""
    run("git", "checkout", "--quiet", "-b", "branch", cwd=small)
    run("dvc", "exp", "run", "-S", "width.filters=[10,20]", "-S", "depth.activation=relu", cwd=small)
    commit(small, "Wider, and relu")
    clone = clone_of(small)

    first, others = metric_rows(metrics_of(small, "main"), metrics_of(small, "branch"))
    curves: dict[tuple[str, str], Any] = {}
    for revision in ("main", "branch"):
        for family in ("width", "depth"):
            (clone / "curves.csv").write_text(run("git", "show", f"{revision}:plots/{family}_curves.csv", cwd=small))
            table = pd.read_csv(clone / "curves.csv").set_index("architecture")
            curves |= {(revision, str(name)): row for name, row in table.iterrows()}
    changed_curves = []
    for name in ("(10, 20)", "(8, 16)", "1 block"):
        pair = [curves.get((revision, name)) for revision in ("main", "branch")]
        for column, title in (("loss", "training loss"), ("val_accuracy", "monitored accuracy")):
            cells = one_epoch([None if row is None else row[column] for row in pair])
            changed_curves.append(f"| `{name}` | {title} | {cells} |")
    causes = {
        "train@width": "retrained | `width`",
        "train@depth": "retrained | `depth`",
        "train_depth@1": "retrained | `depth.activation`",
        "aggregate": "run again | `depth`, `width`, `data/models`",
    }
    lock = read_yaml((clone / "dvc.lock").read_text(), "dvc.lock")["stages"]
    verdicts = verdict_rows(small)
    more = f", {len(verdicts)} verdict{'s' * (len(verdicts) > 1)}" if verdicts else ""

    assert run(*documented("make pr-report BASE=origin/main"), cwd=clone).splitlines() == [
        f"2 parameters, {len(first + others)} metrics, 4 stages, 3 learning curves{more} changed between "
        f"`origin/main` ({short(small, 'main')}) and this branch ({short(small, 'branch')}).",
        "",
        "## Parameters",
        "",
        "|  | base | branch |",
        "| --- | --- | --- |",
        "| `depth.activation` | `sigmoid` | `relu` |",
        "| `width.filters` | `[8, 16]` | `[10, 20]` |",
        "",
        "## Metrics",
        "",
        "*Noise*: over the seeds, the 95 % interval of the difference holds 0, so the change may be chance.",
        "",
        "|  | base | branch | difference | by the seeds |",
        "| --- | --- | --- | --- | --- |",
        *first,
        "",
        f"<details><summary>{len(others)} other metrics</summary>",
        "",
        "|  | base | branch | difference | by the seeds |",
        "| --- | --- | --- | --- | --- |",
        *others,
        "",
        "</details>",
        "",
        "## Stages",
        "",
        "|  |  | because of |",
        "| --- | --- | --- |",
        *(f"| `{stage}` | {causes[stage]} |" for stage in lock if stage in causes),
        "",
        "## Learning curves",
        "",
        "First epoch, the course, last epoch; means over all seeds, failed runs included.",
        "",
        "|  |  | base | branch |",
        "| --- | --- | --- | --- |",
        *changed_curves,
        *(
            ["", "## Verdicts", "", "| claim | base | branch |  |", "| --- | --- | --- | --- |", *verdicts]
            * bool(verdicts)
        ),
    ]


def test_what_git_says_is_shortened_and_the_way_round_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_base: str) -> None:
        raise GitError(("show",), "a" * 1000, "b" * 1000)

    monkeypatch.setattr("tools.pull_requests.report.sides", fails)
    assert report("main") == f"Nothing was compared: {'a' * 399}…; {'b' * 1000}\n"


def test_branch_without_a_change_of_results_is_told_in_one_line(project: Path) -> None:
    (project / "README.md").write_text("Other words\n")
    commit(project, "Other words")
    assert report("main") == (
        f"Nothing changed between `main` ({short(project, 'main')}) and this branch ({short(project, 'branch')}).\n"
    )


def test_where_no_base_is_named_it_is_main_of_where_the_clone_is_from(project: Path) -> None:
    run("git", "update-ref", "refs/remotes/origin/main", "main", cwd=project)
    told = called(main, project)
    assert told == report("origin/main")
    assert told.startswith("Nothing changed between `origin/main` (")


def test_what_is_not_committed_is_named(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    output = report("main")
    assert "epochs" not in output
    assert output.splitlines()[-1] == "- What is not committed: `params.yaml`."
