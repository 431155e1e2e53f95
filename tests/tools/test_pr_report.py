"""The report on a branch, from made-up runs whose right values are known."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import ROOT, commit, edit_params, make_repository, run
from tests.in_process import called
from tools.pr_report import main, report

Runs = Mapping[
    str, Sequence[float | None]
]  # by architecture the test accuracy of each seed; None: diverged, 0.1: failed
STUDY: Runs = {"(2, 4)": [0.88, 0.89, 0.90], "(8, 16)": [0.90]}
LOSSES = [2.0, 1.0, 0.5]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with main and a branch of it: this project's parameters and lock, made-up results."""
    project = tmp_path / "project"
    for folder in ("plots", "metrics"):
        (project / folder).mkdir(parents=True)
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, project)
    write_verdicts(project, "open")
    write_runs(project, STUDY)
    make_repository(project)
    run("git", "checkout", "--quiet", "-b", "branch", cwd=project)
    monkeypatch.chdir(project)
    return project


def write_verdicts(project: Path, verdict: str, claims: int = 1) -> None:
    verdicts = {f"claim-{k}": {"claim": f"Claim {k} | is", "verdict": verdict} for k in range(claims)}
    (project / "metrics/verdicts.json").write_text(json.dumps(verdicts))


def write_runs(project: Path, study: Runs, parameters: int = 1234, losses: list[float] = LOSSES) -> None:
    """Write the tables of a family, and empty ones of the others; a seed's losses are above the seed's before it."""
    for family in ("width", "depth", "custom"):
        runs = ["architecture,parameters,seed,test_accuracy,learned,reference"]
        epochs = ["architecture,seed,epoch,loss,accuracy"]
        for name, accuracies in study.items() if family == "custom" else ():
            for seed, accuracy in enumerate(accuracies):
                test = "" if accuracy is None else accuracy
                runs.append(f'"{name}",{parameters},{seed},{test},{(accuracy or 0) > 0.2},')
                epochs += [f'"{name}",{seed},{k},{loss + seed},0.5' for k, loss in enumerate(losses, start=1)]
        for kind, lines in (("accuracy", runs), ("curves", epochs)):
            (project / f"plots/{family}_{kind}.csv").write_text("\n".join(lines) + "\n")


def reported(project: Path) -> list[str]:
    """Commit the branch; return the rows of the report's tables, their cells apart by " | "."""
    commit(project, "Branch")
    lines = report("main").splitlines()
    return [re.sub(" +", " ", line)[2:-2] for line in lines if line.startswith("| `")]


def rows(project: Path, before: Runs, after: Runs, **options: Any) -> list[str]:
    """Return the report's rows if main has the runs `before`, and the branch `after`."""
    write_runs(project, before)
    commit(project, "Runs")
    run("git", "branch", "--force", "main", cwd=project)
    write_runs(project, after, **options)
    return reported(project)


def test_row_has_means_over_all_runs_that_ended_and_counts_of_those_that_learned(project: Path) -> None:
    """(0.8 + 0.9 + 0.1) / 3 is 60 %; the diverged fourth run counts in "learned" alone. Mean loss: 3.5, 2.5, 2."""
    before, after = {"(2, 4)": [0.8, 0.9, 0.1, None]}, {"(2, 4)": [0.8, 0.9, 0.85, 0.85]}
    (row,) = rows(project, before, after, parameters=20, losses=[0.5] * 8)
    assert row.startswith("`(2, 4)` | 60.00 | 85.00 | +25.00 | noise, p = 0.4")
    assert row.endswith(" | 2 of 4 → 4 of 4 | 1,234 → 20 | █▆▅ → ████")


@pytest.mark.parametrize(("alike", "noise"), [(1, "more than noise, p = 0.021"), (3, "noise, p = 0.064")])
def test_noise_follows_from_a_p_value_that_is_corrected_for_the_number_of_tests(
    project: Path, alike: int, noise: str
) -> None:
    """Welch: means 0.03 apart, standard error 0.01 sqrt(2 / 3), so t = 3.674 of 4 degrees of freedom, p = 0.0213.

    An architecture of one seed, and one that has another name alone, are no tests.
    """
    before = {"one": [0.5], "old": [0.7, 0.8]} | {f"a{k}": [0.88, 0.89, 0.90] for k in range(alike)}
    after = {"one": [0.6], "new": [0.7, 0.8]} | {f"a{k}": [0.91, 0.92, 0.93] for k in range(alike)}
    assert [row.split(" | ")[4] for row in rows(project, before, after)] == ["not tested", "renamed", *[noise] * alike]


def test_rows_of_what_cannot_be_tested(project: Path) -> None:
    before: Runs = {"gone": [0.5], "one": [0.6], "nan": [None, None], "as it was": [0.9], "old": [0.7]}
    after = {"one": [0.65] * 5, "nan": [0.1], "as it was": [0.9], "new": [0.7], "added": [0.4]}
    assert [" | ".join(row.split(" | ")[:6]) for row in rows(project, before, after)] == [
        "`one` | 60.00 | 65.00 | +5.00 | not tested | 1 of 1 → 5 of 5",
        "`nan` | - | 10.00 | - | not tested | 0 of 2 → 0 of 1",
        "`old` → `new` | 70.00 | 70.00 | +0.00 | renamed | 1 of 1",
        "`added` | - | 40.00 | - | new | 1 of 1",
        "`gone` | 50.00 | - | - | removed | 1 of 1",
    ]


