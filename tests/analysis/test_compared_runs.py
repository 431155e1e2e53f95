"""What the statistics and the page are given of trainings on disk, of a made-up study.

Over 200 lines, as every table has its rows written out.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.analysis.runs import Trained, read_predictions, read_results, trained
from stages.analysis.tables import (
    accuracy_table,
    best_run,
    compared_runs,
    curves_table,
    layers_table,
    members,
    table_text,
)
from stages.common import InputError
from stages.params import load_params
from stages.training.results import HISTORY_COLUMNS, LAYER_COLUMNS, Results
from tests.made_up_study import FOUND, SEEDS, dataset, probabilities, write_study


@pytest.fixture
def every(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Trained]:
    """The study's trainings by name, with its folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, found=FOUND)
    params = load_params()
    return {described.name: trained(described, params) for described in params.architectures()}


def test_accuracies_that_verdicts_see_are_those_of_runs_that_started(every: dict[str, Trained]) -> None:
    compared = compared_runs(every["w2-4"], dataset(), load_params())
    assert compared.accuracies == [0.80, 0.84]
    assert compared.overall == [0.32, 0.80, 0.84]
    assert compared.validation == [0.31, 0.74, 0.72]
    assert (compared.runs, compared.learned) == (4, 2)
    assert (compared.name, compared.label, compared.family) == ("w2-4", "(2, 4)", "width")
    assert (compared.parameters, compared.training_flops) == (900, 240_320)


def test_architecture_is_of_the_notebook_s_kind_where_it_was_trained_as_the_study_without_an_average(
    every: dict[str, Trained],
) -> None:
    params, plain = load_params(), every["plain"]
    assert compared_runs(plain, dataset(), params).notebooks_kind
    for own in ({"average": 0.9}, {"learning_rate": 0.002}):
        otherwise = plain._replace(described=plain.described._replace(own=own))
        assert not compared_runs(otherwise, dataset(), params).notebooks_kind
    assert not compared_runs(every["deep"], dataset(), params).notebooks_kind


def test_nothing_is_known_of_images_where_no_run_started(every: dict[str, Trained]) -> None:
    compared = compared_runs(with_seeds(every["w2-4"], learned=False, epochs_to_learn=None), dataset(), load_params())
    assert compared.correct is None
    assert (compared.learned, compared.accuracies, compared.overall) == (0, [], [0.32, 0.80, 0.84])


def test_run_that_started_and_has_no_accuracy_is_counted_and_has_none(every: dict[str, Trained]) -> None:
    nothing = {"test_accuracy": None, "test_loss": None, "validation_accuracy": None, "validation_loss": None}
    compared = compared_runs(with_seeds(every["w2-4"], learned=True, **nothing), dataset(), load_params())
    assert (compared.runs, compared.learned) == (4, 4)
    assert (compared.accuracies, compared.overall, compared.validation) == ([], [], [])


def test_images_that_are_right_are_those_of_the_first_run_that_started(every: dict[str, Trained]) -> None:
    compared = compared_runs(every["w2-4"], dataset(), load_params())
    assert compared.correct is not None
    assert compared.correct.tolist() == [True, True, False, False, False, False]


def test_best_run_is_picked_on_the_validation_images(every: dict[str, Trained]) -> None:
    best = best_run([training for name, training in every.items() if name != "huge"])
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 0)
    assert np.array_equal(best.probabilities, probabilities(right=3))


def with_seeds(given: Trained, **changes: float | None) -> Trained:
    content = given.results.model_dump()
    content["seeds"] = {seed: numbers | changes for seed, numbers in content["seeds"].items()}
    return Trained(given.described, Results.model_validate(content))


def test_best_run_is_picked_on_the_test_images_where_none_are_held_out(every: dict[str, Trained]) -> None:
    nothing = {"validation_accuracy": None, "validation_loss": None}
    monitored = [with_seeds(every[name], **nothing) for name in ("w2-4", "width", "w10-20", "depth-1")]
    best = best_run(monitored)
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 2)


def test_of_equal_runs_the_first_is_best_and_one_without_a_right_image_is_not(every: dict[str, Trained]) -> None:
    none_right = with_seeds(every["w2-4"], validation_accuracy=0.0)
    equal = [with_seeds(every[name], validation_accuracy=0.5) for name in ("w10-20", "depth-1", "width")]
    best = best_run([none_right, *equal])
    assert best is not None
    assert (best.label, best.seed) == ("(10, 20)", SEEDS[0])


def test_no_run_is_best_where_all_diverged(every: dict[str, Trained]) -> None:
    nothing = {"test_accuracy": None, "test_loss": None, "validation_accuracy": None, "validation_loss": None}
    assert best_run([with_seeds(every["w2-4"], **nothing)]) is None


def test_family_is_in_order_of_kernels_or_blocks_with_its_pick_where_the_study_lacks_it(
    every: dict[str, Trained],
) -> None:
    trainings = list(every.values())
    assert [one.described.name for one in members("width", trainings)] == ["w2-4", "width", "w10-20"]
    assert [one.described.name for one in members("depth", trainings)] == ["depth-1", "depth-2"]
    assert all(one == every[one.described.name] for one in members("width", trainings))


def test_what_was_found_is_in_order_of_its_parameters(every: dict[str, Trained]) -> None:
    found = members("custom", list(every.values()))
    assert [(one.described.name, one.results.parameters) for one in found] == [
        ("deep", 950), ("plain", 4500), ("huge", 6000),
    ]  # fmt: skip


def test_notebook_s_numbers_stand_beside_fashion_mnist_alone(every: dict[str, Trained]) -> None:
    width = members("width", list(every.values()))
    assert list(accuracy_table(width, fashion_mnist=True)["reference"]) == [0.888] * 4 + [0.9077] * 4 + [0.9053] * 4
    assert accuracy_table(width, fashion_mnist=False)["reference"].isna().all()


