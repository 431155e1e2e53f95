"""One training from one seed: its input, and that it can be taken up again to the bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tensorflow.python.eager import context

from stages.data.holdout import read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.training.architecture import Architecture, Train
from stages.training.dataset import Dataset, Split
from stages.training.diagnosis import Diagnosis
from stages.training.loop import State, _steps_per_call, evaluation_batches, loss_and_accuracy, train, training_batches
from stages.training.loop import tested as outcome_of  # pytest would take what is called test... for a test
from tests.kinds import KINDS

SAMPLE = Path(__file__).parents[1] / "sample"
SETTINGS = Train(epochs=3, batch_size=128, learning_rate=0.001, threads=2, seeds=[0])
SMALL = Architecture(filters=[2, 4], blocks=1, pooling="max", dense_units=8, activation="relu")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    parts = read_split(SAMPLE, TRAIN_IMAGES, TRAIN_LABELS), read_split(SAMPLE, TEST_IMAGES, TEST_LABELS)
    return split(*parts, validation=100, seed=0)


def numbered(count: int) -> Split:
    """Images of one pixel that holds the image's number, below 256."""
    return Split(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1), np.zeros(count, dtype=np.uint8))


def orders(seed: int, first_epoch: int, count: int = 200) -> list[list[int]]:
    """The images' numbers, a list an epoch, as training_batches gives them."""
    batches = training_batches(numbered(count), 2, SETTINGS, seed, first_epoch)
    pixels = np.concatenate([images.numpy().ravel() for images, _ in batches])
    return [list(order) for order in np.rint((pixels + 1) * 127.5).astype(int).reshape(-1, count)]


