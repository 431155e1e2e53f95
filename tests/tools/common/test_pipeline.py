"""The stages that may have to run, in their order."""

import shutil
from pathlib import Path

import pytest

from stages.common import InputError
from tools.common.pipeline import stale_stages

PIPELINE = """
stages:
  last: {cmd: "true", deps: [b, c]}
  left: {cmd: touch b, deps: [a], outs: [b]}
  right: {cmd: touch c, deps: [a], outs: [c]}
  first: {cmd: touch a, outs: [a]}
"""


@pytest.fixture
def project(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    (project / "dvc.lock").unlink()
    (project / "dvc.yaml").write_text(PIPELINE)
    monkeypatch.chdir(project)
    return project


@pytest.mark.usefixtures("project")
def test_stages_come_after_those_that_they_need() -> None:
    stale = stale_stages()
    assert stale == {"first": set(), "left": {"first"}, "right": {"first"}, "last": {"left", "right"}}
    assert (next(iter(stale)), list(stale)[-1]) == ("first", "last")


def test_pipeline_that_dvc_cannot_read_is_told_in_one_line(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: [\n")
    with pytest.raises(InputError, match=r"^unable to read: 'dvc.yaml', YAML file structure is corrupted: [^\n]*$"):
        stale_stages()
