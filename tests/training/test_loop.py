"""One training from one seed: its input, what it monitors, and that it resumes to the bit."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tensorflow.python.eager import context

from stages.training.architecture import Architecture, Train
from stages.training.backend import keras
from stages.training.dataset import Dataset, Split
from stages.training.diagnosis import Diagnosis
from stages.training.loop import (
    _steps_per_call,
    evaluate,
    evaluation_batches,
    loss_and_accuracy,
    train,
    training_batches,
)
from stages.training.results import State
from tests.kinds import KINDS, SETTINGS, SMALL, sample

ONE_EPOCH = SETTINGS.model_copy(update={"epochs": 1})
NOTHING = Split(sample().test.images[:0], sample().test.labels[:0])


def orders(seed: int, first_epoch: int, count: int = 200) -> list[list[int]]:
    """Return the numbers of the images in the order of training_batches, one list per epoch."""
    numbered = Split(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1), np.zeros(count, dtype=np.uint8))
    batches = training_batches(numbered, 2, SETTINGS, seed, first_epoch)
    pixels = np.concatenate([images.numpy().ravel() for images, _ in batches])
    return [list(order) for order in np.rint((pixels + 1) * 127.5).astype(int).reshape(-1, count)]


def test_every_epoch_has_every_image_once_in_an_order_that_follows_from_seed_and_epoch() -> None:
    epochs = orders(seed=0, first_epoch=0)
    assert len(epochs) == 3
    assert all(sorted(epoch) == list(range(200)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != list(range(200))
    assert orders(seed=0, first_epoch=1) == epochs[1:]
    assert orders(seed=1, first_epoch=0)[0] != epochs[0]


def test_batches_are_scaled_to_one_and_labelled_one_hot_and_the_last_has_the_rest() -> None:
    batches = list(training_batches(sample().train, 10, SETTINGS, 0, 2))
    images, labels = batches[0]
    assert images.shape == (128, 28, 28, 1)
    assert (images.numpy().min(), images.numpy().max()) == (-1, 1)
    assert (labels.numpy().sum(axis=1) == 1).all()
    assert [batch.shape for _, batch in batches] == [(128, 10)] * 7 + [(4, 10)]
    test = sample().test
    in_order = np.concatenate([batch.numpy().argmax(axis=1) for _, batch in evaluation_batches(test, 10)])
    assert (in_order == test.labels).all()


@pytest.mark.parametrize(("steps", "per_call"), [(430, 43), (469, 7), (8, 8), (1, 1), (97, 1), (50, 50)])
def test_call_never_takes_steps_of_the_next_epoch(steps: int, per_call: int) -> None:
    assert _steps_per_call(steps) == per_call


def trained(architecture: Architecture, dataset: Dataset, settings: Train) -> list[State]:
    """Return the states after each epoch of a training from seed 0; the last one is finished."""
    states, whole = list[State](), State()

    def after_epoch(state: State) -> None:
        states.append(replace(state, history=[*state.history], layers=[*state.layers]))

    train(architecture, dataset, settings, 0, whole, after_epoch)
    return states


def _bytes(state: State) -> list[object]:
    return [state.history, *(array.tobytes() for array in [*state.weights, *state.optimizer, *state.layers])]


@pytest.mark.parametrize(("name", "momentum"), [("dropout", 0.9), ("all", 0.0)])
def test_training_resumed_after_an_epoch_ends_with_the_same_bytes(name: str, momentum: float) -> None:
    settings = SETTINGS.model_copy(update={"ema_momentum": momentum})
    state, *others = trained(KINDS[name], sample(), settings)
    assert [len(state.history), *(len(other.history) for other in others)] == [1, 2, 3]
    train(KINDS[name], sample(), settings, 0, state, lambda _: None)
    assert _bytes(state) == _bytes(others[-1])


@cache
def one_epoch() -> State:
    return trained(SMALL, sample(), ONE_EPOCH)[0]


def test_steps_of_one_call_are_those_of_calls_of_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    together = one_epoch()
    monkeypatch.setattr("stages.training.loop.MOST_STEPS_PER_CALL", 1)
    (singly,) = trained(SMALL, sample(), ONE_EPOCH)
    assert _bytes(together) == _bytes(singly)


def test_loss_that_is_no_number_ends_the_training_which_has_no_model(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e38})
    state = trained(SMALL, sample(), settings)[-1]
    assert state.diverged_epoch == len(state.history) + 1
    assert np.isfinite(state.history).all()
    output = evaluate(SMALL, sample(), settings, 0, state, tmp_path / "scratch.keras")
    assert (output.result.learned, output.result.diverged_epoch) == (False, state.diverged_epoch)
    assert (output.result.test_accuracy, output.result.validation_loss) == (None, None)
    assert (output.model, output.probabilities.shape) == (b"", (0, 10))


def test_averages_are_monitored_diagnosed_tested_and_saved_and_the_training_does_not_use_them(tmp_path: Path) -> None:
    """With one step per epoch the weights after each step are those of a shorter training."""
    dataset = sample()._replace(validation=NOTHING)
    settings = SETTINGS.model_copy(update={"batch_size": 10_000, "ema_momentum": 0.9, "learning_rate": 0.01})
    states = trained(SMALL, dataset, settings)
    plain = trained(SMALL, dataset, settings.model_copy(update={"ema_momentum": 0.0}))[-1]
    state = states[-1]
    assert all((ours == theirs).all() for ours, theirs in zip(state.weights, plain.weights, strict=True))
    assert [row[0] for row in state.history] == [row[0] for row in plain.history], "the training loss is the same"

    averages = states[0].weights
    for later in states[1:]:
        averages = [0.9 * average + 0.1 * weight for average, weight in zip(averages, later.weights, strict=True)]
    output = evaluate(SMALL, dataset, settings, 0, state, tmp_path / "scratch.keras")
    (tmp_path / "model.keras").write_bytes(output.model)
    saved = keras.models.load_model(tmp_path / "model.keras").get_weights()
    for ours, expected in zip(saved, averages, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)
    assert any((ours != raw).any() for ours, raw in zip(saved, state.weights, strict=True))
    np.testing.assert_array_equal(state.layers[-1], Diagnosis(SMALL, dataset)(saved))
    assert state.history[-1][2:] == pytest.approx([output.result.test_loss, output.result.test_accuracy], rel=1e-5)
    assert (output.result.validation_loss, output.result.validation_accuracy) == (None, None)


def test_loss_and_accuracy_are_those_of_a_worked_example() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)
    loss, accuracy = loss_and_accuracy(probabilities, np.array([0, 2], dtype=np.uint8))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert accuracy == 0.5


def test_gradients_are_a_graph_of_their_own_in_the_loop_over_steps() -> None:
    context.enable_run_metadata()
    train(SMALL, sample(), ONE_EPOCH, 0, State(), lambda _: None)
    metadata = context.export_run_metadata()
    context.disable_run_metadata()
    partitions = [graph for ran in metadata.function_graphs for graph in ran.partition_graphs]
    graphs = [" ".join(node.op for node in graph.node) for graph in partitions]
    with_gradient = [graph for graph in graphs if "MaxPoolGrad" in graph]
    assert any("NextIteration" in graph for graph in graphs)
    assert with_gradient
    assert not any("NextIteration" in graph for graph in with_gradient)


def test_labels_of_any_numbers_train_as_those_from_0_on_to_the_bit(tmp_path: Path) -> None:
    apart = Dataset(*(Split(part.images, 25 * part.labels + 1) for part in sample()))
    outcomes = []
    for labelled, state in ((sample(), one_epoch()), (apart, trained(SMALL, apart, ONE_EPOCH)[0])):
        output = evaluate(SMALL, labelled, ONE_EPOCH, 0, state, tmp_path / "scratch.keras")
        assert output.probabilities.shape == (200, 10)
        outcomes.append((_bytes(state), output.probabilities.tobytes(), output.model, output.result))
    assert outcomes[0] == outcomes[1]
