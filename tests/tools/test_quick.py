"""`make quick`: the study in small, of what lies in the working tree."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import ENVIRONMENT, commit, documented, quick_copy, run
from tools.quick import COPY

FETCH = ["-S", "data.source=tests/sample", "-S", "train.epochs=2"]
MAKE_COPY = f"from tools.quick import *; leave_callers_repository(); make_copy(COPY.resolve(), {FETCH})"


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """The repository in a folder with a space and a letter outside ASCII in its name."""
    return Path(shutil.copytree(fresh, tmp_path / "für später", symlinks=True))


def copy_of(project: Path) -> Path:
    run(sys.executable, "-c", MAKE_COPY, cwd=project)
    return project / COPY


def test_copy_has_what_lies_here_committed_or_not_and_replaces_the_one_before(project: Path) -> None:
    (project / "README.md").write_text("Other words\n")
    (project / "tools/new one.py").write_text("new\n")
    (project / "CHANGELOG.md").unlink()
    (project / "data").mkdir(exist_ok=True)
    (project / "data/mine").write_text("ignored\n")
    before = run("git", "status", "--porcelain", cwd=project)
    (project / COPY).mkdir(parents=True)
    (project / COPY / "left").write_text("by an earlier run\n")
    copy = copy_of(project)
    assert (copy / "README.md").read_text() == "Other words\n"
    assert (copy / "tools/new one.py").read_text() == "new\n"
    assert not any((copy / name).exists() for name in ("CHANGELOG.md", "data/mine", "left"))
    assert read_yaml((copy / "params.yaml").read_text(), "params.yaml")["train"]["epochs"] == 2
    assert len(list((copy / "data/raw").iterdir())) == 4
    assert run("git", "status", "--porcelain", cwd=project) == before
    assert run("git", "log", "--format=%s", cwd=copy) == "the code here\n"


@pytest.mark.parametrize("place", ["repository", "linked worktree"])
def test_variables_of_a_git_hook_lead_no_command_to_the_users_repository(
    project: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = project
    if place == "linked worktree":
        where = project.parent / "linked"
        run("git", "worktree", "add", "--quiet", str(where), cwd=project)
    folder = run("git", "rev-parse", "--absolute-git-dir", cwd=where).strip()
    state = [run("git", *words, cwd=project) for words in (["config", "--list"], ["log", "--all", "--format=%H %s"])]
    monkeypatch.setitem(ENVIRONMENT, "GIT_DIR", folder)
    monkeypatch.setitem(ENVIRONMENT, "GIT_INDEX_FILE", f"{folder}/index")
    run(sys.executable, "-c", MAKE_COPY, cwd=where)
    for name in ("GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delitem(ENVIRONMENT, name)
    assert (where / COPY / "data/raw").exists()
    assert state == [
        run("git", *words, cwd=project) for words in (["config", "--list"], ["log", "--all", "--format=%H %s"])
    ]


def test_project_in_a_subfolder_of_a_repository_is_copied_alone(project: Path) -> None:
    shutil.rmtree(project / ".git")
    (project.parent / "other.txt").write_text("of the outer repository\n")
    run("git", "init", "--quiet", cwd=project.parent)
    commit(project, "All")
    assert sorted(path.name for path in copy_of(project).iterdir() if path.suffix in (".txt", ".lock")) == [
        "dvc.lock",
        "requirements.lock",
    ]


def test_download_without_git_says_what_it_needs(project: Path) -> None:
    shutil.rmtree(project / ".git")
    (line,) = run(sys.executable, "-m", "tools.quick", cwd=project, status=1).splitlines()
    assert line.startswith("quick: git ls-files ")
    assert "`git init`" in line
    assert not (project / COPY).exists()


def test_option_that_dvc_refuses_is_reported_in_its_own_words(project: Path) -> None:
    said = run(sys.executable, "-m", "tools.quick", "-S", "data.sauce=x", cwd=project, status=1)
    assert "Could not override 'data.sauce'" in said
    assert re.search(rf"^quick: dvc exp run .* failed in .*{COPY}", said, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.longest
def test_make_quick_shows_the_study_in_small_and_ends_with_it(project: Path) -> None:
    """Fifteen epochs of nine architectures: only so many leave the chance level, or stay there."""
    output = run(*documented("make quick"), cwd=project)
    lines = output.splitlines()
    assert quick_copy(output) == project / COPY
    assert (project / COPY / "plots/report.html").exists()
    rows = [re.fullmatch(r". (.+?) +[\d,]+ +(\d) of 1 +([\d.]+)", line) for line in lines]
    learned = {row[1]: row[2] == "1" for row in rows if row}
    accuracy = {row[1]: float(row[3]) for row in rows if row}
    assert len(learned) == 9
    assert (learned["(2, 4)"], learned["(5, 10)"], learned["(15, 30)"]) == (True, True, False)
    assert min(accuracy["(2, 4)"], accuracy["(5, 10)"]) > 60
    assert accuracy["(15, 30)"] == 10
    assert accuracy["1 block"] > accuracy["3 blocks"] > accuracy["4 blocks"] > 10, "more blocks, less accuracy"
