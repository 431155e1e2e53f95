"""The report on a branch, from made-up runs whose right values are known."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import ROOT, commit, edit_params, run
from tests.in_process import called
from tools.pr_report import main, report

Runs = dict[str, list[float | None]]  # by architecture the test accuracy of each seed; None: diverged, 0.1: failed
STUDY: Runs = {"(2, 4)": [0.88, 0.89, 0.90], "(8, 16)": [0.90], "(10, 20)": [0.91]}
LOSSES = [2.0, 1.0, 0.5]


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


def write_runs(
    project: Path,
    study: Runs,
    losses: Sequence[float] = LOSSES,
    parameters: int = 1234,
    other: str = "",
    of: str = "width",
) -> None:
    """Write the tables of the family `of`, and empty ones of the others. The losses of `other` end lower."""
    for family in ("width", "depth", "custom"):
        accuracy = ["architecture,parameters,seed,test_accuracy,learned,reference"]
        curves = ["architecture,seed,epoch,loss,accuracy,val_loss,val_accuracy"]
        for name, accuracies in study.items() if family == of else ():
            for seed, reached in enumerate(accuracies):
                test = "" if reached is None else reached
                accuracy.append(f'"{name}",{parameters},{seed},{test},{(reached or 0) > 0.2},')
                drawn = [*losses[:-1], losses[-1] - (name == other) / 10]
                curves += [f'"{name}",{seed},{epoch},{loss + seed},0,0,0' for epoch, loss in enumerate(drawn, 1)]
        (project / f"plots/{family}_accuracy.csv").write_text("\n".join(accuracy) + "\n")
        (project / f"plots/{family}_curves.csv").write_text("\n".join(curves) + "\n")


def on_main(project: Path, study: Runs, of: str = "width") -> None:
    """Let main, and the branch so far, have these runs."""
    run("git", "checkout", "--quiet", "main", cwd=project)
    write_runs(project, study, of=of)
    commit(project, "Runs")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)


def rows(text: str) -> list[list[str]]:
    """The cells of the tables' rows, without heads."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if "| `" in line[:3]]


def reported(project: Path) -> list[list[str]]:
    commit(project, "Branch")
    return rows(report("main"))


def test_row_has_means_over_all_runs_that_ended_and_counts_of_those_that_learned(project: Path) -> None:
    """(0.8 + 0.9 + 0.1) / 3 is 60 %; the diverged fourth run counts in "learned" alone. Mean losses are 1.5 higher."""
    on_main(project, {"(2, 4)": [0.8, 0.9, 0.1, None]})
    write_runs(project, {"(2, 4)": [0.8, 0.9, 0.85, 0.85]}, losses=[2.0, 0.0, -1.0], parameters=20)
    ((name, before, after, difference, noise, learned, parameters, loss),) = reported(project)
    assert [name, before, after, difference] == ["`(2, 4)`", "60.00 %", "85.00 %", "+25.00"]
    assert noise.startswith("noise, p = 0.4")
    assert [learned, parameters, loss] == ["2 of 4 → 4 of 4", "1,234 → 20", "█▆▅ → █▄▂"]


@pytest.mark.parametrize(("alike", "said"), [(1, "more than noise, p = 0.021"), (3, "noise, p = 0.064")])
def test_noise_is_told_after_a_correction_for_the_number_of_tests(project: Path, alike: int, said: str) -> None:
    """Welch: means 0.03 apart, standard error 0.01 sqrt(2 / 3), so t = 3.674 of 4 degrees of freedom, p = 0.0213."""
    on_main(project, {f"a{k}": [0.88, 0.89, 0.90] for k in range(alike)})
    write_runs(project, {f"a{k}": [0.91, 0.92, 0.93] for k in range(alike)})
    assert [row[4] for row in reported(project)] == [said] * alike


