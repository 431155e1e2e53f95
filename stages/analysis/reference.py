"""What the notebook that this study re-creates measured: one training each, on all 60,000 training images."""

from stages.network.architecture import Architecture
from stages.params import FASHION_MNIST

_WIDTH = {(2, 4): 0.8880, (5, 10): 0.9020, (8, 16): 0.9077, (10, 20): 0.9053, (15, 30): 0.1000}  # by filters
_DEPTH = {1: 0.8903, 2: 0.8620, 3: 0.8424, 4: 0.7616}  # by blocks

REFERENCE: list[tuple[Architecture, float]] = [
    (Architecture(filters=list(filters), blocks=1, pooling="max", dense_units=80, activation="sigmoid"), accuracy)
    for filters, accuracy in _WIDTH.items()
] + [
    (Architecture(filters=[6, 6], blocks=blocks, pooling="average", dense_units=84, activation="sigmoid"), accuracy)
    for blocks, accuracy in _DEPTH.items()
]


def reference_accuracy(architecture: Architecture, source: str) -> float | None:
    """The notebook's test accuracy of this very architecture; None if it had none, or for other data."""
    if source != FASHION_MNIST:
        return None
    return next((accuracy for known, accuracy in REFERENCE if known == architecture), None)
