"""The notebook's test accuracies: one training per architecture, on all 60,000 training images."""

import hashlib

from stages.data.idx import as_idx
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Split

# Fashion-MNIST's test images and labels, as IDX files
TEST_SHA256 = (
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)
_WIDTH = {(2, 4): 0.8880, (5, 10): 0.9020, (8, 16): 0.9077, (10, 20): 0.9053, (15, 30): 0.1000}  # by filters
_DEPTH = {1: 0.8903, 2: 0.8620, 3: 0.8424, 4: 0.7616}  # by blocks

REFERENCE: list[tuple[Architecture, float]] = [
    (Architecture(filters=list(filters), blocks=1, pooling="max", dense_units=80, activation="sigmoid"), accuracy)
    for filters, accuracy in _WIDTH.items()
] + [
    (Architecture(filters=[6, 6], blocks=blocks, pooling="average", dense_units=84, activation="sigmoid"), accuracy)
    for blocks, accuracy in _DEPTH.items()
]

KIND = {"kernel_size", "pool_stride", "head", "normalization", "dropout", "activation"}  # common to all of REFERENCE


def is_of_the_notebooks_kind(architecture: Architecture, settings: Train, study: Train) -> bool:
    """Return whether the architecture differs from the notebook's in blocks, filters, pooling and dense units alone.

    `settings` are its training settings, `study` the section `train`. The notebook used one learning rate for all
    networks and no moving average of the weights.
    """
    alike = settings.ema_momentum == 0 and settings.learning_rate == study.learning_rate
    return alike and architecture.model_dump(include=KIND) == REFERENCE[0][0].model_dump(include=KIND)


def is_fashion_mnist(test: Split) -> bool:
    """Return whether these are the test images and labels of Fashion-MNIST, from any source."""
    return tuple(hashlib.sha256(as_idx(array)).hexdigest() for array in test) == TEST_SHA256


def reference_accuracy(architecture: Architecture) -> float | None:
    """Return the notebook's test accuracy of exactly this architecture on Fashion-MNIST, None if it has none."""
    return next((accuracy for known, accuracy in REFERENCE if known == architecture), None)