def test_what_cannot_be_tested_is_told_by_its_reason_and_unchanged_architectures_are_counted(project: Path) -> None:
    before: Runs = {"gone": [0.5], "one": [0.6], "same": [0.7, 0.8], "nan": [None, None], "as it was": [0.9]}
    on_main(project, before, of="custom")
    del before["gone"]
    write_runs(project, before | {"one": [0.65], "nan": [None], "added": [0.4]}, other="same", of="custom")
    assert [row[:6] for row in reported(project)] == [
        ["`one`", "60.00 %", "65.00 %", "+5.00", "too few runs to test", "1 of 1"],
        ["`same`", "75.00 %", "75.00 %", "+0.00", "equal", "2 of 2"],
        ["`nan`", "-", "-", "", "too few runs to test", "0 of 2 → 0 of 1"],
        ["`added`", "-", "40.00 %", "", "new", "1 of 1"],
        ["`gone`", "50.00 %", "-", "", "removed", "1 of 1"],
    ]
    assert " 1 other architecture did not change." in report("main")


def test_long_curve_is_shortened_and_ends_with_its_last_epoch(project: Path) -> None:
    write_runs(project, STUDY, losses=[8.0] * 24 + [1.0])
    assert reported(project)[1][-1].endswith(" → █████████▂")


def test_another_baseline_has_a_row_though_the_study_has_both(project: Path) -> None:
    edit_params(project, "  - 8\n  - 16\n  blocks", "  - 10\n  - 20\n  blocks")
    names = [row[:4] for row in reported(project)]
    assert names[0] == ["`width: (8, 16) → (10, 20)`", "90.00 %", "91.00 %", "+1.00"]
    assert names[1][0] == "`width.filters`"


