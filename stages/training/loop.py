"""One Keras training of one architecture from one seed: its input, its epochs, and its test.

Over 200 lines, since a training depends on as few files as decide what it writes, and all of this does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stages.training.architecture import Architecture, build_model, model_input
from stages.training.backend import keras, tf
from stages.training.dataset import Dataset, Split
from stages.training.diagnosis import Diagnosis
from stages.training.fast import FusedAdam
from stages.training.results import EPOCH_COLUMNS

if TYPE_CHECKING:
    from stages.training.architecture import Train

EVALUATION_BATCH = 1000  # images; large batches save 0.2 s an epoch
MOST_STEPS_PER_CALL = 50  # training steps in one call of the graph: saves 0.4 s an epoch, keeps the display alive
_as_it_stands = tf.autograph.experimental.do_not_convert  # AutoGraph would look for loops: there are none


@dataclass
class State:
    """All that a training needs in order to go on after an epoch.

    The order of images follows from seed and epoch, and what is dropped out from seed and step.
    """

    history: list[list[float]] = field(default_factory=list)  # a row of EPOCH_COLUMNS for every finished epoch, nats
    weights: list[np.ndarray] = field(default_factory=list)  # float32, in the order of Keras's `get_weights`
    optimizer: list[np.ndarray] = field(default_factory=list)  # of Keras's `optimizer.variables`; averages are there
    layers: list[np.ndarray] = field(default_factory=list)  # a Diagnosis of epoch 0 and of every finished one
    diverged_epoch: int | None = None  # the epoch, from 1, at which a loss was no finite number: training ends there


def train(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    seed: int,
    state: State,
    after_epoch: Callable[[State], None],
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    fast: bool = True,
) -> None:
    """Train to the last epoch from wherever `state` stands, and leave it as it is then.

    `after_epoch` gets the state after every epoch, to store it. The result is the same to the bit however often the
    training was taken up again. Without `fast` the layers and the optimizer are Keras's own, to be compared with.
    """
    if state.diverged_epoch or len(state.history) >= settings.epochs:
        return
    steps = ceil(len(dataset.train.labels) / settings.batch_size)
    model = new_model(architecture, dataset, settings, seed, _steps_per_call(steps), fast=fast)
    if state.history:
        restore(model, state)
    model.fit(
        training_batches(
            dataset.indexed(dataset.train), dataset.classes, settings, seed, first_epoch=len(state.history)
        ),
        validation_data=evaluation_batches(dataset.indexed(dataset.monitored), dataset.classes),
        initial_epoch=len(state.history),
        epochs=settings.epochs,
        steps_per_epoch=steps,
        shuffle=False,  # the batches come shuffled
        verbose=0,
        callbacks=[
            _WatchAverages(),
            _KeepState(state, architecture, dataset, after_epoch),
            *callbacks,
        ],
    )


def new_model(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    seed: int,
    steps_per_call: int = 1,
    *,
    fast: bool = False,
) -> keras.Model:
    """The compiled model with the seed's initial weights. Every source of randomness is set to the seed.

    `fast` is for training: the same weights in layers of ours, where the model that is saved has Keras's own.
    """
    keras.utils.clear_session()  # or Keras would count names on, and the bytes of a model follow what was built before
    keras.utils.set_random_seed(seed)
    model = build_model(architecture, dataset.image_shape, dataset.classes, settings.threads if fast else None, seed)
    averages = {"use_ema": True, "ema_momentum": settings.ema_momentum} if settings.ema_momentum else {}
    model.compile(
        optimizer=(FusedAdam if fast else keras.optimizers.Adam)(settings.learning_rate, **averages),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=["accuracy"],
        steps_per_execution=steps_per_call,
        jit_compile=False,  # XLA's convolutions are 2 to 4 times slower on a processor
    )
    label = tf.one_hot([0], dataset.classes)
    model.optimizer.build(model.trainable_variables)  # variables that a step makes cost it a second tracing
    model.compute_metrics(None, label, label)  # makes those of the metrics; `fit` sets them back
    return model


def restore(model: keras.Model, state: State) -> None:
    """Put the state's weights, Adam's moments and the averages into a model that `new_model` made."""
    model.set_weights(state.weights)
    for variable, value in zip(model.optimizer.variables, state.optimizer, strict=True):
        variable.assign(value)


def averaged(model: keras.Model) -> list[np.ndarray]:
    """The weights to be evaluated, in the order of `get_weights`: their averages, where the optimizer has any."""
    weights: list[np.ndarray] = model.get_weights()
    if not model.optimizer.use_ema:
        return weights
    model.optimizer.finalize_variable_values(model.trainable_variables)
    averages: list[np.ndarray] = model.get_weights()
    model.set_weights(weights)
    return averages


def training_batches(split: Split, classes: int, settings: Train, seed: int, first_epoch: int) -> tf.data.Dataset:
    """Batches (images float32 `[B, H, W, 1]` in [-1, 1], labels one-hot `[B, classes]`) of all epochs still to come.

    The split's labels are indices of classes, as `Dataset.indexed` gives them.
    An epoch's order is a function of (seed, epoch). The last batch of an epoch holds what is left.
    """
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    count, size = len(split.labels), settings.batch_size

    @_as_it_stands
    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch])

        @_as_it_stands
        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = order[step * size : (step + 1) * size]
            return model_input(tf.gather(images, chosen)), tf.one_hot(tf.gather(labels, chosen), classes)

        return tf.data.Dataset.range(ceil(count / size)).map(batch)

    epochs = tf.data.Dataset.range(first_epoch, settings.epochs)
    return epochs.flat_map(epoch_batches).with_options(_data_options())


def evaluation_batches(split: Split, classes: int) -> tf.data.Dataset:
    """The split in its own order, in batches as `training_batches` gives them."""

    @_as_it_stands
    def batch(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return model_input(images), tf.one_hot(labels, classes)

    arrays = tf.data.Dataset.from_tensor_slices((split.images, split.labels)).batch(EVALUATION_BATCH)
    return arrays.map(batch).with_options(_data_options())


def _data_options() -> tf.data.Options:
    """No autotuner: whenever an iterator is dropped it idles all cores for 0.6 to 20 s."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return options


