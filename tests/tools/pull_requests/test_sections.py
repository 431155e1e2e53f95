"""The sections of a report: noise told from more, what made a stage run, verdicts, and text that stays text."""

import json
from pathlib import Path

import pandas as pd
import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import commit, edit_params, run
from tests.tools.pull_requests.conftest import edit_json
from tools.pull_requests.report import report


def give_seeds(project: Path, accuracies: list[float]) -> None:
    """Let the study's (2, 4) have these test accuracies, one a seed."""
    edit_json(project / "metrics/study.json", "width", "w2-4", "test_accuracy", value=sum(accuracies) / len(accuracies))
    path = project / "plots/width_accuracy.csv"
    table = pd.read_csv(path)
    others = table[table["architecture"] != "(2, 4)"]
    seeds = table[table["architecture"] == "(2, 4)"].head(1)
    rows = [seeds.assign(seed=seed, test_accuracy=accuracy) for seed, accuracy in enumerate(accuracies)]
    pd.concat([*rows, others]).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ([0.88, 0.89, 0.90], [0.89, 0.90, 0.91], "+0.01 | noise: -0.01267 to +0.03267"),
        ([0.88, 0.89, 0.90], [0.91, 0.92, 0.93], "+0.03 | more than noise: +0.00733 to +0.05267"),
        ([0.88], [0.91, 0.92], "+0.035 | one seed on a side: no interval"),
        ([0.88], [0.91], "+0.03 | one seed each: no interval"),
    ],
)
def test_change_inside_the_seeds_interval_is_called_noise(
    project: Path, old: list[float], new: list[float], said: str
) -> None:
    """By Welch (1947) of means that are 0.01 and 0.03 apart, each with a standard error of 0.01 / sqrt(3)."""
    run("git", "checkout", "--quiet", "main", cwd=project)
    give_seeds(project, old)
    commit(project, "Old")
    run("git", "checkout", "--quiet", "-b", "more", cwd=project)
    give_seeds(project, new)
    commit(project, "New")
    rows = [line for line in report("main").splitlines() if line.startswith("| `width.w2-4.test_accuracy` |")]
    assert len(rows) == 1
    assert rows[0].endswith(f"| {said} |")


def test_metric_of_a_stage_of_one_s_own_is_told_and_none_twice(project: Path) -> None:
    """DVC compares few numbers, which study.json and summary.json have as well; a metric of others is nowhere else."""
    edit_json(project / "metrics/accuracy.json", "w2-4", value=0.5)
    edit_json(project / "metrics/study.json", "width", "w2-4", "test_accuracy", value=0.5)
    (project / "metrics/labels.json").write_text('{"train": {"0": 5500}, "name": "shirts"}')
    with (project / "dvc.yaml").open("a") as file:
        file.write("metrics:\n- metrics/labels.json\n")
    commit(project, "Labels, counted")
    lines = report("main").splitlines()
    assert lines[0].startswith("2 metrics changed between ")
    assert [line.split(" | ")[0] for line in lines if line.startswith("| `")] == [
        "| `width.w2-4.test_accuracy`",
        "| `train.0`",
    ]
    assert "| `train.0` | - | 5500 | - |  |" in lines
    assert lines[-1] == "- `metrics/labels.json`: absent on the base."


def test_where_no_test_accuracy_changed_the_report_says_so_above_what_is_folded_away(project: Path) -> None:
    edit_json(project / "metrics/study.json", "width", "w2-4", "validation_loss", value=0.5)
    commit(project, "Another loss")
    _, _, told = report("main").partition("\n## Metrics\n\n")
    _, text, others, *_ = told.split("\n\n")
    assert text == "No test accuracy changed."
    assert others == "<details><summary>1 other metric</summary>"


