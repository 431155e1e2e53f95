"""What the times of a benchmark come to: a row an architecture, set beside ours."""

from typing import Any

import numpy as np
import pandas as pd

from stages.flops import forward_flops, training_flops
from stages.params import StudyArchitecture
from stages.training.dataset import Dataset
from tools.measuring import torch_ways
from tools.measuring.keras_ways import PIECES, SGEMM_SIDE


def summary(times: pd.DataFrame, studied: list[StudyArchitecture], dataset: Dataset, epochs: int) -> pd.DataFrame:
    """One row an architecture; ratios are medians over the rounds of theirs / ours in one round.

    A whole training, of so many epochs, is the first and as many of the median as are left.
    """
    rows = []
    for named in studied:
        own = times[times["architecture"] == named.name]
        seconds, ratios = _seconds_and_ratios(own)
        row: dict[str, Any] = {"architecture": named.name, "ours, s an epoch": f"{seconds['ours'].median():.2f}"}
        for way in ("stock", "notebook"):
            row |= {f"{way}, s": f"{seconds[way].median():.2f}", f"{way} / ours": ratios[way]}
        first = own[own["round"] == 0].set_index("way")["seconds"]
        whole = first + (epochs - 1) * seconds.median()
        row |= {f"notebook / ours, {epochs} epochs": whole["notebook"] / whole["ours"]}
        torch = [way.__name__ for way in torch_ways.WAYS if way.__name__ in seconds]
        if torch:
            best = str(seconds[torch].median().idxmin())
            row |= {"PyTorch's best, s": f"{seconds[best].median():.2f} ({best.removeprefix('torch_')})"}
            row |= {"PyTorch / ours": ratios[best]}
        floor = epoch_flops(named, dataset) / sgemm_rate(own)
        row |= {"share of the floor": f"{floor / seconds['ours'].median():.0%}"}
        peaks = own.groupby("way")["peak_bytes"].max() / 2**30
        row |= {"peak memory, ours and stock, GB": f"{peaks['ours']:.2f}, {peaks['stock']:.2f}"}
        rows.append(row)
    return _with_means(pd.DataFrame(rows))


def pieces_summary(times: pd.DataFrame, studied: list[StudyArchitecture]) -> pd.DataFrame:
    """One row an architecture: how much longer an epoch takes with one piece of ours in Keras's own form."""
    rows = []
    for named in studied:
        _, ratios = _seconds_and_ratios(times[times["architecture"] == named.name])
        pieces = {piece.__name__.replace("_", " ") + " / ours": ratios[piece.__name__] for piece in PIECES}
        rows.append({"architecture": named.name} | pieces)
    return _with_means(pd.DataFrame(rows))


def _seconds_and_ratios(times: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Of one architecture: seconds by round (after the first) and way; the median of each way's ratio to ours."""
    seconds = times[times["round"] > 0].pivot(index="round", columns="way", values="seconds")
    return seconds, seconds.div(seconds["ours"], axis=0).median()


def _with_means(table: pd.DataFrame) -> pd.DataFrame:
    """The table and, below it, the geometric mean of every ratio; all as text."""
    ratios = table.columns[table.columns.str.contains("/ ours")]
    means = np.exp(np.log(table[ratios].astype(float)).mean())
    table = pd.concat([table, pd.DataFrame([{"architecture": "geometric mean"} | means.to_dict()])]).fillna("")
    return table.map(lambda value: f"{value:.2f}" if isinstance(value, float) else value)


def epoch_flops(named: StudyArchitecture, dataset: Dataset) -> int:
    """Floating-point operations of training on every image once, and of evaluating the monitored ones."""
    shape, classes = dataset.image_shape, dataset.classes
    trained = training_flops(named.architecture, shape, classes) * len(dataset.train.labels)
    return trained + sum(forward_flops(named.architecture, shape, classes)) * len(dataset.monitored.labels)


def sgemm_rate(times: pd.DataFrame) -> float:
    """Floating-point operations a second of a large matrix product, the median of all that were timed."""
    return float(2 * SGEMM_SIDE**3 / times[(times["way"] == "sgemm") & (times["round"] > 0)]["seconds"].median())
