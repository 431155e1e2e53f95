"""Time the ways of training these models against one another, in turn, in one run.

    python -m tools.measuring.benchmark          two architectures, few images: about a minute, to data/benchmark
    python -m tools.measuring.benchmark --full   the whole study on the whole data set, to records/benchmark
    python -m tools.measuring.benchmark --pieces what each piece of stages/fast.py buys, to records/benchmark/pieces

Every way trains in a process of its own (tools/measuring/contenders.py), one epoch at a time while all others wait,
round after round. What is compared are the epochs of one round, so that a slow minute of the machine falls on all of
them; only the notebook's way trains its epochs in one go. The first epoch of each, in which graphs and kernels are
made, counts for whole trainings alone. PyTorch takes part where it is installed.
"""

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from stages.common.errors import InputError, reported_in_one_line
from stages.common.files import write_text
from stages.common.places import PACKED
from stages.data.dataset import Dataset
from stages.data.packed import read_dataset
from stages.network.architecture import Architecture
from stages.network.cost import forward_flops, training_flops
from stages.params import StudyArchitecture, load_params
from stages.training.settings import Train
from tools.measuring.contenders import (
    KERAS_WAYS,
    PIECES,
    SGEMM_SIDE,
    TORCH_WAYS,
    WITHOUT_PAUSE,
    contend,
    ours,
    sgemm,
    shortened,
)
from tools.measuring.machine import machine


class Mode(NamedTuple):
    """How much is measured: images to train on and to evaluate, rounds, architectures; and where it is written."""

    images: int
    test_images: int
    rounds: int
    architectures: list[str] | None  # all, where None
    output: Path


QUICK = Mode(6_400, 1_000, 3, ["w2-4", "depth-1"], Path("data/benchmark"))
FULL = Mode(60_000, 10_000, 3, None, Path("records/benchmark"))
ABLATION = Mode(12_800, 1_000, 5, None, Path("records/benchmark/pieces"))


class Contender:
    """A way's process, which trains an epoch whenever it is told to."""

    def __init__(self, way: str, architecture: Architecture, dataset: Dataset, settings: Train) -> None:
        self.way = way
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=contend, args=(way, theirs, architecture, dataset, settings))
        self.process.start()
        theirs.close()

    def __enter__(self) -> "Contender":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.join()

    def epochs(self, count: int) -> list[tuple[float, int]]:
        """Train so many without a pause; of each its seconds, and the process's peak memory in bytes so far."""
        for _ in range(count):
            self.connection.send("go")
        try:
            return [self.connection.recv() for _ in range(count)]
        except EOFError:
            raise ChildProcessError(f"{self.way} ended; its own error is above") from None


def measure(named: StudyArchitecture, dataset: Dataset, rounds: int, settings: Train, ways: list[str]) -> pd.DataFrame:
    """One row a round and way: architecture, round, way, seconds, peak_bytes.

    What must not pause has its epochs one after the other, before the others' first.
    """
    settings = settings.model_copy(update={"epochs": rounds + 2})  # nobody gets to the last, after which `fit` ends
    rows = []
    with ExitStack() as stack:
        contenders = [stack.enter_context(Contender(way, named.architecture, dataset, settings)) for way in ways]
        unpaused = [contender for contender in contenders if contender.way in WITHOUT_PAUSE]
        in_turn = [contender for contender in contenders if contender not in unpaused]
        turns = [(0, rounds + 1, unpaused), *((number, 1, in_turn) for number in range(rounds + 1))]
        for first, count, those in turns:
            for contender in those:
                for number, (seconds, peak) in enumerate(contender.epochs(count), first):
                    print(f"{named.name} round {number} {contender.way}: {seconds:.3f} s", file=sys.stderr)
                    rows.append((named.name, number, contender.way, seconds, peak))
    return pd.DataFrame(rows, columns=["architecture", "round", "way", "seconds", "peak_bytes"])


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
        torch = [way.__name__ for way in TORCH_WAYS if way.__name__ in seconds]
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
    """Floating-point operations of training on every image once, and of evaluating the watched ones."""
    shape, classes = dataset.image_shape, dataset.classes
    trained = training_flops(named.architecture, shape, classes) * len(dataset.train.labels)
    return trained + sum(forward_flops(named.architecture, shape, classes)) * len(dataset.watched.labels)


def sgemm_rate(times: pd.DataFrame) -> float:
    """Floating-point operations a second of a large matrix product, the median of all that were timed."""
    return float(2 * SGEMM_SIDE**3 / times[(times["way"] == "sgemm") & (times["round"] > 0)]["seconds"].median())


def measured_by(settings: Train, mode: Mode, times: pd.DataFrame) -> dict[str, str]:
    """What the figures belong to."""
    return {
        "sgemm": f"{sgemm_rate(times) / 1e9:.0f} GFLOP/s on {settings.threads} threads",
        "epoch": f"{mode.images:,} images and an evaluation of {mode.test_images:,}; {mode.rounds} rounds",
    } | machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.measuring.benchmark", description=(__doc__ or "").splitlines()[0]
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--full", action="store_const", dest="mode", const=FULL, help="all architectures and images")
    choice.add_argument("--pieces", action="store_const", dest="mode", const=ABLATION, help="what each piece buys")
    mode = parser.parse_args().mode or QUICK
    with reported_in_one_line("benchmark"):
        params = load_params()
        dataset = shortened(read_dataset(PACKED), mode.images, mode.test_images)
        studied = [named for named in params.studied() if named.name in (mode.architectures or [named.name])]
        if not studied:
            raise InputError(f"params.yaml: study holds none of {', '.join(mode.architectures or [])}, must hold one")
        others = PIECES if mode is ABLATION else [*KERAS_WAYS, *(TORCH_WAYS if find_spec("torch") else [])]
        ways = list(dict.fromkeys(way.__name__ for way in (ours, *others, sgemm)))
        times = pd.concat([measure(named, dataset, mode.rounds, params.train, ways) for named in studied])
        about = measured_by(params.train, mode, times)
        if mode is ABLATION:
            table = pieces_summary(times, studied)
        else:
            table = summary(times, studied, dataset, params.train.epochs)
        lines = [_markdown(table), "", *(f"- {key}: {value}" for key, value in about.items()), ""]
        write_text(mode.output / "benchmark.md", "\n".join(lines))
        write_text(mode.output / "benchmark.csv", times.assign(**about).to_csv(index=False))
        print("\n".join(lines))


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
