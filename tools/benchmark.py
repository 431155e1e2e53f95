"""Time training: this project's loop, stock Keras, the notebook's way and, if it is installed, PyTorch.

    python -m tools.benchmark [NAME ...] [--images N]

NAME is an architecture of params.yaml. Every way trains in a process of its own, one epoch per round while the other
processes wait, so that a slow minute of the machine affects all ways alike; a ratio compares two epochs of one round.
Only the notebook's way trains without a pause, because tf.data's autotuner stalls after one. The first epoch, which
makes graphs and kernels, has its own column.
"""

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import product
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import gmean

from stages.checkpoints import cpu_kind
from stages.common import DATASET_FILE, InputError, reported_in_one_line
from stages.params import PARAMS_FILE, StudyArchitecture, load_params
from stages.training.architecture import Architecture, Train, build_model
from stages.training.dataset import Dataset, Split, read_dataset
from tools.common.git import git

EVALUATED, ROUNDS = 1000, 3  # images that are evaluated after every epoch; epochs after the first
PACKAGES = ("tensorflow", "keras", "numpy", "torch")
RESULTS = ("dvc.lock", "metrics", "plots", "records", "search/dvc.lock")  # files that no measurement depends on
Turn = Callable[..., None]  # a way calls it before the first epoch and after every epoch


def train_ours(architecture: Architecture, dataset: Dataset, settings: Train, turn: Turn, *, fast: bool = True) -> None:
    """Train in the pipeline's loop; without `fast`, with stock Keras layers and Keras's Adam."""
    from stages.training.backend import start
    from stages.training.loop import train
    from stages.training.results import State

    start(settings.threads, split_operations=not fast or architecture.whole_batches)
    turn()
    train(architecture, dataset, settings, 0, State(), turn, fast=fast)


def train_as_notebook(architecture: Architecture, dataset: Dataset, settings: Train, turn: Turn) -> None:
    """Train as the notebook does: float64 arrays into `fit`, Keras's defaults, the test images evaluated."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    def arrays(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = images.reshape(len(images), *dataset.image_shape) / 127.5 - 1
        return scaled, keras.utils.to_categorical(labels, dataset.classes)

    model = build_model(architecture, dataset.image_shape, dataset.classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    turn()
    model.fit(
        *arrays(*dataset.indexed(dataset.train)),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=arrays(*dataset.indexed(dataset.test)),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=turn)],
    )


def train_torch(network: Architecture, dataset: Dataset, settings: Train, turn: Turn, compiled: bool = False) -> None:
    """Train with PyTorch, channels last in memory; if `compiled`, the model and the loss are compiled."""
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # a pool of compilers would run on during the others' turns
    import torch

    torch.set_num_threads(settings.threads)
    model = torch_model(network, dataset).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)

    def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        scaled = torch.from_numpy(images.reshape(len(images), *dataset.image_shape)).float() / 127.5 - 1
        return scaled.permute(0, 3, 1, 2), torch.from_numpy(labels).long()  # a view: channels stay last in memory

    def loss(images: Any, labels: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(images), labels)

    loss = torch.compile(loss) if compiled else loss
    images, labels = tensors(*dataset.indexed(dataset.train))
    test_part = tensors(*dataset.indexed(dataset.test))
    turn()
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(labels)).split(settings.batch_size):
            optimizer.zero_grad()
            loss(images[chosen], labels[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            loss(*test_part).item()
        turn()


def torch_model(architecture: Architecture, dataset: Dataset) -> Any:
    """Build the architecture in PyTorch's layers; the model returns logits."""
    from torch import nn

    activations = {name.lower(): getattr(nn, name) for name in dir(nn)}
    activation = activations[architecture.activation.replace("_", "")]  # Keras's leaky_relu is PyTorch's LeakyReLU
    pooling = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[architecture.pooling]
    normalizes, between = architecture.normalization == "batch", architecture.pool_stride == 1
    dropout = [nn.Dropout(architecture.dropout)] if architecture.dropout else []
    around = architecture.kernel_size // 2

    def convolution(inputs: int, outputs: int, padding: int) -> list[Any]:
        layers = [nn.Conv2d(inputs, outputs, architecture.kernel_size, padding=padding, bias=not normalizes)]
        return [*layers, *([nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)] if normalizes else []), activation()]

    layers: list[Any] = []
    height, width, channels = dataset.image_shape
    for block, (first, second) in enumerate(architecture.block_filters, start=1):
        layers += [*convolution(channels, first, around), *([pooling(3, stride=1)] if between else [])]
        layers += [*convolution(first, second, 0 if between else around)]
        layers += [pooling(2)] if architecture.pooled(block) else []
        last = architecture.head == "global_average" and block == architecture.blocks
        layers += [*([nn.AdaptiveAvgPool2d(1), nn.Flatten()] if last else []), *dropout]
        channels = second
    if architecture.dense_units:
        height, width = architecture.image_sizes(height, width)[-1]
        layers += [nn.Flatten(), nn.Linear(channels * height * width, architecture.dense_units), activation(), *dropout]
    return nn.Sequential(*layers, nn.Linear(architecture.dense_units or channels, dataset.classes))


