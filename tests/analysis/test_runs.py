"""What is averaged and compared of trainings on disk, and what is refused; most of it on the made-up study."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.analysis.comparisons import summarize_runs
from stages.analysis.runs import (
    BestRun,
    Training,
    accuracy_table,
    best_run,
    in_order,
    load_results,
    network_labels,
    read_epochs,
    read_predictions,
    summarize,
)
from stages.common import InputError
from stages.params import load_params
from stages.training.results import HISTORY_COLUMNS, LAYER_COLUMNS, Results
from tests.conftest import run
from tests.made_up_study import CUSTOM, PARAMETERS, SEEDS, dataset, probabilities, write_study


@pytest.fixture
def trainings(folder: Path) -> dict[str, Training]:
    """The made-up study's trainings by name, in its folder."""
    write_study(folder, custom=CUSTOM)
    return {training.described.name: training for training in load_results(load_params())}


NOTHING = {"test_accuracy": None, "test_loss": None, "validation_accuracy": None, "validation_loss": None}


def with_seeds(training: Training, **changes: float | None) -> Training:
    """Return the training with other numbers in every seed."""
    content = training.results.model_dump()
    content["seeds"] = {seed: numbers | changes for seed, numbers in content["seeds"].items()}
    return training._replace(results=Results.model_validate(content))


def test_numbers_that_do_not_exist_are_left_out(trainings: dict[str, Training]) -> None:
    """The numbers that do exist are those of tests/test_aggregate.py."""
    failed = summarize(with_seeds(trainings["w2-4"], learned=False, epochs_to_learn=None).results, flops=5)
    assert failed["test_accuracy"] == pytest.approx((0.32 + 0.80 + 0.84) / 3)
    assert not [name for name in failed if "_learned" in name or name == "epochs_to_learn"]
    nothing = summarize(with_seeds(trainings["w2-4"], learned=False, epochs_to_learn=None, **NOTHING).results, flops=5)
    assert list(nothing) == [
        "parameters", "training_flops", "seeds", "learned", "learned_fraction_low", "learned_fraction_high", "diverged",
    ]  # fmt: skip
    one = summarize(trainings["w10-20"].results, flops=5)
    assert (one["learned"], one["test_accuracy_learned"]) == (1, 0.78)
    assert not [name for name in one if "deviation" in name or name.startswith("test_accuracy_learned_")]


def test_statistics_are_given_the_runs_that_learned_and_all_runs(trainings: dict[str, Training]) -> None:
    compared = summarize_runs(trainings["w2-4"], dataset(), load_params())
    assert compared._replace(correct=None) == (
        "(2, 4)", "width", 900, 240_320, 4, 2, [0.80, 0.84], [0.32, 0.80, 0.84], [0.31, 0.74, 0.72], None, True,
    )  # fmt: skip
    assert compared.correct is not None
    assert compared.correct.tolist() == [True, True, False, False, False, False], "the first run that learned"
    failed = with_seeds(trainings["w2-4"], learned=False, epochs_to_learn=None)
    assert summarize_runs(failed, dataset(), load_params())._replace(overall=[]).accuracies == []
    assert summarize_runs(failed, dataset(), load_params()).correct is None
    diverged = summarize_runs(with_seeds(trainings["w2-4"], learned=True, **NOTHING), dataset(), load_params())
    assert (diverged.learned, diverged.accuracies, diverged.overall, diverged.validation) == (4, [], [], [])


def test_kind_of_an_architecture_follows_from_its_layers_and_its_own_settings(trainings: dict[str, Training]) -> None:
    plain, deep = trainings["plain"], trainings["deep"]
    other = plain._replace(described=plain.described._replace(overrides={"learning_rate": 0.01}))
    compared = [summarize_runs(training, dataset(), load_params()) for training in (plain, other, deep)]
    assert [one.notebooks_kind for one in compared] == [True, False, False]


def best_of(*trainings: Training) -> BestRun | None:
    return best_run(accuracy_table(list(trainings), fashion_mnist=False))


def test_best_run_is_picked_on_validation_images_or_on_test_images_if_none_are_held_out(
    trainings: dict[str, Training],
) -> None:
    members = [trainings[name] for name in ("w2-4", "width", "w10-20", "depth-1")]
    best = best_of(*members)
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 0)
    assert np.array_equal(best.probabilities, probabilities(right=3))
    best = best_of(*(with_seeds(one, validation_accuracy=None, validation_loss=None) for one in members))
    assert best is not None
    assert (best.label, best.seed) == ("(8, 16)", 2)


def test_best_run_learned_and_is_the_first_of_equals(trainings: dict[str, Training]) -> None:
    failed = with_seeds(trainings["nan"], learned=False)
    equal = [with_seeds(trainings[name], validation_accuracy=0.5) for name in ("depth-1", "width")]
    best = best_of(failed, with_seeds(trainings["w2-4"], validation_accuracy=0.0), *equal)
    assert best is not None
    assert (best.label, best.seed) == ("1 block", SEEDS[0])
    assert best_of(failed, with_seeds(trainings["w2-4"], learned=True, **NOTHING)) is None


