"""Time training: this project's loop, stock Keras, the notebook's way and, if it is installed, PyTorch.

    python -m tools.benchmark [NAME ...] [--images N] [--shape HEIGHTxWIDTHxCHANNELS]

NAME is an architecture of params.yaml. `--shape` replaces the data by noise in ten classes. In every round each way
trains in its own process, one after the other, so a slow minute of the machine affects all ways. A ratio compares two
processes of one round. The first epoch, which makes graphs and kernels, has its own column.
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
from stages.params import StudyArchitecture, load_params
from stages.training.architecture import Architecture, Train, build_model
from stages.training.dataset import Dataset, Split, read_dataset
from tools.git import git

EVALUATED, ROUNDS = 1000, 3  # images that are evaluated after every epoch; processes per way
EPOCHS = 3  # of a process: the first, and two whose mean counts
PACKAGES = ("tensorflow", "keras", "numpy", "torch")
RESULTS = ("dvc.lock", "metrics", "plots", "records", "search/dvc.lock")  # files that affect no measurement
RATIO = "epoch / ours"
Tick = Callable[..., None]  # a way calls it before the first epoch and after every epoch


def train_ours(architecture: Architecture, dataset: Dataset, settings: Train, tick: Tick, *, fast: bool = True) -> None:
    """Train in the pipeline's loop; without `fast`, with stock Keras layers and Keras's Adam."""
    from stages.training.backend import start
    from stages.training.loop import train
    from stages.training.results import State

    start(settings.threads, split_operations=not fast or architecture.whole_batches)
    tick()
    train(architecture, dataset, settings, 0, State(), tick, fast=fast)


def arrays(dataset: Dataset, part: Split) -> list[np.ndarray]:
    """Return images `[N, H, W, C]` in [-1, 1] and one-hot labels `[N, classes]`, float64."""
    images, labels = dataset.index_labels(part)
    return [images.reshape(len(images), *dataset.image_shape) / 127.5 - 1, np.eye(dataset.classes)[labels]]


def train_as_notebook(architecture: Architecture, dataset: Dataset, settings: Train, tick: Tick) -> None:
    """Train as the notebook does: float64 arrays into `fit`, Keras's defaults, the test images evaluated."""
    import keras

    model = build_model(architecture, dataset.image_shape, dataset.classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    images, labels = arrays(dataset, dataset.train)
    callback, test = keras.callbacks.LambdaCallback(on_epoch_end=tick), arrays(dataset, dataset.test)
    tick()
    model.fit(images, labels, settings.batch_size, settings.epochs, 0, callbacks=[callback], validation_data=test)


def train_torch(architecture: Architecture, dataset: Dataset, settings: Train, tick: Tick) -> None:
    """Train with PyTorch, channels last in memory."""
    import torch

    torch.set_num_threads(settings.threads)
    images, labels = (torch.from_numpy(array).float() for array in arrays(dataset, dataset.train))
    images = images.permute(0, 3, 1, 2)  # a view: channels stay last in memory
    model = torch_model(architecture, dataset)
    model(images[:2])  # gives the layers their sizes
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)
    tick()
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(images)).split(settings.batch_size):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            model(images[: len(dataset.test.labels)])  # as many as the other ways evaluate
        tick()


def torch_model(architecture: Architecture, dataset: Dataset) -> Any:
    """Return the architecture in PyTorch's layers, one per layer of the Keras model; the model returns logits."""
    from torch import nn

    activations = {name.lower(): getattr(nn, name) for name in dir(nn)}  # Keras's leaky_relu is LeakyReLU there
    activations["linear"] = activations["softmax"] = nn.Identity
    kinds: dict[str, tuple[Any, ...]] = {  # a layer, then the Keras attributes that are its arguments
        "Activation": (nn.Identity,),
        "AveragePooling2D": (nn.AvgPool2d, "pool_size", "strides"),
        "BatchNormalization": (nn.LazyBatchNorm2d, "epsilon"),
        "Conv2D": (
            nn.LazyConv2d,
            "filters",
            "kernel_size",
            "strides",
            "padding",
            "dilation_rate",
            "groups",
            "use_bias",
        ),
        "Dense": (nn.LazyLinear, "units"),
        "Dropout": (nn.Dropout, "rate"),
        "Flatten": (nn.Flatten,),
        "GlobalAveragePooling2D": (lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),),
        "MaxPooling2D": (nn.MaxPool2d, "pool_size", "strides"),
    }
    layers = []
    for layer in build_model(architecture, dataset.image_shape, dataset.classes).layers:
        kind, *attributes = kinds[type(layer).__name__]
        activation = layer.get_config().get("activation", "linear").replace("_", "")
        layers += [kind(*(getattr(layer, name) for name in attributes)), activations[activation]()]
    return nn.Sequential(*layers)