def test_accuracies_are_a_row_an_architecture_and_seed(every: dict[str, Trained]) -> None:
    table = accuracy_table([every["w2-4"], every["deep"]], fashion_mnist=True)
    assert list(table.columns) == [
        "name", "architecture", "parameters", "seed", "test_accuracy", "learned", "reference",
    ]  # fmt: skip
    assert table.astype(object).where(table.notna(), None).to_numpy().tolist() == [
        ["w2-4", "(2, 4)", 900, 7, 0.32, False, 0.888],
        ["w2-4", "(2, 4)", 900, 0, 0.80, True, 0.888],
        ["w2-4", "(2, 4)", 900, 1, 0.84, True, 0.888],
        ["w2-4", "(2, 4)", 900, 2, None, False, 0.888],
        *(["deep", "deep", 950, seed, 0.95 + k / 200, True, None] for k, seed in enumerate(SEEDS)),
    ]
    assert list(accuracy_table([], fashion_mnist=True).columns) == list(table.columns)


def test_table_as_text_has_labels_for_names_and_rounded_fractions(every: dict[str, Trained]) -> None:
    assert table_text(accuracy_table([with_seeds(every["w2-4"], test_accuracy=1 / 3)], fashion_mnist=True)) == (
        "architecture,parameters,seed,test_accuracy,learned,reference\n"
        '"(2, 4)",900,7,0.333333,False,0.888000\n'
        '"(2, 4)",900,0,0.333333,True,0.888000\n'
        '"(2, 4)",900,1,0.333333,True,0.888000\n'
        '"(2, 4)",900,2,0.333333,False,0.888000\n'
    )


def test_epochs_and_layers_of_all_are_one_table_with_their_architectures(every: dict[str, Trained]) -> None:
    chosen = [every["w2-4"], every["depth-2"]]
    curves, layers = curves_table(chosen), layers_table(chosen)
    assert list(curves.columns) == ["name", "architecture", *HISTORY_COLUMNS]
    assert list(layers.columns) == ["name", "architecture", *LAYER_COLUMNS]
    rows = [tuple(row) for row in curves[["name", "architecture", "seed", "epoch", "loss"]].to_numpy().tolist()]
    assert rows[:4] == [("w2-4", "(2, 4)", 7, epoch, loss) for epoch, loss in ((1, 1.05), (2, 1.04), (3, 1.03))] + [
        ("w2-4", "(2, 4)", 0, 1, 1.04)
    ]
    assert rows[9:12] == [
        ("w2-4", "(2, 4)", 2, 1, 1.02), ("depth-2", "2 blocks", 7, 1, 0.88), ("depth-2", "2 blocks", 7, 2, 0.77),
    ]  # fmt: skip
    assert list(curves.index) == list(range(22))
    assert layers.iloc[1].to_list() == ["w2-4", "(2, 4)", 7, 0, "block1_conv2", 0.5, 0.0, 0.016]
    assert list(curves_table([]).columns) == list(curves.columns)
    assert list(layers_table([]).columns) == list(layers.columns)
    assert layers_table([]).empty


def test_predictions_are_those_of_the_seed_and_a_seed_without_any_is_told(every: dict[str, Trained]) -> None:
    assert np.array_equal(read_predictions("w2-4", 1), probabilities(right=3))
    with pytest.raises(InputError) as caught:
        read_predictions("w2-4", 2)
    assert str(caught.value) == (
        "data/models/w2-4/predictions.npz: holds seed-7, seed-0, seed-1, no seed-2; "
        "`dvc checkout --force data/models/w2-4`, or `rm -r data/models/w2-4` and `dvc repro`, brings it back"
    )
    Path("data/models/w2-4/predictions.npz").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"predictions\.npz: .*; `dvc checkout --force data/models/w2-4`, or `rm"):
        read_predictions("w2-4", 1)
    np.savez(Path("data/models/w2-4/predictions.npz"))
    with pytest.raises(InputError, match=r"predictions\.npz: holds nothing, no seed-1; `dvc checkout"):
        read_predictions("w2-4", 1)
    assert every


@pytest.mark.parametrize(
    ("change", "key"), [(lambda content: content["seeds"]["7"].pop("learned"), "seeds.7.learned"), (None, "the file")]
)
def test_results_of_another_shape_are_told_with_the_key(
    every: dict[str, Trained], change: Callable[[Any], None] | None, key: str
) -> None:
    content = every["w2-4"].results.model_dump(mode="json")
    if change:
        change(content)
    Path("data/models/w2-4/results.json").write_text(json.dumps(content if change else []))
    with pytest.raises(InputError, match=rf"^data/models/w2-4/results\.json: {key}: .*; `dvc checkout --force "):
        read_results("w2-4")


def test_results_of_other_seeds_or_another_architecture_are_refused_with_both(every: dict[str, Trained]) -> None:
    params = load_params()
    other_seeds = params.model_copy(update={"train": params.train.model_copy(update={"seeds": [0, 3]})})
    with pytest.raises(InputError) as caught:
        trained(every["w2-4"].described, other_seeds)
    assert str(caught.value) == (
        "data/models/w2-4: holds seeds 7, 0, 1, 2, params.yaml asks for 0, 3; `dvc repro` trains it"
    )
    wider = every["w2-4"].described._replace(architecture=every["width"].described.architecture)
    with pytest.raises(InputError) as caught:
        trained(wider, params)
    assert str(caught.value) == (
        f"data/models/w2-4: holds {every['w2-4'].results.architecture}, params.yaml describes {wider.architecture}; "
        "`dvc repro` trains it"
    )