def _steps_per_call(steps: int) -> int:
    """The largest divisor of an epoch's steps: a call that took more would take them from the next epoch."""
    return max(n for n in range(1, MOST_STEPS_PER_CALL + 1) if steps % n == 0)


class Tested(NamedTuple):
    """A finished training's model, in Keras's own layers, and what it makes of the test images."""

    model: keras.Model
    probabilities: np.ndarray  # of the classes, float32 `[N, classes]`
    loss: float  # nats
    accuracy: float


def tested(architecture: Architecture, dataset: Dataset, settings: Train, seed: int, state: State) -> Tested | None:
    """None of a training that diverged."""
    if state.diverged_epoch:
        return None
    model = new_model(architecture, dataset, settings, seed)
    restore(model, state)
    model.set_weights(averaged(model))
    test = dataset.indexed(dataset.test)
    probabilities = model.predict(evaluation_batches(test, dataset.classes), verbose=0)
    return Tested(model, probabilities, *loss_and_accuracy(probabilities, test.labels))


def loss_and_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Of `probabilities` float32 `[N, classes]` for `labels` `[N]`, the index of an image's class.

    The mean categorical cross-entropy in nats, and the fraction of images whose class is the most probable one.
    """
    loss = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    return float(np.mean(loss)), float(np.mean(probabilities.argmax(axis=1) == labels))


class _WatchAverages(keras.callbacks.Callback):
    """Evaluate the averages of the weights. Keras's own SwapEMAWeights exchanges the two by sums, which round."""

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer.use_ema:
            self.weights = self.model.get_weights()
            self.model.set_weights(averaged(self.model))

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer.use_ema:
            self.model.set_weights(self.weights)


class _KeepState(keras.callbacks.Callback):
    """Bring the state up to date after every epoch; end the training at a loss that is NaN or infinite."""

    def __init__(
        self, state: State, architecture: Architecture, dataset: Dataset, after_epoch: Callable[[State], None]
    ) -> None:
        super().__init__()
        self.state, self.architecture, self.dataset, self.after_epoch = state, architecture, dataset, after_epoch

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.architecture, self.dataset)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.initial = self.model.get_weights()  # measured later: the first step need not wait for it

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        row = [float(logs[column]) for column in EPOCH_COLUMNS]
        if np.all(np.isfinite(row)):
            if not self.state.history:
                self.state.layers.append(self.diagnosis(self.initial))
            self.state.history.append(row)
            self.state.weights = self.model.get_weights()
            self.state.optimizer = [np.asarray(variable) for variable in self.model.optimizer.variables]
            self.state.layers.append(self.diagnosis(averaged(self.model)))
        else:
            self.state.diverged_epoch = epoch + 1
            self.model.stop_training = True
        self.after_epoch(self.state)
