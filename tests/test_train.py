"""The training stage as a command, on real images."""

import json
import os
import pty
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.cores import usable_cores
from stages.training.dataset import read_dataset
from tests.conftest import ENVIRONMENT, STORE, edit_params, made_once, run


@pytest.fixture(scope="session")
def trained(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two epochs and an activation that learns within them, and what training w2-4 said."""

    def make(place: Path) -> None:
        shutil.copytree(reduced, place, dirs_exist_ok=True, symlinks=True)
        edit_params(place, "epochs: 1\n", "epochs: 2\n")
        edit_params(place, "learning_rate: 0.001", "learning_rate: 0.01")
        text = (place / "params.yaml").read_text()
        (place / "params.yaml").write_text(text.replace("activation: sigmoid", "activation: relu"))
        (place / "said.log").write_text(train(place, "w2-4"))

    return made_once(tmp_path_factory, "trained", make)


@pytest.fixture
def prepared(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` to use up, without the training and what is kept of any."""
    copy = Path(shutil.copytree(trained, tmp_path / "prepared", symlinks=True))
    shutil.rmtree(copy / "data/models/w2-4")
    shutil.rmtree(copy / STORE)
    return copy


def train(project: Path, *arguments: str, status: int = 0) -> str:
    return run(sys.executable, "-m", "stages.train", *arguments, cwd=project, status=status)


def results_of(project: Path, name: str) -> dict[str, object]:
    content: dict[str, object] = json.loads((project / "data/models" / name / "results.json").read_text())
    return content


ONLY_KERAS = """
import sys, json, keras, numpy as np
assert not any(name.startswith("stages") for name in sys.modules)
data = np.load(sys.argv[2], allow_pickle=False)
images = data["test_images"][..., None].astype("float32") / 127.5 - 1
model = keras.models.load_model(sys.argv[1], safe_mode=True)
loss, accuracy = model.evaluate(images, keras.utils.to_categorical(data["test_labels"], 10), verbose=0)
print(json.dumps({"loss": loss, "accuracy": accuracy, "probabilities": model.predict(images, verbose=0).tolist()}))
"""


def test_saved_model_gives_the_stored_numbers_in_a_process_that_has_only_keras(trained: Path, tmp_path: Path) -> None:
    folder = trained / "data/models/w2-4"
    output = run(
        sys.executable, "-c", ONLY_KERAS, str(folder / "seed-0.keras"), str(trained / "data/fashion_mnist.npz"),
        cwd=tmp_path,
    )  # fmt: skip
    theirs = json.loads(output.splitlines()[-1])
    ours = results_of(trained, "w2-4")["seeds"]["0"]  # type: ignore[index]
    assert theirs["loss"] == pytest.approx(ours["test_loss"], abs=2e-6)
    assert theirs["accuracy"] == pytest.approx(ours["test_accuracy"], abs=1e-6)
    stored = np.load(folder / "predictions.npz", allow_pickle=False)["seed-0"]
    assert (stored.dtype, stored.shape) == (np.float32, (200, 10))
    np.testing.assert_allclose(theirs["probabilities"], stored, atol=1e-6)


def test_results_follow_from_the_history_and_the_predictions(trained: Path) -> None:
    folder = trained / "data/models/w2-4"
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [1, 2]
    results = json.loads((folder / "results.json").read_text())
    seed = results["seeds"]["0"]
    assert results["parameters"] == 156_026
    assert results["architecture"]["filters"] == [2, 4]
    last = history.iloc[-1]
    assert (seed["validation_loss"], seed["validation_accuracy"]) == (last["val_loss"], last["val_accuracy"])
    assert seed["learned"] is True
    assert seed["epochs_to_learn"] == history[history["loss"] < 2.2]["epoch"].iloc[0]
    probabilities = np.load(folder / "predictions.npz")["seed-0"]
    labels = read_dataset(trained / "data/fashion_mnist.npz").test.labels
    assert seed["test_accuracy"] == pytest.approx((probabilities.argmax(axis=1) == labels).mean())


@pytest.mark.parametrize("cores", [1, 2])
def test_more_threads_than_cores_are_told_in_a_line(trained: Path, monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    """Of a training that is there already, so that nothing is trained for it."""
    monkeypatch.setitem(ENVIRONMENT, "SLURM_CPUS_PER_TASK", str(cores))
    line = (
        "w2-4: train.threads holds 2, and this process may use 1 of the machine's cores: it takes longer, to the same"
    )
    said = train(trained, "w2-4").splitlines()
    assert (f"{line} results" in said) == (min(usable_cores(), cores) == 1)


def test_one_line_an_epoch_where_there_is_no_terminal(trained: Path) -> None:
    lines = (trained / "said.log").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("w2-4: ")]  # where cores are fewer than threads
    assert [line.split(":")[0] for line in lines] == ["w2-4 seed 0 epoch 1/2", "w2-4 seed 0 epoch 2/2"]
    assert all(key in lines[0] for key in ("loss", "accuracy", "val_loss", "val_accuracy"))


def test_one_bar_with_loss_accuracy_and_time_left_on_a_terminal(prepared: Path) -> None:
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.train", "w2-4"], cwd=prepared, env=ENVIRONMENT, stdout=side, stderr=side
    )
    os.close(side)
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # Linux's end of file on a terminal whose other side is closed
        pass
    assert process.wait() == 0
    text = shown.decode()
    bars = [line for line in text.replace("\r", "\n").splitlines() if "%|" in line]
    assert "100%" in bars[-1]
    assert "epoch 2/2, loss" in bars[-1]
    assert "accuracy" in bars[-1]
    assert "<" in bars[-1], "elapsed<left"
    assert "val_loss" not in text, "no lines beside the bar"


