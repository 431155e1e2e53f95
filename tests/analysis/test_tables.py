"""The comparison: what is averaged, what is refused, and what a missing or damaged input leads to."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.analysis.runs import Trained, read_history, read_results
from stages.analysis.tables import accuracy_table, summarize
from stages.common import InputError
from stages.params import StudyArchitecture, load_params
from stages.report.pictures import accuracy_figure, curves_figure, write_png
from stages.training.dataset import Dataset, Split
from stages.training.results import Results, SeedResult
from tests.conftest import edit_params, run

ARCHITECTURE = load_params().width


def seed(accuracy: float | None, started_at: int | None, diverged_at: int | None = None) -> SeedResult:
    loss = None if accuracy is None else 1 - accuracy
    return SeedResult(
        test_loss=loss,
        test_accuracy=accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
        learned=started_at is not None,
        epochs_to_learn=started_at,
        diverged_epoch=diverged_at,
    )


def results(*seeds: SeedResult) -> Results:
    by_number = {str(number): result for number, result in enumerate(seeds)}
    return Results(architecture=ARCHITECTURE, parameters=623_834, classes=10, seeds=by_number)


def test_failed_start_counts_over_all_and_not_over_those_that_started() -> None:
    numbers = summarize(results(seed(0.9, 1), seed(0.8, 3), seed(0.1, None)), flops=5)
    assert (numbers["seeds"], numbers["learned"], numbers["diverged"]) == (3, 2, 0)
    assert numbers["test_accuracy"] == pytest.approx(0.6)
    assert numbers["test_accuracy_learned"] == pytest.approx(0.85)
    assert numbers["epochs_to_learn"] == 2


def test_every_mean_is_of_its_own_column() -> None:
    one = SeedResult(
        test_loss=0.7,
        test_accuracy=0.6,
        validation_loss=0.5,
        validation_accuracy=0.4,
        learned=True,
        epochs_to_learn=2,
        diverged_epoch=None,
    )
    assert summarize(results(one), flops=5) == {
        "parameters": 623_834,
        "training_flops": 5,
        "seeds": 1,
        "learned": 1,
        "learned_fraction_low": pytest.approx(0.025),
        "learned_fraction_high": 1,
        "diverged": 0,
        "test_accuracy": 0.6,
        "test_accuracy_learned": 0.6,
        "test_loss": 0.7,
        "test_loss_learned": 0.7,
        "validation_accuracy": 0.4,
        "validation_loss": 0.5,
        "epochs_to_learn": 2,
    }


def test_diverged_seed_is_counted_and_has_no_number() -> None:
    numbers = summarize(results(seed(0.9, 1), seed(None, None, diverged_at=2)), flops=5)
    assert (numbers["learned"], numbers["diverged"]) == (1, 1)
    assert numbers["test_accuracy"] == numbers["test_accuracy_learned"] == 0.9


def test_mean_over_no_seed_is_left_out() -> None:
    numbers = summarize(results(seed(0.1, None)), flops=5)
    assert numbers["test_accuracy"] == 0.1
    assert "test_accuracy_learned" not in numbers
    assert "epochs_to_learn" not in numbers
    nothing = summarize(results(seed(None, None, 1)), flops=5)
    assert list(nothing) == [
        "parameters", "training_flops", "seeds", "learned", "learned_fraction_low", "learned_fraction_high", "diverged",
    ]  # fmt: skip


def test_interval_needs_two_seeds_that_started() -> None:
    assert "test_accuracy_learned_low" not in summarize(results(seed(0.9, 1), seed(0.1, None)), flops=5)
    numbers = summarize(results(seed(0.9, 1), seed(0.8, 1), seed(0.1, None)), flops=5)
    assert numbers["test_accuracy_learned_deviation"] == pytest.approx(0.0707107)
    assert numbers["test_accuracy_learned_low"] == pytest.approx(0.85 - 12.7062 * 0.05, abs=1e-4)
    assert (numbers["learned_fraction_low"], numbers["learned_fraction_high"]) == pytest.approx(
        (0.0943, 0.9916), abs=1e-4
    )


@pytest.mark.parametrize("accuracies", [[0.9, 0.89], [0.9, 0.1], [0.1, 0.1], [None, None], [0.9, None]])
def test_pictures_are_drawn_whatever_started(tmp_path: Path, accuracies: list[float | None]) -> None:
    seeds = [seed(a, 1 if a == 0.9 else None, 1 if a is None else None) for a in accuracies]
    described = StudyArchitecture("width", "width", "width", ARCHITECTURE)
    accuracy = accuracy_table([Trained(described, results(*seeds))], fashion_mnist=True)
    write_png(tmp_path / "a.png", accuracy_figure(accuracy, "width"))
    curves = pd.DataFrame(
        {
            "name": "width",
            "architecture": "(8, 16)",
            "seed": 0,
            "epoch": [1, 2],
            "loss": [2.3, 1.0],
            "val_accuracy": [0.1, 0.5],
        }
    )
    labels = Split(np.zeros((2, 1, 1), dtype=np.uint8), np.array([0, 1], dtype=np.uint8))
    write_png(tmp_path / "c.png", curves_figure(curves, "width", Dataset(labels, labels, labels), "validation"))
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("a.png", "c.png"))


def broken(project: Path, *, status: int = 1) -> str:
    output = run(sys.executable, "-m", "stages.aggregate", cwd=project, status=status)
    assert len(output.splitlines()) == 1, output
    return output


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("results.json", None, "missing"),
        ("results.json", "", "not JSON"),
        ("results.json", "[]", "should be a valid dictionary"),
        ("results.json", "{}", "architecture: Field required"),
        ("results.json", "\x00\xff", "not JSON"),
        ("history.csv", None, "missing"),
        ("history.csv", "", "no table of seed, epoch"),
        ("history.csv", "seed,epoch\n0,1\n", "no table of seed, epoch"),
        ("history.csv", "seed,epoch,loss,accuracy,val_loss,val_accuracy\n0,one,1,1,1,1\n", "no table of seed, epoch"),
    ],
)
def test_missing_or_misshapen_input_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: str | None, reason: str
) -> None:
    path = tmp_path / "data/models/w2-4" / file
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content, encoding="latin-1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"^data/models/w2-4/{file}: .*{reason}"):
        (read_results if file == "results.json" else read_history)("w2-4")


@pytest.mark.parametrize("file", ["results.json", "history.csv"])
def test_damaged_input_is_brought_back_by_what_the_message_says(small: Path, file: str) -> None:
    (small / "data/models/w2-4" / file).unlink()
    before = (small / "metrics/study.json").read_bytes()
    message = broken(small)
    assert f"data/models/w2-4/{file}: missing" in message
    assert (small / "metrics/study.json").read_bytes() == before
    assert ran_by_hint(message, small) == before


def ran_by_hint(message: str, project: Path) -> bytes:
    """Do what the message says first, and give the metrics that come of it."""
    command = message.split("`")[1]
    assert command == "dvc checkout --force data/models/w2-4"
    run(*command.split(), cwd=project)
    run(sys.executable, "-m", "stages.aggregate", cwd=project)
    return (project / "metrics/study.json").read_bytes()


def test_models_folder_that_was_deleted_by_hand_is_brought_back(small: Path) -> None:
    shutil.rmtree(small / "data/models")
    assert "data/models/width/results.json: missing" in broken(small)
    run("dvc", "repro", cwd=small)
    assert run("git", "status", "--porcelain", cwd=small) == ""


def test_results_of_another_architecture_or_of_other_seeds_are_refused(small: Path) -> None:
    edit_params(small, "  dense_units: 80 ", "  dense_units: 81 ")
    assert "params.yaml describes" in broken(small)
    edit_params(small, "  dense_units: 81 ", "  dense_units: 80 ")
    edit_params(small, "  - 0\n", "  - 0\n  - 7\n")
    assert "data/models/width: holds seeds 0, params.yaml asks for 0, 7" in broken(small)


def test_other_numbers_than_a_fraction_are_refused(small: Path) -> None:
    path = small / "data/models/w2-4/results.json"
    content = json.loads(path.read_text())
    content["seeds"]["0"]["test_accuracy"] = 1.5
    path.write_text(json.dumps(content))
    assert "seeds.0.test_accuracy" in broken(small)
