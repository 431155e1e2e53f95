"""Architectures of every kind that params.yaml can ask for, each small."""

from stages.training.architecture import Architecture

PLAIN = Architecture(filters=[2, 4], blocks=2, pooling="max", dense_units=8, activation="relu")


def kind(**keys: object) -> Architecture:
    """The small one with other values of these keys."""
    return Architecture.model_validate(PLAIN.model_dump() | keys)


AVERAGE_HEAD = {"head": "average", "dense_units": None}
KINDS = {
    "blocks": kind(filters=[2, 4, 9, 8]),
    "kernel": kind(kernel_size=3),
    "average": kind(**AVERAGE_HEAD),
    "stride": kind(stride=2),
    "stride-average": kind(stride=2, pooling="average", **AVERAGE_HEAD),
    "normalization": kind(normalization="batch"),
    "dropout": kind(dropout=0.3),
    "all": kind(
        filters=[2, 4, 9, 8],
        kernel_size=3,
        stride=2,
        normalization="batch",
        dropout=0.3,
        activation="sigmoid",
        **AVERAGE_HEAD,
    ),
}