def test_without_validation_images_the_test_images_are_watched(prepared: Path) -> None:
    edit_params(prepared, "validation: 100", "validation: 0")
    run(sys.executable, "-m", "stages.prepare", cwd=prepared)
    train(prepared, "w2-4")
    seed = results_of(prepared, "w2-4")["seeds"]["0"]  # type: ignore[index]
    assert (seed["validation_loss"], seed["validation_accuracy"]) == (None, None)
    history = pd.read_csv(prepared / "data/models/w2-4/history.csv")
    assert history["val_loss"].iloc[-1] == pytest.approx(seed["test_loss"], abs=1e-5)
    assert history["val_accuracy"].iloc[-1] == pytest.approx(seed["test_accuracy"], abs=1e-6)


@pytest.mark.slow
def test_diverged_seed_is_a_failed_start_with_its_epoch_and_the_others_go_on(prepared: Path) -> None:
    """Two families that diverge, to the tables: that these leave failed runs out is a matter of the whole way."""
    edit_params(prepared, "learning_rate: 0.01", "learning_rate: 9.0e+15")
    edit_params(prepared, "  - 0\n", "  - 0\n  - 1\n")
    edit_params(prepared, "  - 8\n  - 16\n", "  - 2\n  - 4\n")
    train(prepared, "w2-4")
    folder = prepared / "data/models/w2-4"
    seeds = results_of(prepared, "w2-4")["seeds"]
    assert list(seeds) == ["0", "1"]  # type: ignore[call-overload]
    for seed in seeds.values():  # type: ignore[attr-defined]
        assert (seed["learned"], seed["test_accuracy"], seed["test_loss"]) == (False, None, None)
        assert seed["diverged_epoch"] >= 1
    assert {path.name for path in folder.iterdir()} == {"history.csv", "layers.csv", "results.json", "predictions.npz"}
    train(prepared, "depth")
    for pick, same in (("w2-4", "width"), ("depth", "depth-1")):  # which are the same architectures
        shutil.rmtree(prepared / "data/models" / same)
        shutil.copytree(prepared / "data/models" / pick, prepared / "data/models" / same)
    run(sys.executable, "-m", "stages.aggregate", cwd=prepared)
    study = json.loads((prepared / "metrics/study.json").read_text())
    assert (study["width"]["w2-4"]["diverged"], study["width"]["w2-4"]["learned"]) == (2, 0)
    assert "test_accuracy" not in study["width"]["w2-4"]


def test_saved_model_tells_neither_when_nor_where_it_was_made(trained: Path) -> None:
    with zipfile.ZipFile(trained / "data/models/w2-4/seed-0.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert list(json.loads(archive.read("metadata.json"))) == ["keras_version"]
        assert b'"shared_object_id": 0' in archive.read("config.json")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "usage: python -m stages.train NAME"),
        (["w2-4", "depth-1"], "usage: python -m stages.train NAME"),
        (["w3-6"], "NAME holds 'w3-6', may hold width, depth, w2-4, depth-1, as params.yaml names them"),
        (["../x"], "NAME holds '../x'"),
    ],
)
def test_command_that_asks_for_no_architecture_is_refused_in_one_line(
    reduced: Path, arguments: list[str], reason: str
) -> None:
    lines = train(reduced, *arguments, status=1).splitlines()
    assert len(lines) == 1
    assert reason in lines[0]
