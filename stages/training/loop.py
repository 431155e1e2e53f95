"""One Keras training of one architecture from one seed: input, epochs, and test."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from math import ceil
from pathlib import Path

import numpy as np

from stages.training.architecture import Architecture, Train, build_model, model_input
from stages.training.backend import keras, tf
from stages.training.dataset import Dataset, Split
from stages.training.diagnosis import Diagnosis
from stages.training.fast import FusedAdam
from stages.training.results import EPOCH_COLUMNS, SeedOutput, SeedResult, State, epochs_to_learn, save_model

EVALUATION_BATCH = 1000  # images; large batches save 0.2 s per epoch
MOST_STEPS_PER_CALL = 50  # training steps in one call of the graph, which saves 0.4 s per epoch
_without_autograph = tf.autograph.experimental.do_not_convert  # it would look for loops; there are none


def train(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    seed: int,
    state: State,
    after_epoch: Callable[[State], None],
    *,
    fast: bool = True,
) -> None:
    """Train from `state` to the last epoch and update `state`.

    `after_epoch` receives the state after every epoch, to store it; an exception that it raises ends the training.
    The result is bit-identical however often a training was interrupted and resumed. Without `fast`, layers and
    optimizer are Keras's own, for comparison.
    """
    if state.diverged_epoch or len(state.history) >= settings.epochs:
        return
    steps = ceil(len(dataset.train.labels) / settings.batch_size)
    model = new_model(architecture, dataset, settings, seed, _steps_per_call(steps), fast=fast)
    if state.history:
        restore(model, state)
    model.fit(
        training_batches(
            dataset.index_labels(dataset.train), dataset.classes, settings, seed, first_epoch=len(state.history)
        ),
        validation_data=evaluation_batches(dataset.index_labels(dataset.monitored), dataset.classes),
        initial_epoch=len(state.history),
        epochs=settings.epochs,
        steps_per_epoch=steps,
        shuffle=False,  # the batches come shuffled
        verbose=0,
        callbacks=[
            _EvaluateAverages(),
            _UpdateState(state, architecture, dataset, after_epoch),
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
    """Return the compiled model with the seed's initial weights; every source of randomness is set to the seed.

    `fast` is for training: our layers with the same weights; the saved model has Keras's own.
    """
    keras.utils.clear_session()  # otherwise Keras counts on, and names would depend on the models built before
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
    model.optimizer.build(model.trainable_variables)  # variables made in a step would cost a second tracing
    model.compute_metrics(None, label, label)  # builds the metrics' variables; `fit` resets them
    return model


def restore(model: keras.Model, state: State) -> None:
    """Load the state's weights, Adam's moments and the moving averages into a model from `new_model`."""
    model.set_weights(state.weights)
    for variable, value in zip(model.optimizer.variables, state.optimizer, strict=True):
        variable.assign(value)


def weights_to_evaluate(model: keras.Model) -> list[np.ndarray]:
    """Return the weights to evaluate, in the order of `get_weights`: the moving averages if the optimizer has any."""
    weights: list[np.ndarray] = model.get_weights()
    if not model.optimizer.use_ema:
        return weights
    model.optimizer.finalize_variable_values(model.trainable_variables)
    averages: list[np.ndarray] = model.get_weights()
    model.set_weights(weights)
    return averages


def training_batches(split: Split, classes: int, settings: Train, seed: int, first_epoch: int) -> tf.data.Dataset:
    """Return the batches of all remaining epochs: images float32 `[B, H, W, C]`, labels one-hot `[B, classes]`.

    The split's labels are indices of classes, as `Dataset.index_labels` returns them. The order of an epoch follows
    from (seed, epoch). The last batch of an epoch has the remaining images.
    """
    images, labels = tf.constant(split.images), tf.constant(split.labels)
    count, size = len(split.labels), settings.batch_size

    @_without_autograph
    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch])

        @_without_autograph
        def batch(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = order[step * size : (step + 1) * size]
            return model_input(tf.gather(images, chosen)), tf.one_hot(tf.gather(labels, chosen), classes)

        return tf.data.Dataset.range(ceil(count / size)).map(batch)

    epochs = tf.data.Dataset.range(first_epoch, settings.epochs)
    return epochs.flat_map(epoch_batches).with_options(_data_options())


def evaluation_batches(split: Split, classes: int) -> tf.data.Dataset:
    """Return the split in its own order, in batches shaped as those of `training_batches`."""

    @_without_autograph
    def batch(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return model_input(images), tf.one_hot(labels, classes)

    arrays = tf.data.Dataset.from_tensor_slices((split.images, split.labels)).batch(EVALUATION_BATCH)
    return arrays.map(batch).with_options(_data_options())


def _data_options() -> tf.data.Options:
    """Return options without the autotuner, which stalls all cores for 0.6 to 20 s when an iterator is dropped."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return options


