"""The two commits that a report compares, whatever else the two sides hold or lack."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import commit, edit_params, run
from tests.tools.pull_requests.conftest import clone_of, number
from tools.pull_requests.report import report
from tools.pull_requests.revisions import json_diff, sides


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
    assert report("main") == (
        "Nothing was compared: fatal: not a git repository (or any of the parent directories): .git; "
        "a repository of Git is needed, which `git init` makes of this folder\n"
    )
    run("git", "init", "--quiet", cwd=project)
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


def test_numbers_differ_by_key_and_only_those_of_both_sides_by_how_much(project: Path) -> None:
    on_the_base(project, {"numbers.json": b'{"a": {"b": 1, "same": 2, "gone": 5}}'})
    (project / "numbers.json").write_text('{"a": {"b": 1.5, "same": 2}, "new": 7, "name": "no number"}')
    commit(project, "Other numbers")
    assert json_diff("numbers.json", *sides("main")) == {
        "a.b": {"old": 1, "new": 1.5, "diff": 0.5},
        "a.gone": {"old": 5, "new": None},
        "new": {"old": None, "new": 7},
    }


def test_numbers_that_only_repeat_others_are_not_missed(project: Path) -> None:
    """As on every base from before there was metrics/accuracy.json."""
    on_the_base(project, {"metrics/accuracy.json": None})
    assert report("main").startswith("Nothing changed between ")


def test_files_that_cannot_be_read_on_the_base_are_named_and_not_taken_for_new(project: Path) -> None:
    on_the_base(project, dict(UNREADABLE))
    output = report("main")
    assert output.startswith("Nothing that could be compared changed between `main` ")
    assert [name for name in UNREADABLE if f"- `{name}`: not readable (" not in output] == []


def test_metrics_of_a_user_s_own_that_cannot_be_read_on_the_base_are_named(project: Path) -> None:
    pipeline = (project / "dvc.yaml").read_bytes()
    on_the_base(project, {"dvc.yaml": pipeline + b"metrics:\n- own.json\n", "own.json": b"["})
    assert re.search(r"^- `own\.json`: not readable \(.+\) on the base\.$", report("main"), flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "content"), [("dvc.yaml", b"stages: 3"), ("dvc.lock", b"stages: ["), ("params.yaml", b"a: [")]
)
def test_pipeline_that_cannot_be_read_on_the_base_is_named(project: Path, name: str, content: bytes) -> None:
    on_the_base(project, {name: content})
    output = report("main")
    assert output.startswith("Nothing that could be compared changed between `main` ")
    assert re.search(r"^- `DVC's metrics`: not readable \(.*\) on the base\.$", output, flags=re.MULTILINE)
