"""The versions that decide bytes, from requirements.lock into the files that stages depend on."""

import shutil
import sys
from pathlib import Path

import pytest

from stages.common import LIBRARIES, REPORT_LIBRARIES, SEARCH_LIBRARIES, read_libraries
from tests.conftest import ROOT, run
from tools.lock import LOCK, out_of_step


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Only what the tool reads."""
    for path in (LOCK, LIBRARIES, REPORT_LIBRARIES, SEARCH_LIBRARIES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    return tmp_path


def lock(project: Path, status: int = 0) -> str:
    """What the tool says, by a Python that has no package."""
    command = [sys.executable, "-S", "-m", "tools.lock"]
    return run("env", f"PYTHONPATH={ROOT}", *command, cwd=project, status=status)


def pin(project: Path, old: str, new: str) -> None:
    text = (project / LOCK).read_text()
    assert text.count(f"\n{old}") == 1
    (project / LOCK).write_text(text.replace(f"\n{old}", f"\n{new}"))


def test_committed_files_are_as_requirements_lock_and_one_version_for_every_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert out_of_step() == []
    assert {"tensorflow", "keras", "numpy", "ml-dtypes"} <= read_libraries(LIBRARIES).keys()


def test_other_versions_are_taken_over_and_nothing_else_changes(project: Path) -> None:
    before = {path: (project / path).read_text() for path in (LIBRARIES, REPORT_LIBRARIES)}
    numpy, ruff = (next(line for line in (project / LOCK).read_text().split() if line.startswith(f"{name}=="))
                   for name in ("numpy", "ruff"))  # fmt: skip
    pin(project, numpy, "numpy==9.8.7")
    pin(project, ruff, "ruff==9.8.7")
    assert lock(project) == ""
    assert (project / LIBRARIES).read_text() == before[LIBRARIES].replace(numpy, "numpy==9.8.7")
    assert (project / REPORT_LIBRARIES).read_text() == before[REPORT_LIBRARIES]


TWO = "numpy==1.2.3 ; python_full_version < '3.12'\nnumpy==9.8.7 ; python_full_version >= '3.12'\nother=="


@pytest.mark.parametrize(("new", "held"), [(TWO, "1.2.3 and 9.8.7"), ("other==", "no version")])
def test_library_must_have_one_version(project: Path, new: str, held: str) -> None:
    pin(project, "numpy==", new)
    line = lock(project, status=1)
    assert line.startswith(f"lock: requirements.lock: holds {held} of numpy, may hold one, the same for every Python")
    assert len(line.splitlines()) == 1
