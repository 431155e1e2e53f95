"""Is a metric's change more than the seeds' own spread? Told by Welch's 95 % interval of the difference.

The single seeds' values are those that Git has: plots/FAMILY_accuracy.csv, and the last epochs of
plots/FAMILY_curves.csv.
"""

from io import StringIO

import pandas as pd

from stages.analysis.statistics import difference
from stages.common import PLOTS
from stages.params import BASELINES, FAMILIES, PARAMS_FILE, read_params
from stages.training.results import EPOCH_COLUMNS
from tools.common.markdown import number
from tools.pull_requests.revisions import Side


def seed_values(side: Side) -> dict[str, list[float]]:
    """One value a seed of every metric that has them, by the metric's key; nothing of what could not be read."""
    params = side.read(str(PARAMS_FILE), read_params)
    values: dict[str, list[float]] = {}
    held = {named.family for named in params.architectures()} if params else BASELINES
    for family in FAMILIES:
        if family not in held:
            continue
        accuracy = side.read(f"{PLOTS}/{family}_accuracy.csv", read_accuracy)
        curves = side.read(f"{PLOTS}/{family}_curves.csv", read_curves)
        if params is None or accuracy is None or curves is None:
            continue
        for named in params.architectures():
            key = named.family if named.is_baseline else f"{named.family}.{named.key}"
            if named.family == family:
                values |= _values(key, *(table[table["architecture"] == named.label] for table in (accuracy, curves)))
    return values


def _values(key: str, accuracy: pd.DataFrame, curves: pd.DataFrame) -> dict[str, list[float]]:
    tested = accuracy.dropna(subset="test_accuracy")  # a seed that diverged has none
    last = curves[curves["seed"].isin(tested["seed"])].drop_duplicates("seed", keep="last")
    return {
        f"{key}.test_accuracy": list(tested["test_accuracy"]),
        f"{key}.test_accuracy_learned": list(tested[tested["learned"]]["test_accuracy"]),
        f"{key}.validation_accuracy": list(last["val_accuracy"]),
        f"{key}.validation_loss": list(last["val_loss"]),
    }


def read_accuracy(text: str) -> pd.DataFrame:
    """plots/FAMILY_accuracy.csv; ValueError or KeyError where it is no such table."""
    types = {"architecture": str, "seed": int, "test_accuracy": float, "learned": bool}
    return _read_table(text, types)


def read_curves(text: str) -> pd.DataFrame:
    """plots/FAMILY_curves.csv; ValueError or KeyError where it is no such table."""
    types = {"architecture": str, "seed": int, "epoch": int} | dict.fromkeys(EPOCH_COLUMNS, float)
    return _read_table(text, types)


def _read_table(text: str, types: dict[str, type]) -> pd.DataFrame:
    """An architecture that the study lists twice counts once."""
    table = pd.read_csv(StringIO(text), na_values=["inf", "-inf"])
    return table[list(types)].astype(types).drop_duplicates()


def judged(old: list[float], new: list[float]) -> str:
    """What the seeds say of a change of their mean."""
    if not old or not new:
        return "no values of single seeds"
    if min(len(old), len(new)) < 2:
        return "one seed each: no interval" if len(old) == len(new) else "one seed on a side: no interval"
    change = difference(old, new)
    if not change:
        return "seeds that do not differ: no interval"
    word = "noise" if change.low <= 0 <= change.high else "more than noise"
    return f"{word}: {number(change.low, '+')} to {number(change.high, '+')}"
