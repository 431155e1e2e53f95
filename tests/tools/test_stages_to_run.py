"""The stages that have to run."""

from pathlib import Path

import pytest

from tests.conftest import run
from tools.pipeline import stages_to_run

PIPELINE = """
stages:
  last: {cmd: cat b c > d, deps: [b, c], outs: [d]}
  left: {cmd: cp a b, deps: [a], outs: [b]}
  right: {cmd: cp a c, deps: [a], outs: [c]}
  first: {cmd: echo 1 > a, params: [n], outs: [a]}
"""


@pytest.fixture
def project(folder: Path) -> Path:
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        run(*command, cwd=folder)
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "params.yaml").write_text("n: 1")
    return folder


def test_changed_stages_run_unless_the_run_cache_has_them(project: Path) -> None:
    assert stages_to_run() == {"first", "left", "right", "last"}
    run("dvc", "repro", cwd=project)
    assert stages_to_run() == set()
    (project / "dvc.yaml").write_text(PIPELINE.replace("cp a c", "cp  a c"))
    assert stages_to_run() == {"right"}
    run("dvc", "repro", cwd=project)
    (project / "dvc.yaml").write_text(PIPELINE)
    assert stages_to_run() == set()
    (project / "params.yaml").write_text("n: 2")
    assert stages_to_run() == {"first"}
    (project / "params.yaml").write_text("n: 1")
    assert stages_to_run() == set()