def _steps_per_call(steps: int) -> int:
    """Return the largest divisor of an epoch's steps: other numbers would take steps from the next epoch."""
    return max(n for n in range(1, MOST_STEPS_PER_CALL + 1) if steps % n == 0)


def evaluate(
    architecture: Architecture, dataset: Dataset, settings: Train, seed: int, state: State, scratch: Path
) -> SeedOutput:
    """Test a finished training and return its part of the files of its architecture.

    The saved model has Keras's own layers; `scratch`, a path that ends in .keras, holds it for a moment. A network with
    batch normalization is tested with the fast layers, whose evaluation does not depend on the processor's maker.
    """
    model = new_model(architecture, dataset, settings, seed, fast=architecture.whole_batches)
    probabilities, content, test_loss, test_accuracy = np.empty((0, dataset.classes), np.float32), b"", None, None
    validation_loss = validation_accuracy = None
    if not state.diverged_epoch:
        test = dataset.index_labels(dataset.test)
        _finish(model, state)
        probabilities = model.predict(evaluation_batches(test, dataset.classes), verbose=0)
        test_loss, test_accuracy = loss_and_accuracy(probabilities, test.labels)
        if architecture.whole_batches:
            model = new_model(architecture, dataset, settings, seed)
            _finish(model, state)
        save_model(scratch, model)
        content = scratch.read_bytes()
        scratch.unlink()
        if len(dataset.validation.labels):
            *_, validation_loss, validation_accuracy = state.history[-1]
    learned = None if state.diverged_epoch else epochs_to_learn([row[0] for row in state.history], dataset.chance_loss)
    return SeedOutput(
        SeedResult(
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            learned=learned is not None,
            epochs_to_learn=learned,
            diverged_epoch=state.diverged_epoch,
        ),
        model.count_params(),
        dataset.classes,
        np.array(state.history, dtype=np.float64).reshape(-1, len(EPOCH_COLUMNS)),
        np.array(state.layers) if state.layers else np.empty((0, 0, 3)),
        content,
        probabilities,
    )


def _finish(model: keras.Model, state: State) -> None:
    """Load the weights of a finished training: their moving averages if there are any."""
    restore(model, state)
    model.set_weights(weights_to_evaluate(model))


def loss_and_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean categorical cross-entropy in nats and the fraction of images whose most probable class is right.

    `probabilities` are float32 `[N, classes]`, `labels` `[N]` are indices of classes.
    """
    loss = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    return float(np.mean(loss)), float(np.mean(probabilities.argmax(axis=1) == labels))


class _EvaluateAverages(keras.callbacks.Callback):
    """Evaluate the moving averages of the weights. Keras's SwapEMAWeights swaps the two by sums, which round."""

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer.use_ema:
            self.weights = self.model.get_weights()
            self.model.set_weights(weights_to_evaluate(self.model))

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        if self.model.optimizer.use_ema:
            self.model.set_weights(self.weights)


class _UpdateState(keras.callbacks.Callback):
    """Update the state after every epoch; end the training at a loss that is NaN or infinite."""

    def __init__(
        self, state: State, architecture: Architecture, dataset: Dataset, after_epoch: Callable[[State], None]
    ) -> None:
        super().__init__()
        self.state, self.architecture, self.dataset, self.after_epoch = state, architecture, dataset, after_epoch

    @cached_property
    def diagnosis(self) -> Diagnosis:
        return Diagnosis(self.architecture, self.dataset)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.initial = self.model.get_weights()  # measured later, so that the first step does not wait

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
            self.state.layers.append(self.diagnosis(weights_to_evaluate(self.model)))
        else:
            self.state.diverged_epoch = epoch + 1
            self.model.stop_training = True
        self.after_epoch(self.state)
