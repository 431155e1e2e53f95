"""The ways of loop that tools/measuring/benchmark.py compares, in processes that take turns.

A way sets everything up, and calls its `turns` before the first epoch and after each.
"""

import os
import resource
from itertools import count
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

import numpy as np

from stages.data.dataset import Dataset, Split
from stages.network.architecture import Architecture
from stages.training.settings import Train

TORCH_EVALUATION_BATCH = 1000  # images, as in stages.training, which would bring TensorFlow along
SGEMM_SIDE = 2048


class Turns:
    """Where a contender stops after each epoch, until it is its turn again."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.began: float | None = None

    def __call__(self, *_: Any) -> None:
        """Tell the seconds since it last went on, if it has, and the process's peak memory in bytes; then wait."""
        if self.began is not None:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            self.connection.send((perf_counter() - self.began, peak))
        try:
            self.connection.recv()
        except EOFError:
            os._exit(0)  # out of the middle of a loop
        self.began = perf_counter()


def ours(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    turns: Turns,
    fast: bool = True,
    sharded: bool = True,
) -> None:
    """The pipeline's own loop. Threads that have no shards of a batch share every operation."""
    from stages.network.backend import start
    from stages.training.loop import State, train

    start(**{"inter_op" if sharded else "intra_op": settings.threads})
    turns()
    train(architecture, dataset, settings, 0, State(), turns, fast=fast)


def stock(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """The pipeline's loop with stock Keras layers and Keras's Adam; input and loop are the same."""
    ours(architecture, dataset, settings, turns, fast=False, sharded=False)


def notebook(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """NumPy arrays of float64 into `fit`, everything as Keras sets it, the test images watched."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    from stages.network.architecture import build_model

    def arrays(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images[..., np.newaxis] / 127.5 - 1, keras.utils.to_categorical(labels, dataset.classes)

    model = build_model(architecture, dataset.image_shape, dataset.classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    turns()
    model.fit(
        *arrays(dataset.train.images, dataset.train.labels),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=arrays(dataset.test.images, dataset.test.labels),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=turns)],
    )


def torch_eager(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch as it comes."""
    _torch(architecture, dataset, settings, turns)


def torch_channels_last(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch with channels last in memory."""
    _torch(architecture, dataset, settings, turns, channels_last=True)


def torch_compiled(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """PyTorch with channels last, model and loss compiled."""
    _torch(architecture, dataset, settings, turns, channels_last=True, compiled=True)


def _torch(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    turns: Turns,
    channels_last: bool = False,
    compiled: bool = False,
) -> None:
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of compilers, which would outlive the turns
    import torch

    torch.set_num_threads(settings.threads)
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = _torch_model(architecture, dataset).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)

    def tensors(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        scaled = torch.from_numpy(images).float()[:, None] / 127.5 - 1
        return scaled.to(memory_format=layout), torch.from_numpy(labels).long()

    def loss_of(images: Any, labels: Any) -> Any:
        return torch.nn.functional.cross_entropy(model(images), labels)

    loss = torch.compile(loss_of) if compiled else loss_of
    images, labels = tensors(dataset.train.images, dataset.train.labels)
    test_images, test_labels = tensors(dataset.test.images, dataset.test.labels)
    turns()
    for _ in range(settings.epochs):
        for chosen in torch.randperm(len(labels)).split(settings.batch_size):
            optimizer.zero_grad()
            loss(images[chosen], labels[chosen]).backward()
            optimizer.step()
        with torch.no_grad():
            pairs = zip(
                test_images.split(TORCH_EVALUATION_BATCH), test_labels.split(TORCH_EVALUATION_BATCH), strict=True
            )
            sum(loss(*pair).item() for pair in pairs)
        turns()


def _torch_model(architecture: Architecture, dataset: Dataset) -> Any:
    from torch import nn

    wanted = architecture.activation.replace("_", "")  # Keras's leaky_relu is PyTorch's LeakyReLU
    activation = next(getattr(nn, name) for name in dir(nn) if name.lower() == wanted)
    pooling = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[architecture.pooling]
    first, second = architecture.filters
    layers, channels = [], 1
    for _ in range(architecture.blocks):
        layers += [
            nn.Conv2d(channels, first, 5, padding=2),
            activation(),
            pooling(3, stride=1),
            nn.Conv2d(first, second, 5),
            activation(),
        ]
        channels = second
    height, width = architecture.image_sizes(*dataset.image_shape)[-1]
    layers += [
        nn.Flatten(),
        nn.Linear(channels * height * width, architecture.dense_units),
        activation(),
        nn.Linear(architecture.dense_units, dataset.classes),
    ]
    return nn.Sequential(*layers)


def sgemm(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """No loop: a product of two square float32 matrices, SGEMM_SIDE a side, by the same library and threads."""
    del architecture, dataset
    from stages.network.backend import start, tf

    start(intra_op=settings.threads)
    square = tf.random.normal([SGEMM_SIDE, SGEMM_SIDE])
    turns()
    for _ in count():
        tf.matmul(square, square).numpy()
        turns()


def without_convolution(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own convolution."""
    from stages.network import fast
    from stages.network.backend import keras

    vars(fast).update(Conv2D=keras.layers.Conv2D)  # in this process alone, as in the next three
    ours(architecture, dataset, settings, turns)


def without_pooling(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own pooling."""
    from stages.network import fast
    from stages.network.backend import keras

    vars(fast).update(MaxPooling2D=keras.layers.MaxPooling2D, AveragePooling2D=keras.layers.AveragePooling2D)
    ours(architecture, dataset, settings, turns)


def without_adam(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own Adam."""
    from stages.network.backend import keras
    from stages.training import loop

    vars(loop).update(FusedAdam=keras.optimizers.Adam)
    ours(architecture, dataset, settings, turns)


def without_shards(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own model, whose threads share every layer."""
    from stages.network import fast
    from stages.network.backend import keras

    vars(fast).update(ShardedSequential=lambda layers, shards, name: keras.Sequential(layers, name=name))
    ours(architecture, dataset, settings, turns, sharded=False)


KERAS_WAYS = [ours, stock, notebook]
TORCH_WAYS = [torch_eager, torch_channels_last, torch_compiled]
WITHOUT_PAUSE = {"notebook"}  # tf.data's autotuner stalls for longer where an iterator has waited for its turn
PIECES = [without_convolution, without_pooling, without_adam, without_shards]
WAYS = {way.__name__: way for way in (*KERAS_WAYS, *TORCH_WAYS, *PIECES, sgemm)}


def shortened(dataset: Dataset, train: int, test: int) -> Dataset:
    """The first `train` images of the loop part, and the first `test` test images to be watched."""
    watched = Split(*(array[:test] for array in dataset.test))
    return Dataset(Split(*(array[:train] for array in dataset.train)), watched, watched)


def contend(way: str, connection: Connection, architecture: Architecture, dataset: Dataset, settings: Train) -> None:
    """What a contender's process does."""
    WAYS[way](architecture, dataset, settings, Turns(connection))