def test_verdicts_and_parameters_differ_by_key(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    edit_params(project, "    w2-4:\n    - 2\n    - 4\n", "")
    edit_params(project, "  custom: {}", "  custom: {a|b`<img src=x>: {blocks: 1}}")
    write_verdicts(project, "refuted")
    assert reported(project) == [
        "`Claim 0 \\| is` | `open` | `refuted`",
        "`train.epochs` | `20` | `21`",
        "`study.custom.a\\|b'<img src=x>.blocks` | `-` | `1`",
        "`study.width.w2-4` | `[2, 4]` | `-`",
    ]


def edit_lock(project: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    lock = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")
    edit(lock["stages"])
    (project / "dvc.lock").write_text(yaml_text(lock))


def test_stages_of_one_cause_and_of_equal_or_other_bytes_share_a_row(project: Path) -> None:
    def edit(stages: dict[str, Any]) -> None:
        stages["train_depth@5"] = stages.pop("train_depth@4")
        stages["train_depth@1"]["deps"][0]["md5"] = "other"
        for name in ("train@width", "train_width@w2-4"):
            stages[name]["params"]["params.yaml"]["train"]["epochs"] = 21
            stages[name]["outs"][0]["md5"] = "other"

    edit_lock(project, edit)
    assert sorted(reported(project)) == [
        "`train@width`, `train_width@w2-4` | `train.epochs` | other",
        "`train_depth@1` | `data/fashion_mnist.npz` | same",
        "`train_depth@4` | | removed",
        "`train_depth@5` | | new",
    ]


def test_base_that_moved_on_is_no_change_and_uncommitted_work_is_named(project: Path) -> None:
    for branch, name in (("branch", "README.md"), ("main", "params.yaml")):
        run("git", "checkout", "--quiet", branch, cwd=project)
        (project / name).write_text("Other\n")
        commit(project, "Other")
    run("git", "checkout", "--quiet", "branch", cwd=project)
    old, new = (run("git", "rev-parse", "--short=7", name, cwd=project).strip() for name in ("branch~1", "branch"))
    assert report("main") == f"No changes from `main` ({old}) to this branch ({new}).\n"
    run("git", "update-ref", "refs/remotes/origin/main", "main", cwd=project)
    assert called(main, project) == report("origin/main")
    edit_params(project, "epochs: 20", "epochs: 21")
    assert report("main").endswith(" `params.yaml`\n")


@pytest.mark.parametrize(
    ("path", "content", "note"),
    [
        ("plots/custom_accuracy.csv", None, "not in"),
        ("plots/custom_curves.csv", "architecture,epoch\n", "['loss'] not in index"),
        ("dvc.lock", "stages: [", "`dvc.lock: not YAML"),
        ("params.yaml", "- 1", "`"),
        ("metrics/verdicts.json", "[", "`"),
    ],
)
def test_file_that_the_base_lacks_or_has_in_another_form_is_named_and_taken_for_no_change(
    project: Path, path: str, content: str | None, note: str
) -> None:
    now = (project / path).read_text()
    run("git", "checkout", "--quiet", "main", cwd=project)
    (project / path).write_text(content or "")
    if content is None:
        (project / path).unlink()
    commit(project, "A poor base")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)
    (project / path).write_text(now)
    assert reported(project) == []
    assert [line for line in report("main").splitlines() if line.startswith("- `") and path in line and note in line]


@pytest.mark.parametrize(
    ("base", "remedy"),
    [
        *((base, "git fetch") for base in ("origin/main", "--help", "HEAD:params.yaml", "a`b", "")),
        ("other", "unshallow"),
    ],
)
def test_base_without_a_common_commit_gives_one_line_with_the_remedy(project: Path, base: str, remedy: str) -> None:
    other = run("git", "commit-tree", "-m", "Other history", "HEAD^{tree}", cwd=project).strip()
    run("git", "branch", "other", other, cwd=project)
    line = report(base)
    assert line.startswith("Nothing was compared: `git merge-base ")
    assert (line.count("\n"), line.count("`"), remedy in line) == (1, 2, True)


def test_everything_changed_in_eleven_architectures_fits_forty_lines(project: Path) -> None:
    write_runs(project, {f"a{k}": [0.95, 0.85] for k in range(9)})  # new ones, next to the two that are removed
    write_verdicts(project, "refuted", claims=7)
    edit_params(project, "width:                  # -S", "wide:  # -S")
    edit_lock(project, lambda stages: [one.update(deps=[{"path": name, "md5": ""}]) for name, one in stages.items()])
    assert len(reported(project)) == 11 + 8 + 5
    assert len(report("main").splitlines()) <= 40
