"""The benchmark: the ways take turns, and the table says what was measured."""

import re
from pathlib import Path

import pandas as pd
import pytest

from stages.common import InputError
from stages.params import load_params
from tests.conftest import make_repository, run
from tools.benchmark import machine, measure, read_images, summarize

PARAMS = load_params()
NAMED = next(named for named in PARAMS.architectures() if named.name == "w2-4")
COLOUR = (28, 28, 3)


@pytest.mark.slow
def test_ways_take_turns_on_images_of_a_given_shape() -> None:
    """Every way is a process of its own, as in the benchmark."""
    named = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"normalization": "batch"}))
    ways = ["ours", "stock Keras", "notebook"]
    times = measure(named, read_images(256, COLOUR), 2, PARAMS.train, ways)
    assert list(times["way"]) == 2 * ways
    seconds = times["epoch, s"].to_numpy().reshape(2, 3)
    assert times["epoch / ours"].tolist() == (seconds / seconds[:, :1]).ravel().tolist()


def test_way_that_fails_is_named() -> None:
    impossible = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"blocks": 9}))
    with pytest.raises(InputError, match=r"^w2-4, ours: .*size"):
        measure(impossible, read_images(100, COLOUR), 1, PARAMS.train, ["ours"])


def test_table_has_medians_of_the_rounds_and_the_geometric_mean_of_ratios() -> None:
    ratios = {"ours": [1.0, 1.0, 1.0], "stock Keras": [1.5, 2.0, 4.0]}
    rows = [
        (name, way, 9.0, [1.0, 2.0, 6.0][k], ratios[way][k] * (factor if way != "ours" else 1))
        for name, factor in (("b", 1), ("a", 4))
        for k in range(3)
        for way in ratios
    ]
    table = summarize(pd.DataFrame(rows, columns=["architecture", "way", "first epoch, s", "epoch, s", "epoch / ours"]))
    assert [re.sub(" +", " ", line) for line in table.splitlines()[2:]] == [
        "| b | ours | 9.00 | 2.00 | 1.00 | 1.00 | 1.00 |",
        "| b | stock Keras | 9.00 | 2.00 | 2.00 | 1.50 | 4.00 |",
        "| a | ours | 9.00 | 2.00 | 1.00 | 1.00 | 1.00 |",
        "| a | stock Keras | 9.00 | 2.00 | 8.00 | 6.00 | 16.00 |",
        "| geometric mean | ours | | | 1.00 | | |",
        "| geometric mean | stock Keras | | | 4.00 | | |",
    ]


def test_revision_names_changed_files_that_a_measurement_depends_on(folder: Path) -> None:
    revisions = {"dvc.lock": "", "params.yaml": ", with another params.yaml"}
    for name in revisions:
        (folder / name).write_text("")
    make_repository(folder)
    committed = run("git", "rev-parse", "--short", "HEAD", cwd=folder).strip()
    for changed, suffix in revisions.items():
        (folder / changed).write_text("changed")
        assert machine().endswith(f"\n- revision: {committed}{suffix}")
