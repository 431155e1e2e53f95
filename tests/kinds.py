"""Architectures of every kind that params.yaml can describe, each small, and the sample of real images for them."""

from functools import cache
from pathlib import Path

from stages.data.holdout import read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.params import load_params
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset

STUDIED = {
    described.name: described.architecture for described in load_params().architectures() if not described.is_baseline
}
SETTINGS = Train(epochs=3, batch_size=128, learning_rate=0.001, threads=2, seeds=[0])
SMALL = Architecture(filters=[2, 4], blocks=1, pooling="max", dense_units=8, activation="relu")
PLAIN = SMALL.model_copy(update={"blocks": 2})


def kind(**keys: object) -> Architecture:
    """Return PLAIN with other values of these keys."""
    return Architecture.model_validate(PLAIN.model_dump() | keys)


AVERAGE_HEAD = {"head": "global_average", "dense_units": None}
KINDS = {
    "blocks": kind(filters=[2, 4, 9, 8]),
    "kernel": kind(kernel_size=3),
    "average": kind(**AVERAGE_HEAD),
    "stride": kind(pool_stride=2),
    "stride-average": kind(pool_stride=2, pooling="average", **AVERAGE_HEAD),
    "normalization": kind(normalization="batch"),
    "dropout": kind(dropout=0.3),
    "all": kind(
        filters=[2, 4, 9, 8],
        kernel_size=3,
        pool_stride=2,
        normalization="batch",
        dropout=0.3,
        activation="sigmoid",
        **AVERAGE_HEAD,
    ),
}


@cache
def sample() -> Dataset:
    """Return the 1,200 real images that are committed: 900 for training, 100 for validation, 200 for the test."""
    folder = Path(__file__).parent / "sample"
    train, test = read_split(folder, TRAIN_IMAGES, TRAIN_LABELS), read_split(folder, TEST_IMAGES, TEST_LABELS)
    return split(train, test, validation=100, seed=0)
