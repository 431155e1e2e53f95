"""Time what a training stage costs before it trains: from `dvc repro` to its first training step.

    python -m tools.fixed_costs             every architecture of the study, to records/fixed-costs
    python -m tools.fixed_costs NAME        one of them, or a pick; nothing is written

Medians over fresh processes, in seconds, phase by phase. Nothing is trained beyond the first steps.
"""

import subprocess
import sys
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import pandas as pd

from stages.common.errors import InputError, reported_in_one_line
from stages.common.files import write_text
from stages.common.places import PACKED
from stages.data.packed import read_dataset
from stages.params import load_params
from tools.common.markdown import table
from tools.measuring.machine import machine

RECORD = Path("records/fixed-costs/fixed_costs.md")
RUNS = 3


def phases(name: str, connection: Connection) -> None:
    """In a fresh process: what `python -m stages.train NAME` does, with a reading of the clock after each phase."""
    readings = [perf_counter()]
    params = load_params()
    architecture = {named.name: named.architecture for named in [*params.picks(), *params.studied()]}[name]
    dataset = read_dataset(PACKED)
    readings.append(perf_counter())

    import stages.training.every_seed  # noqa: F401 - what a stage imports
    from stages.network.backend import keras, start
    from stages.training.loop import State, train

    start(inter_op=params.train.threads)
    readings.append(perf_counter())

    class TwoCalls(keras.callbacks.Callback):
        """Of the graph, each with a reading before and after it."""

        def on_train_batch_begin(self, batch: int, logs: dict[str, float]) -> None:
            del batch, logs
            readings.append(perf_counter())

        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            self.on_train_batch_begin(batch, logs)
            self.model.stop_training = len(readings) == 7

    settings = params.train.model_copy(update={"epochs": 2})  # a second call of the graph, even of few images
    train(architecture, dataset, settings, 0, State(), lambda _: None, [TwoCalls()])
    began, read, started, _, first_ended, second_began, second_ended = readings
    steps = second_ended - second_began  # a call holds many: what they take is not graph
    costs = {"parameters and data": read - began, "TensorFlow and Keras": started - read}
    connection.send(costs | {"model and graph": first_ended - started - steps})


def measured(name: str) -> dict[str, float]:
    """Seconds a phase of one stage, in order."""
    costs = {}
    for what, command in {
        "DVC": ["dvc", "repro", "--dry", "--single-item", "fetch"],
        "Python": [sys.executable, "-c", "import stages.train"],
    }.items():
        began = perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        costs[what] = perf_counter() - began
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=phases, args=(name, there))
    process.start()
    there.close()
    costs |= here.recv()
    process.join()
    return costs


def medians(name: str) -> dict[str, str]:
    """A row of the table: the stage, its phases, and their sum, in seconds."""
    seconds = pd.DataFrame([measured(name) for _ in range(RUNS)]).median()
    seconds["together"] = seconds.sum()
    return {"stage": name} | {str(what): f"{value:.2f}" for what, value in seconds.items()}


def main() -> None:
    with reported_in_one_line("fixed_costs"):
        params = load_params()
        studied = [named.name for named in params.studied()]
        known = [*(named.name for named in params.picks()), *studied]
        chosen = sys.argv[1:] or studied
        for name in chosen:
            if name not in known:
                raise InputError(f"NAME holds {name!r}, may hold {', '.join(known)}")
        read_dataset(PACKED)  # refused here, not in each of the processes
        rows = [medians(name) for name in chosen]
        lines = [table(list(rows[0]), [list(row.values()) for row in rows])]
        lines += [f"- {what}: {value}" for what, value in machine().items()]
        if not sys.argv[1:]:
            write_text(RECORD, "\n".join(lines) + "\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
