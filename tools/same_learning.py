"""Train with the fast layers and with stock ones from the same seeds, and set beside each other what was learnt.

    python -m tools.same_learning

Adds to records/same-learning/runs.csv, a row a training, and goes on where it was stopped, training by training; then
writes same_learning.md beside it. Takes two cores more than an hour. Accuracy is that of the validation images after
the last epoch. A seed's two trainings start from the same weights and see the same batches, but round differently, so
from some step on they are two draws of the same lottery.
"""

import sys
from pathlib import Path

import pandas as pd

from stages.common.errors import InputError, reported_in_one_line
from stages.common.files import write_text
from stages.common.places import PACKED
from stages.data.dataset import Dataset
from stages.data.packed import read_dataset
from stages.network.architecture import Architecture
from stages.params import load_params
from stages.training.results import EPOCH_COLUMNS, started_epoch
from stages.training.settings import Train

EPOCHS = {"w5-10": 5, "depth-2": 5, "w15-30": 20}
SEEDS = range(5)
LAYERS = {"fast": True, "stock": False}
RECORD = Path("records/same-learning")
COLUMNS = ["architecture", "epochs", "seed", "layers", "started_epoch", "loss", "val_accuracy"]


def trained(
    architecture: Architecture, dataset: Dataset, settings: Train, seed: int, fast: bool
) -> tuple[int | None, float, float]:
    """One training: the epoch at which it started, if it did, its last loss, and its last validation accuracy."""
    from stages.training.loop import State, train

    state = State()
    train(architecture, dataset, settings, seed, state, lambda _: None, fast=fast)
    history = pd.DataFrame(state.history, columns=list(EPOCH_COLUMNS))
    return (
        started_epoch(list(history["loss"]), dataset.classes),
        float(history["loss"].iloc[-1]),
        float(history["val_accuracy"].iloc[-1]),
    )


def side_by_side(runs: pd.DataFrame) -> str:
    """A Markdown table, a row for an architecture and kind of layers: how many started, and their accuracies."""
    lines = [
        "| architecture | epochs | layers | started | validation accuracy of the started, % | mean | deviation |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (architecture, epochs, layers), group in runs.groupby(["architecture", "epochs", "layers"]):
        accuracy = 100 * group[group["started_epoch"].notna()]["val_accuracy"].sort_values()
        mean, deviation = (f"{value:.2f}" if pd.notna(value) else "-" for value in (accuracy.mean(), accuracy.std()))
        values = " ".join(f"{value:.2f}" for value in accuracy) or "-"
        lines.append(
            f"| {architecture} | {epochs} | {layers} | {len(accuracy)} of {len(group)} "
            f"| {values} | {mean} | {deviation} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    with reported_in_one_line("same_learning"):
        params, dataset = load_params(), read_dataset(PACKED)
        studied = {named.name: named.architecture for named in params.studied()}
        if missing := EPOCHS.keys() - studied.keys():
            raise InputError(f"params.yaml: study lacks {', '.join(sorted(missing))}, must hold {', '.join(EPOCHS)}")
        path = RECORD / "runs.csv"
        runs = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
        done = set(zip(runs["architecture"], runs["seed"], runs["layers"], strict=True))

        from stages.network.backend import start

        start(intra_op=params.train.threads, inter_op=params.train.threads)
        for name, epochs in EPOCHS.items():
            settings = params.train.model_copy(update={"epochs": epochs})
            for seed in SEEDS:
                for layers, fast in LAYERS.items():
                    if (name, seed, layers) in done:
                        continue
                    outcome = trained(studied[name], dataset, settings, seed, fast)
                    print(name, seed, layers, *outcome, file=sys.stderr, flush=True)
                    rows = [*runs.itertuples(index=False, name=None), (name, epochs, seed, layers, *outcome)]
                    runs = pd.DataFrame(rows, columns=COLUMNS).astype({"started_epoch": "Int64"})
                    RECORD.mkdir(parents=True, exist_ok=True)
                    write_text(path, runs.to_csv(index=False, float_format="%.6f"))
        write_text(RECORD / "same_learning.md", side_by_side(runs))
        print(side_by_side(runs))


if __name__ == "__main__":
    main()
