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

PARAMS = load_params()
NAMED = next(named for named in PARAMS.architectures() if named.name == "w2-4")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    sample = ROOT / "tests/sample"
    parts = read_split(sample, TRAIN_IMAGES, TRAIN_LABELS), read_split(sample, TEST_IMAGES, TEST_LABELS)
    whole = split(*parts, validation=0, seed=0)
    test = Split(*(array[:100] for array in whole.test))
    return Dataset(Split(*(array[:256] for array in whole.train)), test, test)


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["none", "batch"])
def test_ways_take_turns(dataset: Dataset, normalization: str) -> None:
    """Every way is a process of its own, as in the benchmark."""
    named = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"normalization": normalization}))
    ways = ["ours", "stock Keras", "notebook"]
    times = measure(named, dataset, 2, PARAMS.train, ways)
    assert list(times["way"]) == 2 * ways
    assert (times[["first", "later"]] > 0).all(axis=None)


def test_way_that_fails_is_named(dataset: Dataset) -> None:
    impossible = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"blocks": 9}))
    with pytest.raises(InputError, match=r"^w2-4, ours: .*size"):
        measure(impossible, dataset, 1, PARAMS.train, ["ours"])


def test_table_has_medians_and_the_ratios_of_one_round() -> None:
    later = {"stock Keras": [2.0, 3.0, 8.0], "ours": [1.0, 2.0, 4.0]}
    rows = [
        (name, way, 9 * factor, factor * later[way][k])
        for name, factor in (("a", 1), ("b", 10))
        for k in range(3)
        for way in later
    ]
    rows[4] = ("a", "stock Keras", 9, 16.0)
    table = summarize(pd.DataFrame(rows, columns=["architecture", "way", "first", "later"]))
    assert [re.sub(" +", " ", line) for line in table.splitlines()[2:]] == [
        "| a | stock Keras | 9.00 | 3.00 | 2.00 | 1.50 | 4.00 |",
        "| a | ours | 9.00 | 2.00 | 1.00 | 1.00 | 1.00 |",
        "| b | stock Keras | 90.00 | 30.00 | 2.00 | 1.50 | 2.00 |",
        "| b | ours | 90.00 | 20.00 | 1.00 | 1.00 | 1.00 |",
        "| geometric mean | stock Keras | | | 2.00 | | |",
        "| geometric mean | ours | | | 1.00 | | |",
    ]


def test_revision_says_what_else_decided_a_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("git", "init", "--quiet", cwd=tmp_path)
    suffixes = {"dvc.lock": "", "params.yaml": ", with another params.yaml", "stages/train.py": "-dirty"}
    (tmp_path / "stages").mkdir()
    for name in suffixes:
        (tmp_path / name).write_text("")
    commit(tmp_path, "All")
    committed = run("git", "rev-parse", "--short", "HEAD", cwd=tmp_path).strip()
    monkeypatch.chdir(tmp_path)
    for changed, suffix in suffixes.items():
        (tmp_path / changed).write_text("changed")
        assert machine()["revision"] == committed + suffix
