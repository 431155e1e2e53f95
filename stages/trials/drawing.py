"""An architecture out of the space, key by key, as Optuna suggests it."""

from typing import Any

import optuna

from stages.params import FLOATS, Range, Space
from stages.training.architecture import CustomArchitecture

# What Optuna calls these keys decides its proposals, so the names stay those of the committed search
OPTUNA_NAMES = {"kernel_size": "kernel", "pool_stride": "stride", "ema_momentum": "average"}
# Without a step these are drawn so that doubling is as likely everywhere
LOGARITHMIC = ("filters", "dense_units", "learning_rate")


def draw(trial: optuna.Trial, space: Space) -> CustomArchitecture:
    """The architecture that the trial proposes, in its one form."""

    def one(key: str) -> Any:
        return _drawn(trial, OPTUNA_NAMES.get(key, key), key, getattr(space, key))

    drawn = {key: one(key) for key in Space.model_fields if key not in ("filters", "dense_units")}
    drawn["dense_units"] = one("dense_units") if drawn["head"] == "dense" else None
    filters = [
        _drawn(trial, f"filters of block {block}, {number}", "filters", _of_block(block, space.filters))
        for block in range(1, drawn["blocks"] + 1)
        for number in (1, 2)
    ]
    return CustomArchitecture(**drawn, filters=filters)


def _of_block(block: int, choice: Any) -> Any:
    """Ranges are of the blocks in order, and the last one of all others."""
    ranges = isinstance(choice, list) and isinstance(choice[0], Range)
    return choice[min(block, len(choice)) - 1] if ranges else choice


def _drawn(trial: optuna.Trial, name: str, key: str, choice: Any) -> Any:
    if choice is None:
        return None
    if isinstance(choice, list):
        return choice[0] if len(choice) == 1 else trial.suggest_categorical(name, choice)
    logarithmic = key in LOGARITHMIC and not choice.step
    if key in FLOATS:
        drawn = trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=logarithmic)
        return float(f"{drawn:g}")  # no search tells more digits apart, and all of them stand in params.yaml
    return trial.suggest_int(name, choice.low, choice.high, step=choice.step or 1, log=logarithmic)
