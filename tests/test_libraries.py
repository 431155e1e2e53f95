"""Each stage refuses other versions than the committed ones, which name every library that decides a result."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.common import LIBRARIES, REPORT_LIBRARIES, SEARCH_LIBRARIES, InputError, check_libraries, read_libraries
from tests.conftest import ROOT, run
from tests.imports import modules, reached

KNOWN = packages_distributions()
# They read params.yaml, print, find equal images or the checkpoints: no result follows from them
NOT_DECIDING = {"pydantic", "pydantic-core", "ruamel-yaml", "rich", "tqdm", "pandas", "dask", "dvc"}


@pytest.mark.parametrize(
    ("stage", "name", "path"),
    [
        ("prepare", "numpy", LIBRARIES), ("train w2-4", "keras", LIBRARIES), ("aggregate", "pillow", REPORT_LIBRARIES),
        ("search", "optuna", SEARCH_LIBRARIES),
    ],
)  # fmt: skip
def test_stage_refuses_another_version_before_it_does_anything(
    tmp_path: Path, stage: str, name: str, path: Path
) -> None:
    info = tmp_path / f"packages/{name}-9.8.7.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.8.7\n")
    project = tmp_path / "project"
    project.mkdir()
    for file in ("stages", "params.yaml"):
        (project / file).symlink_to(ROOT / file)
    module, *arguments = stage.split()
    command = [sys.executable, "-m", f"stages.{module}", *arguments]
    (line,) = run(*command, cwd=project, status=1, PYTHONPATH=str(info.parent)).splitlines()
    version = read_libraries(ROOT / path)[name]
    assert line.startswith(f"{module}: {path}: {name}: expected {version}, got 9.8.7. Results depend on these")
    assert {file.name for file in project.iterdir()} == {"stages", "params.yaml"}


def test_library_that_is_imported_from_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setitem(sys.modules, "ml_dtypes", SimpleNamespace(__version__="9.8.7"))
    with pytest.raises(InputError, match=r"ml-dtypes: expected [\d.]+, got 9\.8\.7\. Results"):
        check_libraries()


def test_line_that_is_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libraries.txt").write_text("numpy==2.4.6\nkeras>=3\n")
    with pytest.raises(InputError, match=r"libraries\.txt: expected NAME==VERSION, got 'keras>=3'"):
        read_libraries(tmp_path / "libraries.txt")


def imported(file: str) -> set[str]:
    """Return the distributions that the file imports, also inside functions."""
    others = {module.partition(".")[0] for module in modules(file)} - sys.stdlib_module_names - {"stages"}
    return {re.sub(r"[-_.]+", "-", KNOWN[module][0]).lower() for module in others}


@pytest.mark.parametrize(
    ("command", "files"),
    [("prepare", [LIBRARIES]), ("train", [LIBRARIES]), ("aggregate", [LIBRARIES, REPORT_LIBRARIES])],
)
def test_libraries_that_a_stage_imports_are_committed_or_decide_nothing(command: str, files: list[Path]) -> None:
    used = set().union(*(imported(path) for path in reached(f"stages/{command}.py")))
    listed = set().union(*(read_libraries(ROOT / path) for path in files))
    assert used - listed - NOT_DECIDING == set()
