"""A small search on the sample."""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import STORE, commit, documented, made_once, run

OUTPUTS = ("metrics/search.json", "plots/search_front.png", "plots/search_progress.png", "plots/search_trials.csv")
SEARCH: dict[str, Any] = {
    "trials": 4,
    "generation": 2,
    "epochs": [2, 3],
    "keep": 0.5,
    "budgets": {"small": 3000, "large": 400_000},
    "space": {
        "filters": {"low": 4, "high": 12},
        "blocks": [1, 2],
        "kernel": [3],
        "pooling": ["max"],
        "stride": [2],
        "head": ["average", "dense"],
        "dense_units": [16],
        "activation": ["relu"],
        "normalization": ["none", "batch"],
        "learning_rate": [0.002, 0.004],
        "average": [0.9],
    },
}


def write_params(project: Path, **search: Any) -> None:
    """The small search on the sample, with these keys of its own."""
    path = project / "params.yaml"
    content = read_yaml(path.read_text(), "params.yaml")
    content["data"] |= {"source": "tests/sample", "validation": 100}
    content["train"] |= {"batch_size": 20, "threads": 1, "epochs": 3}
    content["search"] |= SEARCH | search
    path.write_text(yaml_text(content))


def search(project: Path, jobs: int, status: int = 0) -> str:
    command = ["env", f"JOBS={jobs}", sys.executable, "-m", "stages.search"]
    return run(*command, cwd=project, status=status)


def written(project: Path) -> dict[str, str]:
    return {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in OUTPUTS}


def rows(project: Path) -> list[str]:
    return (project / "plots/search_trials.csv").read_text().splitlines()[1:]


def states(project: Path) -> dict[str, int]:
    """When every kept state was written, by its place."""
    return {str(path): path.stat().st_mtime_ns for path in (project / STORE).glob("*/epoch-*.npz")}


@pytest.fixture(scope="session")
def searched(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose search has ended, by the documented command. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(fresh, place, dirs_exist_ok=True, symlinks=True)
        write_params(place)
        (place / "search/dvc.lock").unlink(missing_ok=True)
        (place / "search.log").write_text(run(*documented("make search"), cwd=place))
        commit(place, "A search")

    return made_once(tmp_path_factory, "searched", make)


@pytest.fixture
def project(searched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(searched, tmp_path / "searched", symlinks=True))
