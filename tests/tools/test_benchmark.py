"""The benchmark: the ways take turns, and the table says what was measured."""

import re
from pathlib import Path

import pandas as pd
import pytest

from stages.common import InputError
from stages.data.holdout import read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.params import load_params
from stages.training.dataset import Dataset, Split
from tests.conftest import ROOT, commit, run
from tools.benchmark import machine, measure, summarize

SAMPLE = ROOT / "tests/sample"
PARAMS = load_params()
NAMED = next(named for named in PARAMS.architectures() if named.name == "w2-4")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    parts = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS), read_split(SAMPLE, TEST_IMAGES, TEST_LABELS)
    whole = split(*parts, validation=0, seed=0)
    test = Split(*(array[:100] for array in whole.test))
    return Dataset(Split(*(array[:256] for array in whole.train)), test, test)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_every_way_trains_an_epoch_per_round(dataset: Dataset, normalization: str) -> None:
    """Every way is a process of its own, as in the benchmark."""
    named = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"normalization": normalization}))
    times = measure(named, dataset, 1, PARAMS.train, ["ours", "stock Keras", "notebook"])
    in_order = [(0, "notebook"), (1, "notebook"), *((k, way) for k in (0, 1) for way in ("ours", "stock Keras"))]
    assert list(zip(times["round"], times["way"], strict=True)) == in_order
    assert (times["seconds"] > 0).all()


def test_way_that_fails_is_named(dataset: Dataset) -> None:
    impossible = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"blocks": 9}))
    with pytest.raises(InputError, match="ours: the process ended; its own error is above"):
        measure(impossible, dataset, 1, PARAMS.train, ["ours"])


def test_table_has_medians_and_the_ratios_of_one_round() -> None:
    seconds = {"stock Keras": [9.0, 2.0, 3.0, 8.0], "ours": [6.0, 1.0, 2.0, 4.0]}
    rows = [
        (name, way, k, factor * seconds[way][k])
        for name, factor in (("a", 1), ("b", 10))
        for way in seconds
        for k in range(4)
    ]
    rows[3] = ("a", "stock Keras", 3, 16.0)
    table = summarize(pd.DataFrame(rows, columns=["architecture", "way", "round", "seconds"]))
    assert [re.sub(" +", " ", line) for line in table.splitlines()[2:]] == [
        "| a | ours | 6.00 | 2.00 | 1.00 | 1.00 to 1.00 |",
        "| a | stock Keras | 9.00 | 3.00 | 2.00 | 1.50 to 4.00 |",
        "| b | ours | 60.00 | 20.00 | 1.00 | 1.00 to 1.00 |",
        "| b | stock Keras | 90.00 | 30.00 | 2.00 | 1.50 to 2.00 |",
        "| geometric mean | ours | | | 1.00 | |",
        "| geometric mean | stock Keras | | | 2.00 | |",
    ]


def test_revision_says_what_else_decided_a_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("git", "init", "--quiet", cwd=tmp_path)
    for name in ("params.yaml", "dvc.lock", "records/study/README.md", "stages/train.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    commit(tmp_path, "All")
    committed = run("git", "rev-parse", "--short", "HEAD", cwd=tmp_path).strip()
    monkeypatch.chdir(tmp_path)
    for changed, suffix in {
        "dvc.lock": "",
        "records/study/README.md": "",
        "params.yaml": ", with another params.yaml",
        "stages/train.py": "-dirty",
    }.items():
        (tmp_path / changed).write_text("changed")
        assert machine()["revision"] == committed + suffix
