"""What a training leaves of its epochs: which numbers, of which epoch, and from when on it counts as learned."""

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.training.architecture import Architecture
from stages.training.dataset import Dataset, Split
from stages.training.loop import State
from stages.training.loop import Tested as Outcome  # pytest would take what is called Test... for tests
from stages.training.results import Output, epochs_to_learn, save_model, seed_result

ARCHITECTURE = Architecture(filters=[2, 4], blocks=1, pooling="max", dense_units=3, activation="sigmoid")
LAYERS = ["block1_conv1", "block1_conv2", "hidden", "probabilities"]
LN10, NINE_TO_ONE = math.log(10), 0.3250830


def dataset_of(labels: list[int], validation: int = 2) -> Dataset:
    train = Split(np.zeros((len(labels), 8, 8), dtype=np.uint8), np.array(labels, dtype=np.uint8))
    return Dataset(train, Split(train.images[:validation], train.labels[:validation]), train)


def trained(losses: list[float], *, diverged: int | None = None) -> State:
    """A training with these losses; every other number is another in every epoch."""
    history = [[loss, 0.1 * k, 10.0 + k, 0.01 * k] for k, loss in enumerate(losses, start=1)]
    layers = [np.array([[epoch + 0.25, 0.5, layer] for layer in range(4)]) for epoch in range(len(losses) + 1)]
    return State(history=history, layers=layers if losses else [], diverged_epoch=diverged)


@pytest.mark.parametrize(
    ("losses", "plateau", "expected"),
    [
        ([2.3026, 2.21, 2.19, 1.5], LN10, 3),
        ([2.3026, 2.3026], LN10, None),
        ([2.2001], LN10, None),
        ([2.1999], LN10, 1),
        ([2.2], LN10, None),
        ([], LN10, None),
        ([1.0, 2.5], LN10, 1),  # it may go up again
        ([0.3251, 0.3251], NINE_TO_ONE, None),  # always the class of 90 %: below ln 2, and nothing learnt
        ([0.3107], NINE_TO_ONE, None),
        ([0.3251, 0.3105], NINE_TO_ONE, 2),  # 2.2 / ln 10 of 0.3251 is 0.3106
    ],
)
def test_start_is_the_first_epoch_whose_loss_is_below_2_2_of_ln_10_of_the_plateau(
    losses: list[float], plateau: float, expected: int | None
) -> None:
    assert epochs_to_learn(losses, plateau) == expected


def test_model_that_always_says_the_class_of_most_labels_has_not_started() -> None:
    dataset = dataset_of([0] * 90 + [1] * 10)
    outcome = seed_result(trained([0.40, 0.33, 0.3251]), None, dataset)
    assert (outcome.learned, outcome.epochs_to_learn) == (False, None)
    assert seed_result(trained([0.40, 0.33, 0.30]), None, dataset).epochs_to_learn == 3


def test_plateau_follows_from_the_training_labels_alone() -> None:
    dataset = dataset_of([0, 1] * 50)._replace(test=dataset_of([0] * 90 + [1] * 10).train)
    assert seed_result(trained([0.67]), None, dataset).learned is False  # 2.2 / ln 10 of ln 2 is 0.6623
    assert seed_result(trained([0.66]), None, dataset).learned is True


def test_validation_s_numbers_are_those_of_the_last_epoch_and_test_s_those_after_it() -> None:
    tested = Outcome(None, np.zeros((2, 2), dtype=np.float32), loss=0.5, accuracy=0.75)
    outcome = seed_result(trained([0.6, 0.4, 0.5]), tested, dataset_of([0, 1]))
    assert (outcome.validation_loss, outcome.validation_accuracy) == (13.0, 0.03)
    assert (outcome.test_loss, outcome.test_accuracy) == (0.5, 0.75)
    assert (outcome.learned, outcome.epochs_to_learn, outcome.diverged_epoch) == (True, 1, None)
    watched_test = seed_result(trained([0.6]), tested, dataset_of([0, 1], validation=0))
    assert (watched_test.validation_loss, watched_test.validation_accuracy) == (None, None)


def test_training_that_diverged_after_it_had_left_the_plateau_is_no_start() -> None:
    outcome = seed_result(trained([0.6, 0.4], diverged=3), None, dataset_of([0, 1]))
    assert (outcome.learned, outcome.epochs_to_learn, outcome.diverged_epoch) == (False, None, 3)
    assert (outcome.test_accuracy, outcome.validation_accuracy) == (None, None)


