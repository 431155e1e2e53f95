"""Trainings by other libraries than the committed ones do not begin; what a result follows from is among those."""

import re
import shutil
from collections.abc import Callable
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from stages.common import LIBRARIES, REPORT_LIBRARIES, InputError, read_libraries
from tests.conftest import MODELS, ROOT, contents, training
from tests.imports import reached
from tests.test_dependencies import imported
from tests.test_reliability import one_line

CHECKS = "it reads params.yaml, whose values are parameters"
NOT_DECIDING = {
    "pydantic": CHECKS,
    "pydantic-core": CHECKS,
    "ruamel-yaml": CHECKS,
    "tqdm": "display",
    "pandas": "it finds images that are equal",  # of prepare and train alone
    "dvc": "it tells where trainings are kept",  # likewise
}


@pytest.fixture
def other(tmp_path: Path) -> Callable[[str, str], str]:
    """Gives the assignment with which a library is of another version, by what its installation says."""

    def install(name: str, version: str) -> str:
        info = tmp_path / f"packages/{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        return f"PYTHONPATH={tmp_path / 'packages'}"

    return install


@pytest.mark.parametrize("name", ["tensorflow", "keras", "numpy", "ml-dtypes", "h5py"])
def test_training_by_another_version_is_refused_with_both_and_removes_nothing(
    small: Path, name: str, other: Callable[[str, str], str]
) -> None:
    before = contents(small / MODELS / "w2-4")
    committed = read_libraries(small / LIBRARIES)[name]
    line = one_line(small, "env", other(name, "9.8.7"), *training("w2-4"))
    assert line.startswith(
        f"train: {name} is 9.8.7 here, {committed} in {LIBRARIES}; results follow from them, and `make setup` brings "
        "the committed ones (back to what is committed, params.yaml too: rm -f params.yaml && "
    )
    assert contents(small / MODELS / "w2-4") == before


@pytest.mark.parametrize(
    ("stage", "name"), [("prepare", "numpy"), ("aggregate", "numpy"), ("aggregate", "pillow"), ("aggregate", "scipy")]
)
def test_other_stages_refuse_it_too(small: Path, stage: str, name: str, other: Callable[[str, str], str]) -> None:
    line = one_line(small, "env", other(name, "9.8.7"), "python", "-m", f"stages.{stage}")
    assert line.startswith(f"{stage}: {name} is 9.8.7 here, ")


def test_training_by_a_library_from_elsewhere_than_its_installation_is_refused(small: Path, tmp_path: Path) -> None:
    before = contents(small / MODELS / "w2-4")
    found = find_spec("ml_dtypes")
    assert found
    assert found.origin
    copy = Path(shutil.copytree(Path(found.origin).parent, tmp_path / "packages/ml_dtypes"))
    text = (copy / "__init__.py").read_text()
    (copy / "__init__.py").write_text(re.sub(r'(__version__ = )"[^"]+"', r'\1"9.8.7"', text))
    line = one_line(small, "env", f"PYTHONPATH={copy.parent}", *training("w2-4"))
    assert line.startswith("train: ml-dtypes is 9.8.7 here, ")
    assert contents(small / MODELS / "w2-4") == before


def test_line_that_is_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libraries.txt").write_text("numpy==2.4.6\nkeras>=3\n")
    with pytest.raises(InputError, match=r"libraries\.txt: holds 'keras>=3', a line may hold NAME==VERSION"):
        read_libraries(tmp_path / "libraries.txt")


@pytest.mark.parametrize(
    ("command", "files"),
    [("prepare", [LIBRARIES]), ("train", [LIBRARIES]), ("aggregate", [LIBRARIES, REPORT_LIBRARIES])],
)
def test_what_a_stage_imports_is_among_its_libraries_or_decides_nothing(command: str, files: list[Path]) -> None:
    known = packages_distributions()
    used = set().union(*(imported(ROOT / path, known) for path in reached(f"stages/{command}.py")))
    listed = set().union(*(read_libraries(ROOT / path) for path in files))
    assert used - listed - NOT_DECIDING.keys() == set()
