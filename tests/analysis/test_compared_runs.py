"""What the statistics and the page are given of trainings on disk, of a made-up study."""

from pathlib import Path

import numpy as np
import pytest

from stages.analysis.runs import Trained, trained
from stages.analysis.tables import accuracy_table, best_run, compared_runs, members
from stages.params import load_params
from stages.training.results import Results
from tests.made_up_study import dataset, probabilities


@pytest.fixture
def every(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Trained]:
    """The study's trainings by name, with its folder as the working directory."""
    monkeypatch.chdir(made_up)
    params = load_params()
    return {described.name: trained(described, params) for described in params.architectures()}


def test_accuracies_that_verdicts_see_are_those_of_runs_that_started(every: dict[str, Trained]) -> None:
    compared = compared_runs(every["w2-4"], dataset(), average=0)
    assert compared.accuracies == [0.80, 0.84]
    assert compared.overall == [0.32, 0.80, 0.84]
    assert compared.validation == [0.31, 0.74, 0.72]
    assert (compared.runs, compared.started) == (4, 2)
    assert (compared.name, compared.label, compared.family) == ("w2-4", "(2, 4)", "width")
    assert (compared.parameters, compared.training_flops) == (900, 240_320)


def test_images_that_are_right_are_those_of_the_first_run_that_started(every: dict[str, Trained]) -> None:
    compared = compared_runs(every["w2-4"], dataset(), average=0)
    assert compared.correct is not None
    assert compared.correct.tolist() == [True, True, False, False, False, False]


def test_best_run_is_picked_on_the_validation_images(every: dict[str, Trained]) -> None:
    best = best_run(list(every.values()))
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 0)
    assert np.array_equal(best.probabilities, probabilities(right=3))


def with_seeds(given: Trained, **changes: float | None) -> Trained:
    content = given.results.model_dump()
    content["seeds"] = {seed: numbers | changes for seed, numbers in content["seeds"].items()}
    return Trained(given.described, Results.model_validate(content))


def test_best_run_is_picked_on_the_test_images_where_none_are_held_out(every: dict[str, Trained]) -> None:
    watched = [with_seeds(given, validation_accuracy=None, validation_loss=None) for given in every.values()]
    best = best_run(watched)
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 2)


def test_no_run_is_best_where_all_diverged(every: dict[str, Trained]) -> None:
    nothing = {"test_accuracy": None, "test_loss": None, "validation_accuracy": None, "validation_loss": None}
    assert best_run([with_seeds(every["w2-4"], **nothing)]) is None


def test_family_is_in_order_of_kernels_or_blocks_with_its_pick_where_the_study_lacks_it(
    every: dict[str, Trained],
) -> None:
    trainings = list(every.values())
    assert [one.described.name for one in members("width", trainings)] == ["w2-4", "width", "w10-20"]
    assert [one.described.name for one in members("depth", trainings)] == ["depth-1", "depth-2"]


def test_notebook_s_numbers_stand_beside_fashion_mnist_alone(every: dict[str, Trained]) -> None:
    width = members("width", list(every.values()))
    assert list(accuracy_table(width, fashion_mnist=True)["reference"]) == [0.888] * 4 + [0.9077] * 4 + [0.9053] * 4
    assert accuracy_table(width, fashion_mnist=False)["reference"].isna().all()