def test_parameters_differ_by_key_and_a_new_section_is_one_row(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    edit_params(project, "    w2-4:\n    - 2\n    - 4\n", "")
    edit_params(project, "  custom: {}", "  custom: {a|b`<img src=x>: {blocks: 1}}")
    assert reported(project) == [
        ["`train.epochs`", "`20`", "`21`"],
        ["`study.width.w2-4`", "`[2, 4]`", "`-`"],
        ["`study.custom.a\\|b'<img src=x>`", "`-`", "`{'blocks': 1}`"],
    ]


def test_stages_of_one_cause_share_a_row_and_equal_bytes_are_told(project: Path) -> None:
    lock = read_yaml(Path("dvc.lock").read_text(), "dvc.lock")
    stages = lock["stages"]
    stages["train_depth@5"] = stages.pop("train_depth@4")
    for name in ("train@width", "train_width@w2-4"):
        stages[name]["params"]["params.yaml"]["train"]["epochs"] = 21
        stages[name]["outs"][0]["md5"] = "other"
    stages["train_depth@1"]["deps"][0]["md5"] = "other"
    dependency = stages["train_depth@1"]["deps"][0]["path"]
    Path("dvc.lock").write_text(yaml_text(lock))
    assert sorted(reported(project)) == sorted(
        [
            ["`train@width`, `train_width@w2-4`", "retrained", "`train.epochs`"],
            ["`train_depth@1`", "retrained, to the same bytes", f"`{dependency}`"],
            ["`train_depth@5`", "new", ""],
            ["`train_depth@4`", "removed", ""],
        ]
    )
    assert "| 5 stages " in report("main")


def test_changed_verdict_is_told(project: Path) -> None:
    Path("metrics/verdicts.json").write_text(json.dumps({"more": {"claim": "More | is more", "verdict": "refuted"}}))
    assert reported(project) == [["`More \\| is more`", "`open`", "`refuted`"]]


def test_unchanged_results_are_one_line_and_a_base_that_moved_on_is_no_change(project: Path) -> None:
    """A file that cannot be read, and is the same on both, needs no note."""
    Path("metrics/verdicts.json").write_text("[1]")
    on_main(project, STUDY)
    for branch, name in (("branch", "README.md"), ("main", "params.yaml")):
        run("git", "checkout", "--quiet", branch, cwd=project)
        (project / name).write_text("Other\n")
        commit(project, "Other")
    run("git", "checkout", "--quiet", "branch", cwd=project)
    old, new = (run("git", "rev-parse", "--short=7", name, cwd=project).strip() for name in ("branch~1", "branch"))
    assert report("main") == f"Nothing changed between `main` ({old}) and this branch ({new}).\n"
    run("git", "update-ref", "refs/remotes/origin/main", "main", cwd=project)
    assert called(main, project) == report("origin/main")


def test_uncommitted_work_is_named_and_not_reported(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    assert report("main").startswith("Nothing that could be compared changed between ")
    assert report("main").endswith("\n- Not committed: `params.yaml`.\n")


WITHOUT_BEFORE = [["-", "89.00 %", "", ""], ["-", "90.00 %", "", ""], ["-", "91.00 %", "", ""]]
EQUAL = [[mean, mean, "+0.00", "equal"] for mean in ("89.00 %", "90.00 %", "91.00 %")]


@pytest.mark.parametrize(
    ("path", "content", "note", "cells"),
    [
        ("plots/width_accuracy.csv", None, "absent on the base.", WITHOUT_BEFORE),
        ("plots/width_accuracy.csv", "architecture,started\n", "'learned'", WITHOUT_BEFORE),
        ("plots/width_curves.csv", "", "not readable on the base: `No columns", EQUAL),
        ("dvc.lock", "stages: [", "not readable on the base: `dvc.lock: not readable as YAML", []),
        ("params.yaml", "- 1", "not readable on the base: `", []),
        ("metrics/verdicts.json", "[1]", "not readable on the base: `", []),
    ],
)
def test_file_that_the_base_lacks_or_has_in_another_form_is_named_and_taken_for_no_change(
    project: Path, path: str, content: str | None, note: str, cells: list[list[str]]
) -> None:
    now = (project / path).read_text()
    run("git", "checkout", "--quiet", "main", cwd=project)
    (project / path).write_text(content or "")
    if content is None:
        (project / path).unlink()
    commit(project, "A poor base")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)
    (project / path).write_text(now)
    assert [row[1:5] for row in reported(project)] == cells
    assert [line for line in report("main").splitlines() if line.startswith(f"- `{path}` is ") and note in line]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("base", ["origin/main", "--help", "HEAD:params.yaml", "a`b", ""])
def test_unknown_base_is_told_in_a_line(base: str) -> None:
    name = base.replace("`", "'")
    assert report(base) == f"Nothing was compared: this clone has no commit `{name}`. Try `git fetch`.\n"


def test_other_history_is_compared_with_the_base_itself(project: Path) -> None:
    """As in a shallow clone."""
    run("git", "checkout", "--quiet", "--orphan", "other", cwd=project)
    edit_params(project, "epochs: 20", "epochs: 21")
    assert reported(project) == [["`train.epochs`", "`20`", "`21`"]]
    assert "run `git fetch --unshallow`. The base is `main` itself.\n" in report("main")


def test_report_on_eleven_networks_has_at_most_40_lines_and_a_table_of_hundreds_fits_a_comment(project: Path) -> None:
    on_main(project, {f"{'n' * 35}{k:03}": [0.8, 0.9, 0.85] for k in range(300)})
    write_runs(project, {f"{'n' * 35}{k:03}": [0.9, 0.95, 0.85] for k in range(300)})
    assert len(reported(project)) == 50
    assert "\n\nand 250 more\n" in report("main")
    assert len(report("main")) < 20_000
    on_main(project, {f"a{k}": [0.9] for k in range(11)})
    write_runs(project, {f"a{k}": [0.8] for k in range(11)})
    edit_params(project, "epochs: 20", "epochs: 21")
    assert len(reported(project)) == 12
    assert len(report("main").splitlines()) <= 40