def test_tables_have_every_epoch_of_every_seed_the_layers_from_before_training_on(tmp_path: Path) -> None:
    output = Output(tmp_path, ARCHITECTURE, dataset_of([3, 9, 9, 40]), parameters=77)
    output.add(5, trained([1.5, 1.25]), None)
    output.add(0, trained([0.125], diverged=2), None)
    output.add(8, trained([], diverged=1), None)
    output.write_tables()
    history = pd.read_csv(tmp_path / "history.csv")
    assert history.to_dict("split")["data"] == [
        [5, 1, 1.5, 0.1, 11.0, 0.01],
        [5, 2, 1.25, 0.2, 12.0, 0.02],
        [0, 1, 0.125, 0.1, 11.0, 0.01],
    ]
    assert list(history.columns) == ["seed", "epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    layers = pd.read_csv(tmp_path / "layers.csv")
    assert layers.to_dict("split")["data"] == [
        [seed, epoch, name, epoch + 0.25, 0.5, layer]
        for seed, epochs in ((5, 3), (0, 2))
        for epoch in range(epochs)
        for layer, name in enumerate(LAYERS)
    ]
    assert list(layers.columns) == ["seed", "epoch", "layer", "mean_activation", "saturated", "gradient_norm"]
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["parameters"], results["classes"], list(results["seeds"])) == (77, 3, ["5", "0", "8"])
    assert results["architecture"] == ARCHITECTURE.model_dump(exclude_defaults=True)


class Saved:
    """What saves itself as Keras's models do: an archive with its date, and with addresses as marks of objects."""

    def __init__(self, first: int, second: int) -> None:
        shared = {"module": "keras", "config": {"seed": None}, "shared_object_id": first}
        self.config = {"layers": [shared, {"inner": [{"shared_object_id": second}, shared]}, {"name": "last"}]}

    def save(self, path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": "3", "date_saved": "2026-01-01@00:00:00"}))
            archive.writestr("config.json", json.dumps(self.config))
            archive.writestr("model.weights.h5", b"\x00weights")


def test_model_s_file_has_no_date_and_small_numbers_for_addresses_and_is_the_same_twice(tmp_path: Path) -> None:
    first: Any = Saved(140_001, 140_777)
    second: Any = Saved(155_003, 155_001)
    for name, model in (("a.keras", first), ("b.keras", second)):
        save_model(tmp_path / name, model)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        content = {name: archive.read(name) for name in archive.namelist()}
    assert list(content) == ["metadata.json", "config.json", "model.weights.h5"]
    assert json.loads(content["metadata.json"]) == {"keras_version": "3"}
    assert json.loads(content["config.json"]) == Saved(0, 1).config
    assert content["model.weights.h5"] == b"\x00weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "b.keras"]


def test_training_that_was_tested_leaves_its_model_and_predictions_under_its_seed(tmp_path: Path) -> None:
    probabilities = np.array([[0.25, 0.75], [1, 0]], dtype=np.float32)
    model: Any = Saved(140_001, 140_777)
    output = Output(tmp_path, ARCHITECTURE, dataset_of([0, 1]), parameters=77)
    output.add(5, trained([0.6, 0.1 + 0.2]), Outcome(model, probabilities, loss=0.5, accuracy=0.75))
    output.add(0, trained([0.6], diverged=2), None)
    assert [path.name for path in tmp_path.iterdir()] == ["seed-5.keras"]
    output.write_tables()
    predictions = np.load(tmp_path / "predictions.npz", allow_pickle=False)
    assert predictions.files == ["seed-5"]
    np.testing.assert_array_equal(predictions["seed-5"], probabilities)
    seeds = json.loads((tmp_path / "results.json").read_text())["seeds"]
    assert (seeds["5"]["test_accuracy"], seeds["5"]["test_loss"]) == (0.75, 0.5)
    assert (seeds["0"]["test_accuracy"], seeds["0"]["diverged_epoch"]) == (None, 2)


def test_layers_are_written_with_five_digits(tmp_path: Path) -> None:
    state = trained([0.5])
    state.layers[0][1] = [1 / 3, 2e-9 / 3, 123456.7]
    output = Output(tmp_path, ARCHITECTURE, dataset_of([0, 1]), parameters=77)
    output.add(0, state, None)
    output.write_tables()
    assert (tmp_path / "layers.csv").read_text().splitlines()[2] == "0,0,block1_conv2,0.33333,6.6667e-10,1.2346e+05"


def test_layers_of_another_architecture_are_not_taken_for_its_own(tmp_path: Path) -> None:
    output = Output(tmp_path, ARCHITECTURE, dataset_of([0, 1]), parameters=77)
    state = trained([0.5])
    state.layers[0] = state.layers[0][:3]
    with pytest.raises(ValueError, match="zip"):
        output.add(0, state, None)
