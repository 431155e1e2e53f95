"""Versions are copied from requirements.lock into the files that stages depend on."""

import shutil
from pathlib import Path

import pytest

from stages.common import LIBRARIES
from tests.conftest import ROOT
from tests.in_process import called
from tools.lock import FILES, LOCK, main, out_of_step


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder with only the files that the tool reads."""
    (folder / "stages/libraries").mkdir(parents=True)
    for path in (LOCK, *FILES):
        shutil.copyfile(ROOT / path, folder / path)
    return folder


def test_committed_versions_agree_and_a_changed_one_is_copied_alone(project: Path) -> None:
    assert out_of_step() == []
    before = [path.read_text() for path in FILES]
    numpy = next(line for line in LOCK.read_text().split() if line.startswith("numpy=="))
    LOCK.write_text(LOCK.read_text().replace(f"\n{numpy}", "\nnumpy==9.8.7"))
    assert out_of_step() == [f"{LIBRARIES}: numpy: expected 9.8.7 as in {LOCK}, got {numpy[7:]}"]
    assert called(main, project) == ""
    assert [path.read_text() for path in FILES] == [text.replace(numpy, "numpy==9.8.7") for text in before]


TWO = "numpy==1.2.3 ; python_full_version < '3.12'\nnumpy==9.8.7 ; python_full_version >= '3.12'\nother=="


@pytest.mark.parametrize(("new", "got"), [(TWO, "1.2.3 and 9.8.7"), ("other==", "none")])
def test_library_must_have_one_version(project: Path, new: str, got: str) -> None:
    LOCK.write_text(LOCK.read_text().replace("\nnumpy==", f"\n{new}"))
    line = called(main, project, status=1)
    assert line.startswith("lock: requirements.lock: numpy: expected one version for every Python")
    assert f"got {got}." in line
