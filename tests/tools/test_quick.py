"""`make quick`: the study in small, of what lies in the working tree."""

import re
import shutil
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import ENVIRONMENT, documented, quick_copy, run

FETCH = ["python", "-m", "tools.quick", "-S", "data.source=tests/sample"]


@pytest.fixture
def project(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, and a folder for temporary files, both with a space and a letter outside ASCII in their names."""
    (tmp_path / "für später").mkdir()
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(tmp_path / "für später"))
    return Path(shutil.copytree(fresh, tmp_path / "erster Versuch", symlinks=True))


def copies(project: Path) -> list[Path]:
    return list((project.parent / "für später").iterdir())


def test_copy_holds_what_lies_here_committed_or_not_and_leaves_it_alone(project: Path) -> None:
    (project / "README.md").write_text("Other words\n")
    (project / "tools/new one.py").write_text("new\n")
    (project / "CHANGELOG.md").unlink()
    (project / "data").mkdir()
    (project / "data/mine").write_text("ignored\n")
    before = run("git", "status", "--porcelain", cwd=project)
    copy = Path(run(*FETCH, "-S", "train.epochs=2", cwd=project).splitlines()[-1])
    assert [copy] == copies(project)
    assert (copy / "README.md").read_text() == "Other words\n"
    assert (copy / "tools/new one.py").read_text() == "new\n"
    assert not (copy / "CHANGELOG.md").exists()
    assert not (copy / "data/mine").exists()
    assert read_yaml((copy / "params.yaml").read_text(), "params.yaml")["train"]["epochs"] == 2
    assert {path.name for path in (copy / "data/raw").iterdir()} == {
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
    }  # fmt: skip
    assert run("git", "status", "--porcelain", cwd=project) == before
    assert run("git", "log", "--format=%s", cwd=copy) == "the code here\n"


def test_project_in_a_subfolder_of_a_repository_is_copied_alone(project: Path) -> None:
    shutil.rmtree(project / ".git")
    (project.parent / "other.txt").write_text("of the outer repository\n")
    run("git", "init", "--quiet", cwd=project.parent)
    copy = Path(run(*FETCH, cwd=project).splitlines()[-1])
    assert (copy / "dvc.yaml").exists()
    assert not (copy / "other.txt").exists()


def test_download_without_git_says_what_it_needs(project: Path) -> None:
    shutil.rmtree(project / ".git")
    said = run("make", "quick", cwd=project, status=2).splitlines()[0]
    assert said.startswith("quick: git ls-files ")
    assert "not a git repository" in said
    assert "; a repository of Git is needed, which `git init` makes of this folder" in said
    assert copies(project) == []


def test_option_that_dvc_refuses_is_told_with_its_own_words(project: Path) -> None:
    said = run("make", "quick", "QUICK=-S data.sauce=x", cwd=project, status=2)
    assert "Could not override 'data.sauce'" in said
    assert re.search(r"^quick: dvc exp run .* failed in .*für später/quick-", said, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.longest
def test_make_quick_shows_the_study_in_small_and_ends_with_it(project: Path) -> None:
    """Fifteen epochs of nine architectures: only so many leave the plateau, or stay there."""
    output = run(*documented("make quick"), cwd=project)
    lines = output.splitlines()
    (copy,) = copies(project)
    assert lines[-1] == f"All of it: {copy}/plots/report.html"
    assert quick_copy(output) == copy
    assert (copy / "plots/report.html").exists()
    title = lines.index("Test accuracy in %, 15 epochs, seed 0, tests/sample")
    assert len(lines) - title <= 25
    assert max(map(len, lines[title:-1])) <= 80
    rows = [re.fullmatch(r". (.+?) +[\d,]+ +(\d) of 1 +([\d.]+)", line) for line in lines[title + 2 : title + 11]]
    learned = {row[1]: row[2] == "1" for row in rows if row}
    accuracy = {row[1]: float(row[3]) for row in rows if row}
    assert len(learned) == 9
    assert learned["(2, 4)"]
    assert learned["(5, 10)"]
    assert not learned["(15, 30)"], "more kernels, then none starts"
    assert min(accuracy["(2, 4)"], accuracy["(5, 10)"]) > 60
    assert accuracy["(15, 30)"] == 10
    assert accuracy["1 block"] > accuracy["3 blocks"] > accuracy["4 blocks"] > 10, "more blocks, less accuracy"
