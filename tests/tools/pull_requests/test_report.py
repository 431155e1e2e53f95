"""The report on a branch: to the line after real trainings, and whatever else the two sides hold or lack."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.conftest import commit, documented, edit_params, give_environment, run
from tools.common.markdown import plain
from tools.pull_requests.report import report

SINGLE = ("test_accuracy", "test_accuracy_started", "validation_accuracy", "validation_loss")  # values a seed in Git


@pytest.fixture
def project(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository with its committed results, on a branch of main."""
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    run("git", "checkout", "--quiet", "-b", "branch", cwd=project)
    monkeypatch.chdir(project)
    return project


def clone_of(project: Path, *options: str) -> Path:
    """A clone as a runner has it, without data and without a cache."""
    clone = project.parent / "clone"
    run("git", "clone", "--quiet", *options, f"file://{project}", str(clone), cwd=project.parent)
    give_environment(clone)
    return clone


def short(project: Path, revision: str) -> str:
    return run("git", "rev-parse", revision, cwd=project)[:7]


def edit_json(path: Path, *keys: str, value: Any) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content))


def number(value: float, sign: str = "") -> str:
    return f"{value:{sign}d}" if isinstance(value, int) else f"{value:{sign}.6f}".rstrip("0").rstrip(".")


def numbers(content: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Those of nested metrics, by keys with dots."""
    found: dict[str, float] = {}
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


def test_report_on_a_trained_branch_to_the_line_without_data(small: Path) -> None:
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
        for column, title in (("loss", "training loss"), ("val_accuracy", "watched accuracy")):
            cells = one_epoch([None if row is None else row[column] for row in pair])
            changed_curves.append(f"| `{name}` | {title} | {cells} |")
    causes = {
        "train@width": "retrained | `width`",
        "train@depth": "retrained | `depth`",
        "train_depth@1": "retrained | `depth.activation`",
        "aggregate": "run again | `depth`, `width`, `data/models`",
    }
    lock = yaml.safe_load((clone / "dvc.lock").read_text())["stages"]
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
        "First epoch, the course, last epoch; means over all seeds, failed starts included.",
        "",
        "|  |  | base | branch |",
        "| --- | --- | --- | --- |",
        *changed_curves,
        *(
            ["", "## Verdicts", "", "| claim | base | branch |  |", "| --- | --- | --- | --- |", *verdicts]
            * bool(verdicts)
        ),
    ]


def test_branch_without_a_change_of_results_is_told_in_one_line(project: Path) -> None:
    (project / "README.md").write_text("Other words\n")
    commit(project, "Other words")
    assert report("main") == (
        f"Nothing changed between `main` ({short(project, 'main')}) and this branch ({short(project, 'branch')}).\n"
    )


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
    lock = yaml.safe_load(path.read_text())
    for dependency in lock["stages"]["train@width"]["deps"]:
        dependency["md5"] = f"{dependency['md5'][:-1]}x"
    lock["stages"]["train_depth@5"] = lock["stages"].pop("train_depth@4")
    path.write_text(yaml.safe_dump(lock))
    commit(project, "As if run again")
    lines = report("main").splitlines()
    first_four = "`data/fashion_mnist.npz`, `stages/architecture.py`, `stages/backend.py`, `stages/checkpoint.py`"
    more = len(lock["stages"]["train@width"]["deps"]) - 4
    assert f"| `train@width` | retrained, to the same bytes | {first_four} and {more} more |" in lines
    assert "| `train_depth@5` | new |  |" in lines
    assert "| `train_depth@4` | removed |  |" in lines


def test_names_from_a_file_stay_text(project: Path) -> None:
    edit_params(project, "    w2-4:", '    "a|b`<img src=x>":')
    commit(project, "A bad name")
    assert "| `study.width.a\\|b'<img src=x>` | - | `[2, 4]` |" in report("main").splitlines()


def test_shallow_clone_is_compared_with_the_base_as_it_is(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    commit(project, "One more epoch")
    clone = clone_of(project, "--depth", "1", "--no-single-branch")
    output = run("make", "pr-report", cwd=clone)
    assert "| `train.epochs` | `20` | `21` |" in output
    assert output.splitlines()[-1] == (
        "- The commit at which the branch left `origin/main`: this clone is shallow, `git fetch --unshallow` makes it "
        "whole. Compared with `origin/main` as it is."
    )


def test_commit_of_another_history_is_compared_as_it_is(project: Path) -> None:
    run("git", "checkout", "--quiet", "--orphan", "other", cwd=project)
    edit_params(project, "epochs: 20", "epochs: 21")
    commit(project, "Another beginning")
    output = report("main")
    assert "| `train.epochs` | `20` | `21` |" in output
    assert "- The commit at which the branch left `main`: they have no common ancestor." in output


def test_base_that_moved_on_is_not_taken_for_a_change(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    commit(project, "One more epoch")
    run("git", "checkout", "--quiet", "main", cwd=project)
    edit_params(project, "batch_size: 128", "batch_size: 64")
    commit(project, "What others did meanwhile")
    run("git", "checkout", "--quiet", "branch", cwd=project)
    output = report("main")
    assert "`train.epochs`" in output
    assert "batch_size" not in output


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("base", ["origin/main", "no such branch", "--help", "HEAD:README.md", ""])
def test_unknown_base_is_told(base: str) -> None:
    said = f"Nothing was compared: BASE holds `{base}`, which is no commit here; `git fetch` may bring it.\n"
    assert report(base) == said


def test_base_that_is_no_name_fails_nothing_and_reaches_no_shell(project: Path) -> None:
    output = run("make", "pr-report", "BASE='; touch x; '", cwd=project)
    assert output.startswith("Nothing was compared: BASE holds `'; touch x; '`, which is no commit here")
    assert not (project / "x").exists()


def test_folder_that_git_does_not_know_is_told_and_fails_nothing(project: Path) -> None:
    shutil.rmtree(project / ".git")
    assert report("main") == "Nothing was compared: Git has no commit checked out here.\n"


READ = (
    "dvc.lock",
    "metrics/study.json",
    "metrics/summary.json",
    "metrics/verdicts.json",
    "plots/depth_curves.csv",
    "plots/width_accuracy.csv",
)
UNREADABLE = {
    "metrics/study.json": b"\xff\xfe{",
    "metrics/summary.json": b"",
    "metrics/verdicts.json": b"[1]",
    "plots/depth_curves.csv": b"a,b\n1,2\n",
}


def on_the_base(project: Path, contents: dict[str, bytes | None]) -> None:
    """Let main's files hold these bytes, or not be there, and the branch's what they held."""
    kept = {name: (project / name).read_bytes() if (project / name).exists() else b"{}" for name in contents}
    run("git", "checkout", "--quiet", "main", cwd=project)
    for name, content in contents.items():
        if content is None:
            (project / name).unlink(missing_ok=True)
        else:
            (project / name).write_bytes(content)
    commit(project, "A poor base")
    run("git", "checkout", "--quiet", "-B", "branch", cwd=project)
    for name, content in kept.items():
        (project / name).write_bytes(content)
    commit(project, "As it should be")


def test_files_that_the_base_does_not_have_are_named(project: Path) -> None:
    on_the_base(project, dict.fromkeys(READ))
    lines = report("main").splitlines()
    assert [name for name in READ if f"- `{name}`: absent on the base." not in lines] == []
    accuracy = json.loads((project / "metrics/study.json").read_text())["width"]["w2-4"]["test_accuracy"]
    assert f"| `width.w2-4.test_accuracy` | - | {number(accuracy)} | - |  |" in lines


def test_files_that_cannot_be_read_on_the_base_are_named_and_not_taken_for_new(project: Path) -> None:
    on_the_base(project, dict(UNREADABLE))
    output = report("main")
    assert output.startswith("Nothing that could be compared changed between `main` ")
    assert [name for name in UNREADABLE if f"- `{name}`: not readable (" not in output] == []


@pytest.mark.parametrize(
    ("name", "content"), [("dvc.yaml", b"stages: 3"), ("dvc.lock", b"stages: ["), ("params.yaml", b"a: [")]
)
def test_pipeline_that_cannot_be_read_on_the_base_is_named(project: Path, name: str, content: bytes) -> None:
    on_the_base(project, {name: content})
    output = report("main")
    assert output.startswith("Nothing that could be compared changed between `main` ")
    assert re.search(r"^- `DVC's metrics`: not readable \(.*\) on the base\.$", output, flags=re.MULTILINE)


def test_what_is_not_committed_is_named(project: Path) -> None:
    edit_params(project, "epochs: 20", "epochs: 21")
    output = report("main")
    assert "epochs" not in output
    assert output.splitlines()[-1] == "- What is not committed: `params.yaml`."