@pytest.mark.usefixtures("trainings")
def test_architectures_are_in_order_with_their_baseline_only_if_the_study_lacks_it() -> None:
    """Width by filters, depth by blocks, custom ones by parameters."""
    names = [one.name for one in in_order(load_params(), PARAMETERS)]
    assert names == ["w2-4", "width", "w10-20", "depth-1", "depth-2", "deep", "plain", "nan"]


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("results.json", None, "missing"),
        ("results.json", "", "Expecting value"),
        ("results.json", "[]", "the file: expected a valid dictionary"),
        ("history.csv", None, "missing"),
        ("history.csv", "", "No columns"),
        ("history.csv", "seed,epoch\n0,1\n", "not in index"),
        ("history.csv", f"{','.join(HISTORY_COLUMNS)}\n0,one,1,1,1,1\n", "invalid literal"),
        ("layers.csv", None, "missing"),
        ("predictions.npz", None, "missing"),
        ("predictions.npz", "damaged", "damaged"),
    ],
)
def test_missing_or_damaged_input_is_named_with_the_command_that_helps(
    trainings: dict[str, Training], file: str, content: str | None, reason: str
) -> None:
    path = Path("data/models/w2-4") / file
    path.unlink()
    if content is not None:
        path.write_text(content, encoding="latin-1")
    columns = LAYER_COLUMNS if file == "layers.csv" else HISTORY_COLUMNS
    read: dict[str, Callable[[], Any]] = {
        "results.json": lambda: load_results(load_params()),
        "predictions.npz": lambda: read_predictions("w2-4", 1),
    }
    with pytest.raises(InputError, match=rf"^{path}: .*{reason}.*`dvc checkout --force data/models/w2-4`"):
        read.get(file, lambda: read_epochs([trainings["w2-4"]], columns))()


def test_predictions_are_those_of_the_seed(trainings: dict[str, Training]) -> None:
    assert np.array_equal(read_predictions("w2-4", 1), probabilities(right=3))
    with pytest.raises(InputError, match=r"predictions\.npz: expected seed-2, got seed-7, seed-0, seed-1\. Run `dvc "):
        read_predictions(trainings["w2-4"].described.name, 2)


@pytest.mark.parametrize(
    ("key", "value"), [("learned", None), ("test_accuracy", 1.5), ("epochs_to_learn", 0), ("test_loss", -1.0)]
)
def test_results_with_an_impossible_number_are_refused(
    trainings: dict[str, Training], key: str, value: float | None
) -> None:
    content = trainings["w2-4"].results.model_dump(mode="json")
    content["seeds"]["7"][key] = value
    Path("data/models/w2-4/results.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"results\.json: seeds\.7\.{key}: "):
        load_results(load_params())


@pytest.mark.usefixtures("trainings")
@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        (
            "train",
            {"seeds": [0, 3]},
            r"width/results\.json: expected results of \['0', '3'\], got \['7', '0', '1', '2'",
        ),
        ("width", {"activation": "relu"}, r"width/results\.json: expected results of .*'relu'.*, got .*'sigmoid'"),
    ],
)
def test_results_of_other_seeds_or_another_architecture_are_refused(
    section: str, change: dict[str, Any], message: str
) -> None:
    params = load_params()
    with pytest.raises(InputError, match=message):
        load_results(params.model_copy(update={section: getattr(params, section).model_copy(update=change)}))


@pytest.mark.usefixtures("trainings")
def test_a_network_that_several_families_name_has_one_label_with_all_its_names() -> None:
    params = load_params()
    plain, deep = (params.study.custom[name].architecture for name in ("plain", "deep"))
    study = params.study.model_copy(update={"depth": []})
    repeated = params.model_copy(update={"width": plain, "depth": deep, "study": study})
    labels = network_labels(repeated)
    assert labels["width"] == labels["plain"] == "(3, 3) = plain"
    assert (labels["deep"], labels["depth"]) == ("deep", "2 blocks"), "deep has a learning rate of its own"
    names = [one.name for one in in_order(repeated, PARAMETERS)]
    assert names == ["width", "w2-4", "w10-20", "depth", "deep", "plain", "nan"]

    same = params.model_copy(update={"depth": params.width})
    assert network_labels(same)["width"] == network_labels(same)["depth-1"] == "(8, 16) = 1 block"
    assert [one.name for one in in_order(same, PARAMETERS)][:4] == ["w2-4", "width", "w10-20", "depth-1"]


def test_the_command_in_the_message_restores_what_is_missing(small: Path) -> None:
    (small / "data/models/w2-4/history.csv").unlink()
    before = (small / "metrics/study.json").read_bytes()
    message = run(sys.executable, "-m", "stages.aggregate", cwd=small, status=1)
    assert message.startswith("aggregate: data/models/w2-4/history.csv: missing")
    assert (small / "metrics/study.json").read_bytes() == before
    run(*message.split("`")[1].split(), cwd=small)
    run(sys.executable, "-m", "stages.aggregate", cwd=small)
    assert (small / "metrics/study.json").read_bytes() == before
