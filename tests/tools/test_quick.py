"""`make quick`: the study on the sample, in a copy of the working tree."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import documented, make_repository, quick_copy, run
from tools.quick import COPY

FETCH = ["-S", "data.source=tests/sample", "-S", "train.epochs=2"]
MAKE_COPY = f"from tools.quick import *; leave_callers_repository(); make_copy(COPY.resolve(), {FETCH})"


def copy_of(project: Path) -> Path:
    run(sys.executable, "-c", MAKE_COPY, cwd=project)
    return project / COPY


def test_copy_has_uncommitted_changes_and_replaces_the_one_before(copied: Path) -> None:
    (copied / "README.md").write_text("Other words\n")
    (copied / "tools/new one.py").write_text("new\n")
    (copied / "CHANGELOG.md").unlink()
    for ignored in (copied / "data/mine", copied / COPY / "left"):
        ignored.parent.mkdir(parents=True, exist_ok=True)
        ignored.touch()
    before = run("git", "status", "--porcelain", cwd=copied)
    copy = copy_of(copied)
    assert (copy / "README.md").read_text() == "Other words\n"
    assert (copy / "tools/new one.py").read_text() == "new\n"
    assert not any((copy / name).exists() for name in ("CHANGELOG.md", "data/mine", "left"))
    assert read_yaml((copy / "params.yaml").read_text(), "params.yaml")["train"]["epochs"] == 2
    assert (copy / "data/raw/classes.txt").exists()
    assert run("git", "status", "--porcelain", cwd=copied) == before


def test_project_in_a_subfolder_of_a_repository_is_copied_alone(copied: Path) -> None:
    shutil.rmtree(copied / ".git")
    (copied.parent / "other.txt").write_text("of the outer repository\n")
    make_repository(copied.parent)
    copy = copy_of(copied)
    assert (copy / "dvc.yaml").exists()
    assert not list(copy.rglob("other.txt"))


@pytest.mark.slow
@pytest.mark.longest
def test_make_quick_shows_the_study_in_small_and_ends_with_it(copied: Path) -> None:
    """Fifteen epochs of nine architectures: only so many leave the chance level, or stay there."""
    output = run(*documented("make quick"), cwd=copied)
    assert quick_copy(output) == copied / COPY
    assert (copied / COPY / "plots/report.html").exists()
    rows = re.findall(r"^(.+?)(?: \*)? +[\d,]+ +(\d) of 1 +([\d.]+)$", output, flags=re.MULTILINE)
    accuracy = {label: float(percent) for label, _, percent in rows}  # `aggregate` prints the table, too
    learned = {label: count == "1" for label, count, _ in rows}
    assert len(accuracy) == 9
    assert [learned[label] for label in ("(2, 4)", "(5, 10)", "(15, 30)")] == [True, True, False]
    assert min(accuracy["(2, 4)"], accuracy["(5, 10)"]) > 60
    assert accuracy["(15, 30)"] == 10
    assert accuracy["1 block"] > accuracy["3 blocks"] > accuracy["4 blocks"] > 10, "more blocks, less accuracy"
