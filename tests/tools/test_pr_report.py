"""The report on a branch, from made-up runs whose right values are known."""

import json
import shutil
from pathlib import Path

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import ROOT, commit, edit_params, run
from tests.in_process import called
from tools.pr_report import main, report

Runs = dict[str, list[float | None]]  # by architecture the test accuracy of each seed; None: diverged, 0.1: failed
STUDY: Runs = {"(2, 4)": [0.88, 0.89, 0.90], "(8, 16)": [0.90]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with main and a branch of it: this project's parameters and lock, made-up results."""
    project = tmp_path / "project"
    for folder in ("plots", "metrics"):
        (project / folder).mkdir(parents=True)
    for name in ("params.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, project)
    (project / "metrics/verdicts.json").write_text(json.dumps({"more": {"claim": "More | is more", "verdict": "open"}}))
    write_runs(project, STUDY)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    commit(project, "Base")
    run("git", "checkout", "--quiet", "-b", "branch", cwd=project)
    monkeypatch.chdir(project)
    return project


def write_runs(project: Path, study: Runs, parameters: int = 1234) -> None:
    """Write the table of a family, and empty ones of the others."""
    for family in ("width", "depth", "custom"):
        lines = ["architecture,parameters,seed,test_accuracy,learned,reference"]
        for name, accuracies in study.items() if family == "custom" else ():
            for seed, accuracy in enumerate(accuracies):
                test = "" if accuracy is None else accuracy
                lines.append(f'"{name}",{parameters},{seed},{test},{(accuracy or 0) > 0.2},')
        (project / f"plots/{family}_accuracy.csv").write_text("\n".join(lines) + "\n")


def on_main(project: Path, study: Runs) -> None:
    """Let main, and the branch so far, have these runs."""
    run("git", "checkout", "--quiet", "main", cwd=project)
    write_runs(project, study)
    commit(project, "Runs")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)


def reported(project: Path) -> list[list[str]]:
    """Commit the branch; return the cells of the report's tables."""
    commit(project, "Branch")
    lines = report("main").splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if "| `" in line[:3]]


def test_row_has_means_over_all_runs_that_ended_and_counts_of_those_that_learned(project: Path) -> None:
    """(0.8 + 0.9 + 0.1) / 3 is 60 %; the diverged fourth run counts in "learned" alone."""
    on_main(project, {"(2, 4)": [0.8, 0.9, 0.1, None]})
    write_runs(project, {"(2, 4)": [0.8, 0.9, 0.85, 0.85]}, parameters=20)
    ((name, before, after, difference, noise, learned, parameters),) = reported(project)
    assert [name, before, after, difference] == ["`(2, 4)`", "60.00", "85.00", "+25.00"]
    assert noise.startswith("noise, p = 0.4")
    assert [learned, parameters] == ["2 of 4 → 4 of 4", "1,234 → 20"]


@pytest.mark.parametrize(("alike", "said"), [(1, "more than noise, p = 0.021"), (3, "noise, p = 0.064")])
def test_noise_is_told_after_a_correction_for_the_number_of_tests(project: Path, alike: int, said: str) -> None:
    """Welch: means 0.03 apart, standard error 0.01 sqrt(2 / 3), so t = 3.674 of 4 degrees of freedom, p = 0.0213."""
    on_main(project, {f"a{k}": [0.88, 0.89, 0.90] for k in range(alike)})
    write_runs(project, {f"a{k}": [0.91, 0.92, 0.93] for k in range(alike)})
    assert [row[4] for row in reported(project)] == [said] * alike


def test_what_cannot_be_tested_is_told_by_its_reason(project: Path) -> None:
    on_main(project, {"gone": [0.5], "one": [0.6], "nan": [None, None], "as it was": [0.9]})
    write_runs(project, {"one": [0.65], "nan": [None], "as it was": [0.9], "added": [0.4]})
    assert [row[:6] for row in reported(project)] == [
        ["`one`", "60.00", "65.00", "+5.00", "too few runs to test", "1 of 1"],
        ["`nan`", "nan", "nan", "+nan", "too few runs to test", "0 of 2 → 0 of 1"],
        ["`added`", "nan", "40.00", "+nan", "new", "1 of 1"],
        ["`gone`", "50.00", "nan", "+nan", "removed", "1 of 1"],
    ]


