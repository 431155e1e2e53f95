"""No key of params.yaml that a stage does not list changes a byte of it; test_aggregate.py tries `aggregate`."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml, yaml_text
from tests.conftest import ROOT, run

PARAMS: dict[str, Any] = read_yaml(
    """
data: {source: sample, validation: 100, seed: 0}
train: {epochs: 1, batch_size: 128, learning_rate: 0.001, threads: 2, seeds: [0]}
width: &architecture {filters: [2, 4], blocks: 1, pooling: max, dense_units: 8, activation: sigmoid}
depth: *architecture
study: {width: {w2-4: [2, 4]}, depth: [1]}
""",
    "params.yaml",
)
OTHER: dict[str, Any] = read_yaml(
    """
data: {source: another, validation: 200, seed: 1}
train: {epochs: 3, batch_size: 64, learning_rate: 0.01, threads: 1, ema_momentum: 0.5, seeds: [5, 6]}
width: &architecture {filters: [3, 5], blocks: 2, kernel_size: 3, pooling: average, pool_stride: 2,
  head: global_average, dense_units: null, activation: relu, normalization: batch, dropout: 0.5}
depth: *architecture
study: {width: {w9-9: [9, 9]}, depth: [1, 2], custom: {mine: *architecture}}
""",
    "params.yaml",
)
OTHER["search"] = read_yaml((ROOT / "params.yaml").read_text(), "params.yaml")["search"]


def listed_alone(params: list[str]) -> dict[str, Any]:
    """Return OTHER with the keys that a stage lists as PARAMS has them."""
    mixed: dict[str, Any] = {section: dict(content) for section, content in OTHER.items()}
    for key in params:
        section, _, rest = key.replace("${item}", "width").partition(".")
        if rest:
            mixed[section][rest] = PARAMS[section][rest]
        else:
            mixed[section] = PARAMS[section]
    return mixed


def run_stages(place: Path, params: list[dict[str, Any]]) -> None:
    """Run fetch, prepare and a training in a new folder, each with its own params.yaml."""
    place.mkdir()
    (place / "stages").symlink_to(ROOT / "stages")
    for source in ("sample", "another"):
        shutil.copytree(ROOT / "tests/sample", place / source)
    for command, content in zip(("stages.fetch", "stages.prepare", "stages.train width"), params, strict=True):
        (place / "params.yaml").write_text(yaml_text(content))
        run(sys.executable, "-m", *command.split(), cwd=place)


@pytest.mark.slow
def test_keys_that_a_stage_does_not_list_change_no_byte(tmp_path: Path) -> None:
    """One training of one epoch on either side, as a cheaper one could not show the section `train`."""
    stages = read_yaml((ROOT / "dvc.yaml").read_text(), "dvc.yaml")["stages"]
    listed = [stages["fetch"]["params"], stages["prepare"]["params"], stages["train"]["do"]["params"]]
    run_stages(tmp_path / "plain", [PARAMS] * 3)
    run_stages(tmp_path / "other", [listed_alone(params) for params in listed])
    for folder in ("data/raw", "data", "data/models/width"):
        plain, other = (
            {path.name: path.read_bytes() for path in (tmp_path / side / folder).iterdir() if path.is_file()}
            for side in ("plain", "other")
        )
        assert plain
        assert plain == other
