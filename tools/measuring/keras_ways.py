"""The pipeline's own loop, others with Keras, and ours with a piece of stages/training/fast.py taken away.

A way sets everything up, and calls its `turns` before the first epoch and after each.
"""

import os
from itertools import count

import numpy as np

from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset
from tools.measuring.turns import Turns

SGEMM_SIDE = 2048


def ours(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    turns: Turns,
    fast: bool = True,
    sharded: bool = True,
) -> None:
    """The pipeline's own loop. Threads that have no shards of a batch share every operation."""
    from stages.training.backend import start
    from stages.training.loop import State, train

    start(settings.threads, split_operations=not sharded or architecture.whole_batches)
    turns()
    train(architecture, dataset, settings, 0, State(), turns, fast=fast)


def stock(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """The pipeline's loop with stock Keras layers and Keras's Adam; input and loop are the same."""
    ours(architecture, dataset, settings, turns, fast=False, sharded=False)


def notebook(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """NumPy arrays of float64 into `fit`, everything as Keras sets it, the test images monitored."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras

    from stages.training.architecture import build_model

    def arrays(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return images[..., np.newaxis] / 127.5 - 1, keras.utils.to_categorical(labels, dataset.classes)

    model = build_model(architecture, dataset.image_shape, dataset.classes)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    turns()
    model.fit(
        *arrays(*dataset.indexed(dataset.train)),
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        validation_data=arrays(*dataset.indexed(dataset.test)),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=turns)],
    )


def sgemm(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """No loop: a product of two square float32 matrices, SGEMM_SIDE a side, by the same library and threads."""
    del architecture, dataset
    from stages.training.backend import start, tf

    start(settings.threads, split_operations=True)
    square = tf.random.normal([SGEMM_SIDE, SGEMM_SIDE])
    turns()
    for _ in count():
        tf.matmul(square, square).numpy()
        turns()


def without_convolution(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own convolution."""
    from stages.training import fast
    from stages.training.backend import keras

    vars(fast).update(Conv2D=keras.layers.Conv2D)  # in this process alone, as in the next three
    ours(architecture, dataset, settings, turns)


def without_pooling(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own pooling."""
    from stages.training import fast
    from stages.training.backend import keras

    vars(fast).update(MaxPooling2D=keras.layers.MaxPooling2D, AveragePooling2D=keras.layers.AveragePooling2D)
    ours(architecture, dataset, settings, turns)


def without_adam(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own Adam."""
    from stages.training import loop
    from stages.training.backend import keras

    vars(loop).update(FusedAdam=keras.optimizers.Adam)
    ours(architecture, dataset, settings, turns)


def without_shards(architecture: Architecture, dataset: Dataset, settings: Train, turns: Turns) -> None:
    """Ours, with Keras's own model, whose threads share every layer, and the dropout that goes with it."""
    from stages.training import fast
    from stages.training.backend import keras

    vars(fast).update(Dropout=keras.layers.Dropout)
    vars(fast).update(ShardedSequential=lambda layers, shards, seed, name: keras.Sequential(layers, name=name))
    ours(architecture, dataset, settings, turns, sharded=False)


WAYS = [ours, stock, notebook]
PIECES = [without_convolution, without_pooling, without_adam, without_shards]