def test_parameters_and_verdicts_differ_by_key(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    edit_params(project, "    w2-4:\n    - 2\n    - 4\n", "")
    edit_params(project, "  custom: {}", "  custom: {a|b`<img src=x>: {blocks: 1}}")
    Path("metrics/verdicts.json").write_text(json.dumps({"more": {"claim": "More | is more", "verdict": "refuted"}}))
    assert reported(project) == [
        ["`train.epochs`", "`20`", "`21`"],
        ["`study.custom.a\\|b'<img src=x>.blocks`", "`-`", "`1`"],
        ["`study.width.w2-4`", "`[2, 4]`", "`-`"],
        ["`More \\| is more`", "`open`", "`refuted`"],
    ]


def test_stages_of_one_cause_share_a_row_and_equal_bytes_are_told(project: Path) -> None:
    lock = read_yaml(Path("dvc.lock").read_text(), "dvc.lock")
    stages = lock["stages"]
    stages["train_depth@5"] = stages.pop("train_depth@4")
    for name in ("train@width", "train_width@w2-4"):
        stages[name]["params"]["params.yaml"]["train"]["epochs"] = 21
        stages[name]["outs"][0]["md5"] = "other"
    dependency = stages["train_depth@1"]["deps"][0]
    dependency["md5"] = "other"
    Path("dvc.lock").write_text(yaml_text(lock))
    assert sorted(reported(project)) == [
        ["`train@width`, `train_width@w2-4`", "trained again", "`train.epochs`"],
        ["`train_depth@1`", "trained again, to the same bytes", f"`{dependency['path']}`"],
        ["`train_depth@4`", "removed", ""],
        ["`train_depth@5`", "new", ""],
    ]


def test_base_that_moved_on_is_no_change_and_uncommitted_work_is_named(project: Path) -> None:
    for branch, name in (("branch", "README.md"), ("main", "params.yaml")):
        run("git", "checkout", "--quiet", branch, cwd=project)
        (project / name).write_text("Other\n")
        commit(project, "Other")
    run("git", "checkout", "--quiet", "branch", cwd=project)
    old, new = (run("git", "rev-parse", "--short=7", name, cwd=project).strip() for name in ("branch~1", "branch"))
    assert report("main") == f"Nothing changed between `main` ({old}) and this branch ({new}).\n"
    run("git", "update-ref", "refs/remotes/origin/main", "main", cwd=project)
    assert called(main, project) == report("origin/main")
    edit_params(project, "epochs: 20", "epochs: 21")
    assert report("main").startswith("Nothing that could be compared changed between ")
    assert report("main").endswith("\n- Not committed: `params.yaml`.\n")


@pytest.mark.parametrize(
    ("path", "content", "note"),
    [
        ("plots/custom_accuracy.csv", None, "absent on the base"),
        ("plots/custom_accuracy.csv", "architecture,started\n", "no column parameters, seed, test_accuracy, learned"),
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
    assert [line for line in report("main").splitlines() if line.startswith(f"- `{path}`: ") and note in line]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("base", ["origin/main", "--help", "HEAD:params.yaml", "a`b", ""])
def test_unknown_base_is_told_in_a_line(base: str) -> None:
    said = report(base)
    assert said.startswith("Nothing was compared: `git rev-parse ")
    assert (said.count("\n"), said.count("`")) == (1, 2)


def test_other_history_is_compared_with_the_base_itself(project: Path) -> None:
    """As in a shallow clone."""
    run("git", "checkout", "--quiet", "--orphan", "other", cwd=project)
    edit_params(project, "epochs: 20", "epochs: 21")
    assert reported(project) == [["`train.epochs`", "`20`", "`21`"]]
    assert "run `git fetch --unshallow`. The base is `main` itself.\n" in report("main")


def test_table_of_hundreds_fits_a_comment(project: Path) -> None:
    write_runs(project, {f"{'n' * 35}{k:03}": [0.9, 0.95, 0.85] for k in range(300)})
    assert len(reported(project)) == 50
    assert "\n\nand 252 more\n" in report("main")
    assert len(report("main")) < 20_000
