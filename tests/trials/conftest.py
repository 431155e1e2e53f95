"""A small search on the sample."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import STORE, commit, documented, made_once, run

OUTPUTS = ("metrics/search.json", "plots/search_front.png", "plots/search_progress.png", "plots/search_trials.csv")
SEARCH: dict[str, Any] = read_yaml(
    """
trials: 4
trials_per_round: 2
rungs: [2, 3]
budgets: {small: 3000, large: 400_000}
space: {filters: {low: 4, high: 12}, blocks: [1, 2], dense_units: [16], normalization: [none, batch]}
""",
    "search",
)


def write_params(project: Path, **search: Any) -> None:
    """Write the small search on the sample, with these keys changed."""
    path = project / "params.yaml"
    content = read_yaml(path.read_text(), "params.yaml")
    content["data"] |= {"source": "tests/sample", "validation": 100}
    content["train"] |= {"batch_size": 20, "threads": 1, "epochs": 3}
    content["search"] |= SEARCH | {"space": content["search"]["space"] | SEARCH["space"]} | search
    path.write_text(yaml_text(content))


def written(project: Path) -> dict[str, str]:
    return {name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in OUTPUTS}


def rows(project: Path) -> list[str]:
    return (project / "plots/search_trials.csv").read_text().splitlines()[1:]


def checkpoints(project: Path) -> dict[str, int]:
    """Return when each checkpoint of a finished training was written, by its path."""
    return {str(path): path.stat().st_mtime_ns for path in (project / STORE).glob("*/epoch-*.npz")}


@pytest.fixture(scope="session")
def searched(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose search has ended, by the documented command. Copy it before writing to it."""

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
