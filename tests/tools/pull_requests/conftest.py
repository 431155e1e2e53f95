"""The repository on a branch of main, with its committed results, for reports on what the branch changes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import give_environment, run


@pytest.fixture
def project(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository with its committed results, on a branch of main."""
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    run("git", "checkout", "--quiet", "-b", "branch", cwd=project)
    monkeypatch.chdir(project)
    return project


def clone_of(project: Path, *options: str) -> Path:
    """A clone as a runner has it, without data and without a cache."""
    clone = project.parent / "clone"
    run("git", "clone", "--quiet", *options, f"file://{project}", str(clone), cwd=project.parent)
    give_environment(clone)
    return clone


def edit_json(path: Path, *keys: str, value: Any) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content))


def number(value: float, sign: str = "") -> str:
    return f"{value:{sign}d}" if isinstance(value, int) else f"{value:{sign}.6f}".rstrip("0").rstrip(".")
