"""Networks unlike the study's: halved ones of three sizes, and the study's (5, 10); all normalized."""

from stages.params import StudyArchitecture
from stages.training.architecture import Architecture


def _halved(name: str, filters: list[int], dropout: float) -> StudyArchitecture:
    architecture = Architecture(
        filters=filters,
        blocks=3,
        kernel_size=3,
        pooling="max",
        stride=2,
        head="global_average",
        activation="relu",
        normalization="batch",
        dropout=dropout,
    )
    return StudyArchitecture(name, "width", name, architecture)


OTHER_KINDS = [
    _halved("halved-13k", [8, 8, 16, 16, 24, 24], 0.0),
    _halved("halved-55k", [12, 16, 24, 32, 48, 64], 0.1),
    _halved("halved-90k", [16, 24, 32, 48, 64, 64], 0.1),
    StudyArchitecture(
        "normalized-5-10",
        "width",
        "normalized-5-10",
        Architecture(
            filters=[5, 10],
            blocks=1,
            pooling="max",
            dense_units=80,
            activation="sigmoid",
            normalization="batch",
        ),
    ),
]