def test_every_epoch_holds_every_image_once_in_an_order_of_its_own() -> None:
    epochs = orders(seed=0, first_epoch=0)
    assert len(epochs) == 3
    assert all(sorted(epoch) == list(range(200)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != list(range(200))


def test_order_follows_from_seed_and_epoch_alone() -> None:
    assert orders(seed=0, first_epoch=1) == orders(seed=0, first_epoch=0)[1:]
    assert orders(seed=1, first_epoch=0)[0] != orders(seed=0, first_epoch=0)[0]


def test_batches_are_scaled_to_one_and_labelled_one_hot(dataset: Dataset) -> None:
    images, labels = next(iter(training_batches(dataset.train, 10, SETTINGS, 0, 0)))
    assert images.shape == (128, 28, 28, 1)
    assert (images.numpy().min(), images.numpy().max()) == (-1, 1)
    assert labels.shape == (128, 10)
    assert (labels.numpy().sum(axis=1) == 1).all()


def test_last_batch_of_an_epoch_holds_what_is_left(dataset: Dataset) -> None:
    sizes = [len(labels) for _, labels in training_batches(dataset.train, 10, SETTINGS, 0, 2)]
    assert sizes == [128] * 7 + [4]


def test_evaluation_keeps_the_order(dataset: Dataset) -> None:
    labels = np.concatenate([batch.numpy().argmax(axis=1) for _, batch in evaluation_batches(dataset.test, 10)])
    assert (labels == dataset.test.labels).all()


@pytest.mark.parametrize(("steps", "per_call"), [(430, 43), (469, 7), (8, 8), (1, 1), (97, 1), (50, 50)])
def test_a_call_never_takes_steps_of_the_next_epoch(steps: int, per_call: int) -> None:
    assert _steps_per_call(steps) == per_call
    assert steps % per_call == 0


def _copied(state: State) -> State:
    return replace(state, history=[*state.history], layers=[*state.layers])


def _arrays(state: State) -> list[np.ndarray]:
    return [*state.weights, *state.optimizer, *state.layers]


@pytest.mark.parametrize(
    ("architecture", "average"),
    [(SMALL, 0.0), (KINDS["dropout"], 0.9), (KINDS["all"], 0.9)],
    ids=["small", "dropout, averaged", "all, averaged"],
)
def test_training_taken_up_after_any_epoch_ends_the_same_to_the_bit(
    dataset: Dataset, architecture: Architecture, average: float
) -> None:
    whole, stored, settings = State(), [], SETTINGS.model_copy(update={"average": average})
    train(architecture, dataset, settings, 0, whole, lambda state: stored.append(_copied(state)))
    assert len(stored) == 3
    for epoch, state in enumerate(stored, start=1):
        assert len(state.history) == epoch
        train(architecture, dataset, settings, 0, state, lambda _: None)
        assert state.history == whole.history
        for ours, theirs in zip(_arrays(state), _arrays(whole), strict=True):
            assert ours.tobytes() == theirs.tobytes()


def test_steps_of_one_call_are_those_of_calls_of_one_step(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    together, singly = State(), State()
    train(SMALL, dataset, SETTINGS, 0, together, lambda _: None)
    monkeypatch.setattr("stages.training.loop.MOST_STEPS_PER_CALL", 1)
    train(SMALL, dataset, SETTINGS, 0, singly, lambda _: None)
    assert together.history == singly.history
    for ours, theirs in zip(_arrays(together), _arrays(singly), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_loss_that_is_no_number_ends_the_training_and_is_told_with_its_epoch(dataset: Dataset) -> None:
    state, settings = State(), SETTINGS.model_copy(update={"learning_rate": 1e38})
    train(SMALL, dataset, settings, 0, state, lambda _: None)
    assert state.diverged_epoch is not None
    assert len(state.history) == state.diverged_epoch - 1
    assert np.isfinite(state.history).all()


def test_no_held_out_images_means_that_the_test_images_are_watched(dataset: Dataset) -> None:
    nothing = Split(dataset.test.images[:0], dataset.test.labels[:0])
    assert dataset.monitored is dataset.validation
    assert dataset._replace(validation=nothing).monitored is dataset.test


def test_averages_are_what_is_watched_diagnosed_tested_and_saved_and_the_training_goes_on_without_them(
    dataset: Dataset,
) -> None:
    """With one step an epoch the weights after each step are those of a shorter training."""
    monitored = Dataset(dataset.train, Split(dataset.test.images[:0], dataset.test.labels[:0]), dataset.test)
    settings = SETTINGS.model_copy(update={"batch_size": 10_000, "average": 0.9, "learning_rate": 0.01})
    stored: list[State] = []
    state = State()
    train(SMALL, monitored, settings, 0, state, lambda state: stored.append(_copied(state)))
    plain = State()
    train(SMALL, monitored, settings.model_copy(update={"average": 0.0}), 0, plain, lambda _: None)
    assert all((ours == theirs).all() for ours, theirs in zip(state.weights, plain.weights, strict=True))
    assert [row[0] for row in state.history] == [row[0] for row in plain.history], "the training loss is the same"

    averages = stored[0].weights
    for later in stored[1:]:
        averages = [0.9 * average + 0.1 * weight for average, weight in zip(averages, later.weights, strict=True)]
    outcome = outcome_of(SMALL, monitored, settings, 0, state)
    assert outcome is not None
    for ours, expected in zip(outcome.model.get_weights(), averages, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)
    assert any((ours != raw).any() for ours, raw in zip(outcome.model.get_weights(), state.weights, strict=True))
    assert state.history[-1][2:] == pytest.approx([outcome.loss, outcome.accuracy], rel=1e-5)
    np.testing.assert_array_equal(state.layers[-1], Diagnosis(SMALL, monitored)(outcome.model.get_weights()))


def test_loss_and_accuracy_are_those_of_a_worked_example() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], dtype=np.float32)
    loss, accuracy = loss_and_accuracy(probabilities, np.array([0, 2], dtype=np.uint8))
    assert loss == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert accuracy == 0.5


def test_gradients_are_a_graph_of_their_own_in_the_loop_over_steps(dataset: Dataset) -> None:
    context.enable_run_metadata()
    train(SMALL, dataset, SETTINGS, 0, State(), lambda _: None)
    metadata = context.export_run_metadata()
    context.disable_run_metadata()
    partitions = [graph for ran in metadata.function_graphs for graph in ran.partition_graphs]
    graphs = [" ".join(node.op for node in graph.node) for graph in partitions]
    with_gradient = [graph for graph in graphs if "MaxPoolGrad" in graph]
    assert any("NextIteration" in graph for graph in graphs)
    assert with_gradient
    assert not any("NextIteration" in graph for graph in with_gradient)


def test_labels_of_any_numbers_train_as_those_from_0_on_to_the_bit(dataset: Dataset) -> None:
    apart = Dataset(*(Split(part.images, 25 * part.labels + 1) for part in dataset))
    settings = SETTINGS.model_copy(update={"epochs": 1})
    outcomes = []
    for labelled in (dataset, apart):
        state = State()
        train(SMALL, labelled, settings, 0, state, lambda _: None)
        outcome = outcome_of(SMALL, labelled, settings, 0, state)
        assert outcome is not None
        assert outcome.probabilities.shape == (200, 10)
        arrays = [array.tobytes() for array in [*_arrays(state), outcome.probabilities]]
        outcomes.append((state.history, arrays, outcome.loss, outcome.accuracy))
    assert outcomes[0] == outcomes[1]