WAYS: dict[str, Callable[[Architecture, Dataset, Train, Tick], None]] = {
    "ours": train_ours,
    "stock Keras": partial(train_ours, fast=False),
    "notebook": train_as_notebook,
    "PyTorch": train_torch,
}


def seconds(way: str, architecture: Architecture, dataset: Dataset, settings: Train) -> tuple[float, float]:
    """Train in this process; return the seconds of the first epoch, and the mean of the others."""
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ticks: list[float] = []
    WAYS[way](architecture, dataset, settings, lambda *_: ticks.append(perf_counter()))
    return ticks[1] - ticks[0], (ticks[-1] - ticks[1]) / (len(ticks) - 2)


def measure(named: StudyArchitecture, dataset: Dataset, rounds: int, settings: Train, ways: list[str]) -> pd.DataFrame:
    """Train EPOCHS epochs per round and way, "ours" first; return one row per training.

    Raises InputError if a way fails.
    """
    settings = settings.model_copy(update={"epochs": EPOCHS})
    rows, ours = [], np.nan
    for way in ways * rounds:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            try:
                first, later = process.submit(seconds, way, named.architecture, dataset, settings).result()
            except Exception as error:
                raise InputError(f"{named.name}, {way}: {error}") from error
        print(f"{named.name}, {way}: {later:.3f} s", file=sys.stderr)
        ours = later if way == "ours" else ours
        rows.append((named.name, way, first, later, later / ours))
    return pd.DataFrame(rows, columns=["architecture", "way", "first epoch, s", "epoch, s", RATIO])


def summarize(times: pd.DataFrame) -> str:
    """Return a Markdown table of the times from `measure`: medians over the rounds per architecture and way."""
    groups = times.groupby(["architecture", "way"], sort=False)
    table = groups.median().assign(lowest=groups[RATIO].min(), highest=groups[RATIO].max())
    means = table.groupby("way", sort=False)[RATIO].apply(gmean).to_frame()
    table = pd.concat([table, pd.concat({"geometric mean": means}, names=["architecture"])]).reset_index()
    return str(table.astype(object).fillna("").to_markdown(index=False, floatfmt=".2f"))


def machine() -> str:
    """Return processor, system, versions and commit of a measurement as a Markdown list.

    Raises InputError without a commit.
    """
    commit = git("describe", "--always").strip()
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, flags=re.MULTILINE)
    changed = git("diff", "--name-only", "--relative", "HEAD", "--", ".", *(f":!{path}" for path in RESULTS))
    facts = {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, {cpu_kind()}",
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) if find_spec(name) else "not installed" for name in PACKAGES},
        "revision": ", with another ".join([commit, *changed.splitlines()]),
    }
    return "\n".join(f"- {key}: {value}" for key, value in facts.items())


def shape(text: str) -> tuple[int, int, int]:
    """Return height, width and channels. Raises ValueError."""
    height, width, channels = map(int, text.split("x"))
    return height, width, channels


def read_images(count: int, image_shape: tuple[int, int, int] | None) -> Dataset:
    """Return `count` training images of the data set file, or of noise, and EVALUATED test images."""
    if image_shape:
        noise = np.random.default_rng(0).integers(256, size=(count, *image_shape), dtype=np.uint8)
        train = test = Split(noise, np.arange(count, dtype=np.uint8) % 10)
    else:
        train, _, test = read_dataset(DATASET_FILE)
    test = Split(*(array[:EVALUATED] for array in test))
    return Dataset(Split(*(array[:count] for array in train)), test, test)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tools.benchmark", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=["width", "depth"], help="default: width depth")
    parser.add_argument("--images", type=int, default=6400, help="images per epoch, at most")
    parser.add_argument("--shape", type=shape, metavar="HxWxC", help="noise of this shape, such as 32x32x3")
    options = parser.parse_args()
    with reported_in_one_line("bench"):
        facts, params = machine(), load_params()
        known = {named.name: named for named in params.architectures()}
        if unknown := [name for name in options.names if name not in known]:
            raise InputError(f"NAME: expected {', '.join(known)}, got {', '.join(unknown)}.")
        dataset = read_images(options.images, options.shape)
        for name in options.names:
            known[name].check_fits(dataset.image_shape)
        size = "x".join(map(str, dataset.image_shape))
        epoch = f"{len(dataset.train.labels):,} images of {size} and an evaluation of {len(dataset.test.labels):,}"
        ways = [way for way in WAYS if way != "PyTorch" or find_spec("torch")]
        times = [measure(known[n], dataset, ROUNDS, params.settings(known[n]), ways) for n in options.names]
        print(summarize(pd.concat(times, ignore_index=True)), "", facts, f"- epoch: {epoch}", sep="\n")


if __name__ == "__main__":
    main()
