"""Time the ways of training these models against one another, in turn, in one run.

    python -m tools.measuring.benchmark          three architectures, few images: two minutes, to data/benchmark
    python -m tools.measuring.benchmark --full   the whole study on the whole data set, to records/benchmark
    python -m tools.measuring.benchmark --kinds  four networks of other kinds than the study's, to its folder `kinds`
    python -m tools.measuring.benchmark --pieces what each piece of network/fast.py buys, to its folder `pieces`

Every way trains in a process of its own (tools/measuring/contenders.py), one epoch at a time while all others wait,
round after round. What is compared are the epochs of one round, so that a slow minute of the machine falls on all of
them; only the notebook's way trains its epochs in one go. The first epoch of each, in which graphs and kernels are
made, counts for whole trainings alone. PyTorch takes part where it is installed.
"""

import argparse
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from stages.common import DATASET_FILE, reported_in_one_line
from stages.params import StudyArchitecture, load_params
from stages.training.architecture import Train
from stages.training.dataset import Dataset, Split, read_dataset
from stages.training.files import write_text
from tools.common.markdown import table
from tools.measuring import keras_ways, torch_ways
from tools.measuring.contenders import WITHOUT_PAUSE, Contender
from tools.measuring.keras_ways import PIECES, ours, sgemm
from tools.measuring.machine import machine
from tools.measuring.networks import OTHER_KINDS
from tools.measuring.tables import pieces_summary, sgemm_rate, summary


class Mode(NamedTuple):
    """How much is measured: images to train on and to evaluate, at most; rounds, architectures; where it is written."""

    images: int
    test_images: int
    rounds: int
    names: list[str] | None  # all of the study, where None
    output: Path


QUICK = Mode(6_400, 1_000, 3, ["w2-4", "depth-1", OTHER_KINDS[0].name], Path("data/benchmark"))
FULL = Mode(60_000, 10_000, 3, None, Path("records/benchmark"))
KINDS = Mode(25_600, 1_000, 3, [named.name for named in OTHER_KINDS], Path("records/benchmark/kinds"))
ABLATION = Mode(12_800, 1_000, 5, None, Path("records/benchmark/pieces"))


def shortened(dataset: Dataset, train: int, test: int) -> Dataset:
    """The first `train` images of the training part, and the first `test` test images to be monitored, or all."""
    monitored = Split(*(array[:test] for array in dataset.test))
    return Dataset(Split(*(array[:train] for array in dataset.train)), monitored, monitored)


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


def measured_by(settings: Train, dataset: Dataset, times: pd.DataFrame) -> dict[str, str]:
    """What the figures belong to. `dataset` is what was trained on and monitored, `times` what `measure` gives."""
    images, monitored = (len(part.labels) for part in (dataset.train, dataset.monitored))
    return {
        "sgemm": f"{sgemm_rate(times) / 1e9:.0f} GFLOP/s on {settings.threads} threads",
        "epoch": f"{images:,} images and an evaluation of {monitored:,}; {times['round'].max()} rounds",
    } | machine()


def main() -> None:
    about_it = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m tools.measuring.benchmark", description=about_it)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--full", action="store_const", dest="mode", const=FULL, help="all architectures and images")
    choice.add_argument("--kinds", action="store_const", dest="mode", const=KINDS, help="other kinds than the study's")
    choice.add_argument("--pieces", action="store_const", dest="mode", const=ABLATION, help="what each piece buys")
    mode = parser.parse_args().mode or QUICK
    with reported_in_one_line("benchmark"):
        machine()  # where there is no commit it says so, before minutes are spent
        params = load_params()
        dataset = shortened(read_dataset(DATASET_FILE), mode.images, mode.test_images)
        studied = params.study_architectures()
        if mode.names:
            studied = [named for named in [*studied, *OTHER_KINDS] if named.name in mode.names]
        others = PIECES if mode is ABLATION else [*keras_ways.WAYS, *(torch_ways.WAYS if find_spec("torch") else [])]
        ways = list(dict.fromkeys(way.__name__ for way in (ours, *others, sgemm)))
        times = pd.concat([measure(named, dataset, mode.rounds, params.train, ways) for named in studied])
        about = measured_by(params.train, dataset, times)
        if mode is ABLATION:
            rows = pieces_summary(times, studied)
        else:
            rows = summary(times, studied, dataset, params.train.epochs)
        facts = "".join(f"- {key}: {value}\n" for key, value in about.items())
        page = f"{table(list(rows.columns), rows.to_numpy().tolist())}\n{facts}"
        write_text(mode.output / "benchmark.md", page)
        write_text(mode.output / "benchmark.csv", times.assign(**about).to_csv(index=False))
        print(page)


if __name__ == "__main__":
    main()