WAYS: dict[str, Callable[[Architecture, Dataset, Train, Turn], None]] = {
    "ours": train_ours,
    "stock Keras": partial(train_ours, fast=False),
    "notebook": train_as_notebook,
    "PyTorch": train_torch,
    "PyTorch, compiled": partial(train_torch, compiled=True),
}
WITHOUT_PAUSE = "notebook"


@contextmanager
def contender(way: str, *training: Any) -> Iterator[Callable[[int], list[float]]]:
    """Start a process; give a function that trains `count` epochs there and returns the seconds of each."""
    connection, theirs = Pipe()
    process = get_context("spawn").Process(target=_contend, args=(way, theirs, *training))
    process.start()
    theirs.close()

    def train_epochs(count: int) -> list[float]:
        try:
            for _ in range(count):
                connection.send("go")
            return [connection.recv() for _ in range(count)]
        except (EOFError, OSError):
            raise InputError(f"{way}: the process ended; its own error is above") from None

    try:
        yield train_epochs
    finally:
        connection.close()
        process.join()


def _contend(way: str, connection: Connection, architecture: Architecture, dataset: Dataset, settings: Train) -> None:
    began: list[float] = []

    def turn(*_: Any) -> None:
        if began:
            connection.send(perf_counter() - began.pop())
        try:
            connection.recv()
        except EOFError:
            os._exit(0)  # in the middle of a training
        began.append(perf_counter())

    WAYS[way](architecture, dataset, settings, turn)


def measure(named: StudyArchitecture, dataset: Dataset, rounds: int, settings: Train, ways: list[str]) -> pd.DataFrame:
    """Train one epoch per round and way, round 0 first; return the columns architecture, way, round, seconds."""
    settings = settings.model_copy(update={"epochs": rounds + 2})  # nobody reaches the last, after which `fit` ends
    rows = []
    with ExitStack() as stack:
        contenders = {w: stack.enter_context(contender(w, named.architecture, dataset, settings)) for w in ways}
        alone = [(WITHOUT_PAUSE, 0, rounds + 1)] if WITHOUT_PAUSE in ways else []
        in_turn = [(way, number, 1) for number in range(rounds + 1) for way in ways if way != WITHOUT_PAUSE]
        for way, start, count in [*alone, *in_turn]:
            for number, seconds in enumerate(contenders[way](count), start):
                print(f"{named.name} round {number} {way}: {seconds:.3f} s", file=sys.stderr)
                rows.append((named.name, way, number, seconds))
    return pd.DataFrame(rows, columns=["architecture", "way", "round", "seconds"])


def summarize(times: pd.DataFrame) -> str:
    """Return a Markdown table of what `measure` returned: per architecture and way the medians over the rounds."""
    seconds = times.pivot(index=["architecture", "round"], columns="way", values="seconds")
    first, later = seconds.xs(0, level="round"), seconds.drop(0, level="round")
    ratios = later.div(later["ours"], axis=0).groupby("architecture").agg(["median", "min", "max"])
    rows, ways = [], [way for way in WAYS if way in seconds]
    for name, way in product(times["architecture"].unique(), ways):
        ratio, low, high = ratios.loc[name, way]
        cells = [f"{value:.2f}" for value in (first.loc[name, way], later.loc[name, way].median(), ratio)]
        rows.append([name, way, *cells, f"{low:.2f} to {high:.2f}"])
    rows += [["geometric mean", way, "", "", f"{gmean(ratios[way, 'median']):.2f}", ""] for way in ways]
    columns = ["architecture", "way", "first epoch, s", "epoch, s", "epoch / ours", "over the rounds"]
    return str(pd.DataFrame(rows, columns=columns).to_markdown(index=False, disable_numparse=True))


def machine() -> dict[str, str]:
    """Return processor, system, versions and commit of a measurement. Raises InputError without a commit."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, flags=re.MULTILINE)
    changed = git("diff", "--name-only", "--relative", "HEAD", "--", ".", *(f":!{path}" for path in RESULTS))
    suffix = {"": "", f"{PARAMS_FILE}\n": f", with another {PARAMS_FILE}"}.get(changed, "-dirty")
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {cpu_kind()}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        **{name: version(name) if find_spec(name) else "not installed" for name in PACKAGES},
        "revision": git("describe", "--always").strip() + suffix,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=["width", "depth"], help="default: width depth")
    parser.add_argument("--images", type=int, default=6400, help="per epoch, at most")
    options = parser.parse_args()
    with reported_in_one_line("bench"):
        facts, params = machine(), load_params()
        known = {named.name: named for named in params.architectures()}
        if unknown := [name for name in options.names if name not in known]:
            raise InputError(f"NAMES: expected {', '.join(known)}, got {', '.join(unknown)}")
        whole = read_dataset(DATASET_FILE)
        test = Split(*(array[:EVALUATED] for array in whole.test))
        dataset = Dataset(Split(*(array[: options.images] for array in whole.train)), test, test)
        ways = [way for way in WAYS if find_spec("torch") or not way.startswith("PyTorch")]
        times = [measure(known[n], dataset, ROUNDS, params.settings(known[n]), ways) for n in options.names]
        facts["epoch"] = f"{len(dataset.train.labels):,} images and an evaluation of {len(test.labels):,}"
        print(summarize(pd.concat(times)), *(f"- {key}: {value}" for key, value in facts.items()), sep="\n")


if __name__ == "__main__":
    main()
