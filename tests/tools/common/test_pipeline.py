"""The stages that may have to run, in their order."""

from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import run
from tools.common.pipeline import stages_to_run, stale_stages

PIPELINE = """
stages:
  last: {cmd: cat b c > d, deps: [b, c], outs: [d]}
  left: {cmd: cp a b, deps: [a], outs: [b]}
  right: {cmd: cp a c, deps: [a], outs: [c]}
  first: {cmd: echo 1 > a, outs: [a]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        run(*command, cwd=tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    return tmp_path


def test_stages_come_after_those_that_they_need_and_followers_of_a_changed_one_are_stale(project: Path) -> None:
    stale = stale_stages()
    assert stale == {"first": set(), "left": {"first"}, "right": {"first"}, "last": {"left", "right"}}
    assert (next(iter(stale)), list(stale)[-1]) == ("first", "last")
    assert stages_to_run() == stale.keys()
    run("dvc", "repro", cwd=project)
    assert stale_stages() == {}
    (project / "dvc.yaml").write_text(PIPELINE.replace("cp a c", "cp  a c"))
    assert stale_stages() == {"right": set(), "last": {"right"}}
    (project / "dvc.yaml").write_text(PIPELINE.replace("echo 1", "echo 2"))
    assert stale_stages() == {"first": set(), "left": {"first"}, "right": {"first"}, "last": {"left", "right"}}


def test_stage_whose_outputs_the_run_cache_has_does_not_run(project: Path) -> None:
    for spaces in ("  ", " "):
        run("dvc", "repro", cwd=project)
        (project / "dvc.yaml").write_text(PIPELINE.replace("cp a b", f"cp{spaces}a b"))
    assert stale_stages().keys() == {"left", "last"}
    assert stages_to_run() == set()


def test_pipeline_that_dvc_cannot_read_is_reported_in_one_line(project: Path) -> None:
    (project / "dvc.yaml").write_text("stages: [\n")
    with pytest.raises(InputError, match=r"^unable to read: 'dvc.yaml', YAML file structure is corrupted: [^\n]*$"):
        stale_stages()
