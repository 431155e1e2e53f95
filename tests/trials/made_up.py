"""Made-up trials, trainings and images, and a small space."""

from collections.abc import Callable, Sequence
from math import log
from typing import Any

import numpy as np

from stages.common import read_yaml
from stages.flops import parameter_count
from stages.jobs import Job
from stages.params import Search
from stages.training.architecture import CustomArchitecture, Train
from stages.training.dataset import Dataset, Split
from stages.training.results import State
from stages.trials.rounds import run_rounds
from stages.trials.trial import Rung, Trial

SEARCH: dict[str, Any] = read_yaml(
    """
trials: 16
trials_per_round: 4
rungs: [1, 2, 4]
reduction_factor: 2
seed: 0
sampler: tpe
max_training_flops: 41_000_000
budgets: {small: 16_000, large: 400_000}
space:
  filters: {low: 2, high: 64}
  blocks: {low: 1, high: 4}
  kernel_size: [3, 5]
  pooling: [max, average]
  pool_stride: [1, 2]
  head: [dense, global_average]
  dense_units: {low: 8, high: 128}
  activation: [relu, sigmoid]
  dropout: {low: 0, high: 0.3, step: 0.1}
  learning_rate: {low: 0.001, high: 0.016}
  ema_momentum: [0, 0.998]
""",
    "search",
)
SPACE: dict[str, Any] = SEARCH["space"]
SMALL_SPACE: dict[str, Any] = read_yaml(
    "{filters: [4, 8], blocks: [1], pooling: [max], dense_units: [16], activation: [relu]}", "space"
)
SETTINGS = Train(epochs=20, batch_size=128, learning_rate=0.001, threads=2, seeds=[7, 8])


def made_search(**changed: Any) -> Search:
    return Search.model_validate(SEARCH | changed)


def accuracy(job: Job) -> float:
    """Return an accuracy that is higher for more parameters, more epochs and relu."""
    size = log(parameter_count(job.architecture, (28, 28, 1), 10))
    return 0.4 + 0.02 * size + 0.01 * job.settings.epochs + 0.1 * (job.architecture.activation == "relu")


def learned(job: Job) -> State:
    return State(history=[[1.0, 0.5, 1.0, accuracy(job)]] * job.settings.epochs)


def searched_trials(
    search: Search,
    result: Callable[[Job], State] = learned,
    jobs: list[Job] | None = None,
    image: tuple[int, ...] = (28, 28),
) -> list[Trial]:
    """Search for images of this shape with made-up results of the jobs, which are added to `jobs`."""

    def train(asked: Sequence[Job]) -> list[State]:
        if jobs is not None:
            jobs.extend(asked)
        return [result(job) for job in asked]

    part = Split(np.zeros((10, *image), np.uint8), np.arange(10, dtype=np.uint8))
    *_, trials = run_rounds(search, Dataset(part, part, part), train, SETTINGS)
    return trials


def made_architecture(**changed: Any) -> CustomArchitecture:
    keys = {key: choices[0] for key, choices in SMALL_SPACE.items()}
    return CustomArchitecture.model_validate(keys | {"filters": [4, 8], "ema_momentum": 0.0} | changed)


def made_trial(number: int, parameters: int, *accuracies: float | None, **changed: Any) -> Trial:
    """Return a trial that reached as many rungs as there are accuracies; None: it did not learn."""
    rungs = [Rung(epochs, one or 0.2, 1.0, one is not None) for epochs, one in enumerate(accuracies, start=1)]
    keys: dict[str, Any] = {"round": 0, "architecture": made_architecture(filters=[4, number + 1])}
    return Trial(number=number, parameters=parameters, rungs=rungs, **{"training_flops": 1000} | keys | changed)
