"""Which trainings a search asks for, as far as it can be told without training any."""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from stages.params import Search
from stages.training.architecture import Train
from stages.training.dataset import Dataset
from stages.trials.evaluation import Rungs
from stages.trials.generations import searched
from stages.trials.proposals import Images
from stages.trials.trial import Rung, Trial


class _NotTrainedError(Exception):
    """The search is at the end of what was trained for it."""


class _NoExecutor(Executor):
    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise _NotTrainedError


def asked_for(search: Search, settings: Train, dataset: Dataset) -> set[tuple[Path, int]]:
    """The folders of its trainings in the store, each with the epochs of a rung."""
    rungs = Rungs(settings, dataset.chance_loss, _NoExecutor(), bytes)
    asked: set[tuple[Path, int]] = set()

    def evaluate(trials: Sequence[Trial], epochs: int) -> list[Rung]:
        asked.update((rungs.training(trial, epochs).kept.folder, epochs) for trial in trials)
        return rungs(trials, epochs)

    with suppress(_NotTrainedError):
        searched(search, Images(dataset.image_shape, dataset.classes), evaluate, lambda _: None)
    return asked
