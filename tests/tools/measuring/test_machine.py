"""What a measurement belongs to."""

from pathlib import Path

import pytest

from tests.conftest import commit, run
from tools.measuring.machine import machine


def test_revision_tells_what_else_decided_a_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("git", "init", "--quiet", cwd=tmp_path)
    for name in ("params.yaml", "dvc.lock", "search/dvc.lock", "records/study/README.md", "stages/train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    commit(tmp_path, "All")
    committed = run("git", "rev-parse", "--short", "HEAD", cwd=tmp_path).strip()
    monkeypatch.chdir(tmp_path)
    assert machine()["revision"] == committed
    for changed, revision in {
        "dvc.lock": committed,
        "search/dvc.lock": committed,
        "records/study/README.md": committed,
        "params.yaml": f"{committed}, with another params.yaml",
        "stages/train.py": f"{committed}-dirty",
    }.items():
        (tmp_path / changed).write_text("changed")
        assert machine()["revision"] == revision
