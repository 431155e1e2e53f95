"""Made-up trials, and a small space."""

from typing import Any

from stages.params import Search
from stages.training.architecture import CustomArchitecture
from stages.trials.proposals import Images
from stages.trials.trial import Rung, Trial

IMAGES = Images((28, 28), 10)
SPACE: dict[str, Any] = {
    "filters": {"low": 2, "high": 64},
    "blocks": {"low": 1, "high": 4},
    "kernel": [3, 5],
    "pooling": ["max", "average"],
    "stride": [1, 2],
    "head": ["dense", "average"],
    "dense_units": {"low": 8, "high": 128},
    "activation": ["relu", "sigmoid"],
    "normalization": ["none", "batch"],
    "dropout": {"low": 0, "high": 0.3, "step": 0.1},
    "learning_rate": {"low": 0.001, "high": 0.01},
    "average": [0, 0.998],
}
SEARCH: dict[str, Any] = {
    "trials": 16,
    "generation": 4,
    "epochs": [1, 2, 4],
    "keep": 0.5,
    "seed": 0,
    "sampler": "tpe",
    "operations": 41_000_000,
    "budgets": {"small": 16_000, "large": 400_000},
    "space": SPACE,
}


def made_search(**changed: Any) -> Search:
    return Search.model_validate(SEARCH | changed)


def architecture(**changed: Any) -> CustomArchitecture:
    keys: dict[str, Any] = {
        "filters": [4, 8],
        "blocks": 1,
        "pooling": "max",
        "dense_units": 16,
        "activation": "relu",
        "average": 0.0,
    }
    return CustomArchitecture.model_validate(keys | changed)


def made_trial(number: int, parameters: int, *accuracies: float | None, **changed: Any) -> Trial:
    """A trial that reached as many rungs as there are accuracies; None: it did not leave the plateau."""
    rungs = [Rung(epochs, one or 0.1, 1.0, one is not None) for epochs, one in enumerate(accuracies, start=1)]
    held: dict[str, Any] = {"generation": 0, "architecture": architecture(filters=[4, number + 1]), "operations": 1000}
    return Trial(number=number, parameters=parameters, rungs=rungs, **held | changed)
