"""The benchmark: that ways take turns, and that its table says what was measured."""

import pandas as pd
import pytest

from stages.data.holdout import read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.params import StudyArchitecture, load_params
from stages.training.dataset import Dataset
from tests.conftest import ROOT
from tools.measuring.benchmark import measure, measured_by, shortened
from tools.measuring.keras_ways import PIECES, SGEMM_SIDE
from tools.measuring.networks import OTHER_KINDS
from tools.measuring.tables import epoch_flops, pieces_summary, summary

SAMPLE = ROOT / "tests/sample"
NAMED = next(named for named in load_params().study_architectures() if named.name == "w2-4")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    parts = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS), read_split(SAMPLE, TEST_IMAGES, TEST_LABELS)
    return shortened(split(*parts, validation=0, seed=0), train=256, test=100)


@pytest.mark.slow
@pytest.mark.parametrize("named", [NAMED, OTHER_KINDS[1]], ids=["studied", "another kind"])
def test_every_way_trains_an_epoch_a_round(dataset: Dataset, named: StudyArchitecture) -> None:
    """Every way is a process of its own that trains two epochs, as the benchmark's are."""
    ways = ["ours", "stock", "notebook", *(piece.__name__ for piece in PIECES), "sgemm"]
    times = measure(named, dataset, 1, load_params().train, ways)
    ways.remove("notebook")  # whose epochs come first, in one go
    in_order = [(0, "notebook"), (1, "notebook"), *((k, way) for k in (0, 1) for way in ways)]
    assert list(zip(times["round"], times["way"], strict=True)) == in_order
    assert (times["seconds"] > 0).all()
    assert (times["peak_bytes"] > 100e6).all()


def test_way_that_fails_is_named(dataset: Dataset) -> None:
    impossible = NAMED._replace(architecture=NAMED.architecture.model_copy(update={"blocks": 9}))
    with pytest.raises(ChildProcessError, match="ours ended; its own error is above"):
        measure(impossible, dataset, 1, load_params().train, ["ours"])


def table_of(seconds: dict[str, list[float]], first: float) -> pd.DataFrame:
    """What `measure` gives: of every way a first epoch, then these."""
    rows = [(NAMED.name, k, way, [first, *times][k], 2**30) for way, times in seconds.items() for k in range(4)]
    return pd.DataFrame(rows, columns=["architecture", "round", "way", "seconds", "peak_bytes"])


def test_table_of_pieces_gives_the_ratio_to_all_of_them(dataset: Dataset) -> None:
    seconds = {"ours": [1.0, 1.0, 1.0], "sgemm": [1.0, 1.0, 1.0]}
    seconds |= {piece.__name__: [1.0 + k, 1.0 + k, 9.0] for k, piece in enumerate(PIECES)}
    row, _ = pieces_summary(table_of(seconds, first=50.0), [NAMED]).to_dict("records")
    assert row == {
        "architecture": "w2-4",
        "without convolution / ours": "1.00",
        "without pooling / ours": "2.00",
        "without adam / ours": "3.00",
        "without shards / ours": "4.00",
    }


def test_images_are_those_that_there_are_and_not_those_that_were_asked_for(dataset: Dataset) -> None:
    times = table_of({"ours": [1.0, 1.0, 1.0], "sgemm": [2 * SGEMM_SIDE**3 / 5e9] * 3}, first=1.0)
    about = measured_by(load_params().train, shortened(dataset, train=60_000, test=10_000), times)
    assert about["epoch"] == "256 images and an evaluation of 100; 3 rounds"
    assert about["sgemm"] == f"5 GFLOP/s on {load_params().train.threads} threads"


def test_table_gives_medians_and_the_ratios_round_by_round(dataset: Dataset) -> None:
    rate = epoch_flops(NAMED, dataset) / 0.5  # operations a second at which an epoch takes half a second
    seconds = {
        "ours": [1.0, 2.0, 4.0],
        "stock": [2.0, 3.0, 8.0],
        "notebook": [4.0, 4.0, 4.0],
        "torch_eager": [9.0, 9.0, 9.0],
        "torch_compiled": [3.0, 2.0, 2.0],
        "sgemm": [2 * SGEMM_SIDE**3 / rate] * 3,
    }
    row, mean = summary(table_of(seconds, first=10.0), [NAMED], dataset, epochs=20).to_dict("records")
    assert row == {
        "architecture": "w2-4",
        "ours, s an epoch": "2.00",
        "stock, s": "3.00",
        "stock / ours": "2.00",
        "notebook, s": "4.00",
        "notebook / ours": "2.00",
        "notebook / ours, 20 epochs": "1.79",  # (10 + 19 x 4) / (10 + 19 x 2)
        "PyTorch's best, s": "2.00 (compiled)",
        "PyTorch / ours": "1.00",
        "share of the floor": "25%",
        "peak memory, ours and stock, GB": "1.00, 1.00",
    }
    assert (mean["architecture"], mean["stock / ours"]) == ("geometric mean", "2.00")
