"""Time training: this project's loop, stock Keras, the notebook's way and, if it is installed, PyTorch.

    python -m tools.benchmark [NAME ...] [--images N] [--shape HEIGHTxWIDTHxCHANNELS]

NAME is an architecture of params.yaml. With `--shape` the images are noise in ten classes, and no data are needed.
Every way trains in a process of its own, one after the other in every round, so that a slow minute of the machine
affects all ways alike; a ratio compares two processes of one round. The first epoch, which makes graphs and kernels,
has its own column.
"""

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from multiprocessing import get_context
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
from tools.git import git

EVALUATED, ROUNDS = 1000, 3  # images that are evaluated after every epoch; processes of every way
EPOCHS = 3  # of a process: the first, and two whose mean counts
PACKAGES = ("tensorflow", "keras", "numpy", "torch")
RESULTS = ("dvc.lock", "metrics", "plots", "records", "search/dvc.lock")  # files that no measurement depends on
Tick = Callable[..., None]  # a way calls it before the first epoch and after every epoch


def train_ours(architecture: Architecture, dataset: Dataset, settings: Train, tick: Tick, *, fast: bool = True) -> None:
    """Train in the pipeline's loop; without `fast`, with stock Keras layers and Keras's Adam."""
    from stages.training.backend import start
    from stages.training.loop import train
    from stages.training.results import State

    start(settings.threads, split_operations=not fast or architecture.whole_batches)
    tick()
    train(architecture, dataset, settings, 0, State(), tick, fast=fast)


def train_as_notebook(architecture: Architecture, dataset: Dataset, settings: Train, tick: Tick) -> None:
    """Train as the notebook does: float64 arrays into `fit`, Keras's defaults, the test images evaluated."""
    import keras

    def arrays(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scaled = images.reshape(len(images), *dataset.image_shape) / 127.5 - 1
        return scaled, keras.utils.to_categorical(labels, dataset.classes)

    model = build_model(architecture, dataset.image_shape, dataset.classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    tick()
    model.fit(
        *arrays(*dataset.indexed(dataset.train)),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=arrays(*dataset.indexed(dataset.test)),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=tick)],
    )