@pytest.mark.parametrize(
    ("on_main", "on_the_branch", "not_compared"),
    [(None, None, []), ("[", "{}", ["- `metrics/verdicts.json`: not readable ("])],
)
def test_verdicts_that_neither_side_has_are_not_missed_and_those_of_one_are(
    project: Path, on_main: str | None, on_the_branch: str | None, not_compared: list[str]
) -> None:
    path = project / "metrics/verdicts.json"
    for branch, content in (("main", on_main), ("branch", on_the_branch)):
        run("git", "checkout", "--quiet", "-B", branch, cwd=project)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        (project / "README.md").write_text(branch)
        commit(project, "Verdicts")
    lines = report("main").splitlines()
    assert lines[0].startswith("Nothing that could be compared changed" if not_compared else "Nothing changed")
    assert [line.partition("(")[0] + "(" for line in lines if line.startswith("- ")] == not_compared


def test_no_table_has_more_rows_than_fit_a_comment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub refuses a long one as a whole; here one row fits."""
    monkeypatch.setattr("tools.pull_requests.sections.ROWS", 1)
    edit_params(project, "epochs: 20", "epochs: 21")
    edit_params(project, "batch_size: 128", "batch_size: 64")
    for name in ("w2-4", "w5-10"):
        for number in ("test_accuracy", "validation_loss"):
            edit_json(project / "metrics/study.json", "width", name, number, value=0.5)
    verdicts = json.loads((project / "metrics/verdicts.json").read_text())
    for key in list(verdicts)[:3]:
        edit_json(project / "metrics/verdicts.json", key, "verdict", value="another")
    curves = pd.read_csv(project / "plots/width_curves.csv")
    curves[curves["epoch"] < 20].to_csv(project / "plots/width_curves.csv", index=False)
    lock = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")
    for name in ("train@width", "train@depth"):
        lock["stages"][name]["cmd"] = "another"
    (project / "dvc.lock").write_text(yaml_text(lock))
    commit(project, "A little of everything")
    told = [section.partition("\nand ")[2].split(" more")[0] for section in report("main").split("\n## ")[1:]]
    pairs = 2 * curves["architecture"].nunique()
    assert told == ["1", "1", "1", f"{pairs - 1}", "2"]
    assert report("main").count("\nand 1 more\n") == 4, "of the metrics both tables"


def test_changed_verdict_is_told_with_its_sentence(project: Path) -> None:
    path = project / "metrics/verdicts.json"
    entry = {"claim": "More is more.", "verdict": "confirmed", "sentence": "It is."}
    path.write_text(json.dumps({"more": entry, "less": entry}))
    run("git", "checkout", "--quiet", "-B", "main", cwd=project)
    commit(project, "A verdict")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)
    edit_json(path, "more", value=entry | {"verdict": "refuted | so", "sentence": "Why <b>it</b> is not."})
    commit(project, "Another verdict")
    lines = report("main").splitlines()
    assert lines[0].startswith("1 verdict changed between ")
    assert lines[-1] == "| More is more. | confirmed | refuted \\| so | Why &lt;b>it&lt;/b> is not. |"


def test_stage_of_other_code_with_equal_outputs_is_told_apart_from_a_retrained_one(project: Path) -> None:
    path = project / "dvc.lock"
    lock = read_yaml(path.read_text(), "dvc.lock")
    for dependency in lock["stages"]["train@width"]["deps"]:
        dependency["md5"] = f"{dependency['md5'][:-1]}x"
    lock["stages"]["train_depth@5"] = lock["stages"].pop("train_depth@4")
    path.write_text(yaml_text(lock))
    commit(project, "As if run again")
    lines = report("main").splitlines()
    first_four = ", ".join(f"`{dependency['path']}`" for dependency in lock["stages"]["train@width"]["deps"][:4])
    more = len(lock["stages"]["train@width"]["deps"]) - 4
    assert f"| `train@width` | retrained, to the same bytes | {first_four} and {more} more |" in lines
    assert "| `train_depth@5` | new |  |" in lines
    assert "| `train_depth@4` | removed |  |" in lines


def test_names_from_a_file_stay_text(project: Path) -> None:
    edit_params(project, "    w2-4:", '    "a|b`<img src=x>":')
    commit(project, "A bad name")
    assert "| `study.width.a\\|b'<img src=x>` | - | `[2, 4]` |" in report("main").splitlines()