def train_torch(network: Architecture, dataset: Dataset, settings: Train, tick: Tick) -> None:
    """Train with PyTorch, channels last in memory."""
    import torch

    torch.set_num_threads(settings.threads)

    def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        scaled = torch.from_numpy(images.reshape(len(images), *dataset.image_shape)).float() / 127.5 - 1
        return scaled.permute(0, 3, 1, 2), torch.from_numpy(labels).long()  # a view: channels stay last in memory

    images, labels = tensors(*dataset.indexed(dataset.train))
    test_images, _ = tensors(*dataset.indexed(dataset.test))
    model = torch_model(network, dataset)
    model(images[:2])  # gives the layers their sizes
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)
    tick()
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(labels)).split(settings.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            model(test_images)
        tick()


def torch_model(architecture: Architecture, dataset: Dataset) -> Any:
    """Return the architecture in PyTorch's layers, one per layer of the Keras model; the model returns logits."""
    from torch import nn

    activations = {name.lower(): getattr(nn, name) for name in dir(nn)}
    activations |= {"linear": nn.Identity, "softmax": nn.Identity}
    builders: dict[str, Callable[[Any], Any]] = {
        "Activation": lambda _: nn.Identity(),
        "AveragePooling2D": lambda one: nn.AvgPool2d(one.pool_size, one.strides),
        "BatchNormalization": lambda one: nn.LazyBatchNorm2d(one.epsilon, 1 - one.momentum),
        "Conv2D": lambda one: nn.LazyConv2d(one.filters, one.kernel_size, padding=one.padding, bias=one.use_bias),
        "Dense": lambda one: nn.LazyLinear(one.units),
        "Dropout": lambda one: nn.Dropout(one.rate),
        "Flatten": lambda _: nn.Flatten(),
        "GlobalAveragePooling2D": lambda _: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "MaxPooling2D": lambda one: nn.MaxPool2d(one.pool_size, one.strides),
    }
    layers = []
    for layer in build_model(architecture, dataset.image_shape, dataset.classes).layers:
        activation = getattr(layer, "activation", None)
        name = activation.__name__.replace("_", "") if activation else "linear"  # Keras's leaky_relu is LeakyReLU there
        layers += [builders[type(layer).__name__](layer), activations[name]()]
    return nn.Sequential(*layers)


WAYS: dict[str, Callable[[Architecture, Dataset, Train, Tick], None]] = {
    "ours": train_ours,
    "stock Keras": partial(train_ours, fast=False),
    "notebook": train_as_notebook,
    "PyTorch": train_torch,
}


def seconds(way: str, architecture: Architecture, dataset: Dataset, settings: Train) -> list[float]:
    """Train in this process; return the seconds of the first epoch, and the mean of the others."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    ticks: list[float] = []
    WAYS[way](architecture, dataset, settings, lambda *_: ticks.append(perf_counter()))
    first, *others = np.diff(ticks)
    return [first, float(np.mean(others))]


def measure(named: StudyArchitecture, dataset: Dataset, rounds: int, settings: Train, ways: list[str]) -> pd.DataFrame:
    """Train EPOCHS epochs per round and way; return the columns architecture, way, first and later, in seconds.

    Raises InputError if a way fails.
    """
    settings = settings.model_copy(update={"epochs": EPOCHS})
    rows = []
    for way in ways * rounds:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            try:
                times = process.submit(seconds, way, named.architecture, dataset, settings).result()
            except Exception as error:
                raise InputError(f"{named.name}, {way}: {error}") from error
        print(f"{named.name}, {way}: {times[1]:.3f} s", file=sys.stderr)
        rows.append((named.name, way, *times))
    return pd.DataFrame(rows, columns=["architecture", "way", "first", "later"])


def summarize(times: pd.DataFrame) -> str:
    """Return a Markdown table of what `measure` returned: per architecture and way the medians over the rounds."""
    times["round"] = times.groupby(["architecture", "way"]).cumcount()
    ours = times["later"].where(times["way"] == "ours")
    times["ratio"] = times["later"] / ours.groupby([times["architecture"], times["round"]]).transform("max")
    groups = times.groupby(["architecture", "way"], sort=False)
    table = groups.median().drop(columns="round").assign(low=groups["ratio"].min(), high=groups["ratio"].max())
    means = table.groupby("way", sort=False)["ratio"].apply(gmean).to_frame()
    table = pd.concat([table, pd.concat({"geometric mean": means})]).reset_index().astype(object).fillna("")
    columns = ["architecture", "way", "first epoch, s", "epoch, s", "epoch / ours", "lowest", "highest"]
    return str(table.to_markdown(index=False, headers=columns, floatfmt=".2f"))


def machine() -> dict[str, str]:
    """Return processor, system, versions and commit of a measurement. Raises InputError without a commit."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, flags=re.MULTILINE)
    revision = git("describe", "--always").strip()
    changed = git("diff", "--name-only", "--relative", "HEAD", "--", ".", *(f":!{path}" for path in RESULTS))
    suffix = {"": "", f"{PARAMS_FILE}\n": f", with another {PARAMS_FILE}"}.get(changed, "-dirty")
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {cpu_kind()}",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) if find_spec(name) else "not installed" for name in PACKAGES},
        "revision": revision + suffix,
    }


def shape(text: str) -> tuple[int, int, int]:
    """Return height, width and channels. Raises ValueError."""
    height, width, channels = map(int, text.split("x"))
    return height, width, channels


def noise(images: int, image_shape: tuple[int, int, int]) -> Dataset:
    """Return images of noise in ten classes, as many for training as for the other parts."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(256, size=(max(images, EVALUATED), *image_shape), dtype=np.uint8)
    part = Split(pixels, np.arange(len(pixels), dtype=np.uint8) % 10)
    return Dataset(part, part, part)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmark", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", default=["width", "depth"], help="default: width depth")
    parser.add_argument("--images", type=int, default=6400, help="per epoch, at most")
    parser.add_argument("--shape", type=shape, metavar="HxWxC", help="of noise to time, such as 32x32x3; default: data")
    options = parser.parse_args()
    with reported_in_one_line("bench"):
        facts, params = machine(), load_params()
        known = {named.name: named for named in params.architectures()}
        if unknown := [name for name in options.names if name not in known]:
            raise InputError(f"NAMES: expected {', '.join(known)}, got {', '.join(unknown)}")
        whole = noise(options.images, options.shape) if options.shape else read_dataset(DATASET_FILE)
        test = Split(*(array[:EVALUATED] for array in whole.test))
        dataset = Dataset(Split(*(array[: options.images] for array in whole.train)), test, test)
        ways = [way for way in WAYS if way != "PyTorch" or find_spec("torch")]
        times = [measure(known[n], dataset, ROUNDS, params.settings(known[n]), ways) for n in options.names]
        size = "x".join(map(str, dataset.image_shape))
        facts["epoch"] = f"{len(dataset.train.labels):,} images of {size} and an evaluation of {len(test.labels):,}"
        lines = (f"- {key}: {value}" for key, value in facts.items())
        print(summarize(pd.concat(times, ignore_index=True)), "", *lines, sep="\n")


if __name__ == "__main__":
    main()
