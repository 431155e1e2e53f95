"""The stage `train` as a command, on real images: its files and lines, and equal bytes after interruptions."""

import fcntl
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.train import main
from stages.training.results import write_outputs
from tests.conftest import MODELS, contents, made_once, run, start, training
from tests.in_process import called
from tests.processes import bare_project, stored, until

NAMES = ("w2-4", "other")  # of two kinds: threads share the images of a batch, or each operation
OTHER = """  custom:
    other: {filters: [2, 4, 9, 8], blocks: 2, kernel_size: 3, pooling: max, pool_stride: 2, head: global_average,
      dense_units: null, activation: relu, normalization: batch, dropout: 0.2, ema_momentum: 0.9}
"""
ONLY_KERAS = """
import sys, json, keras, numpy as np
assert not any(name.startswith("stages") for name in sys.modules)
data = np.load(sys.argv[2], allow_pickle=False)
images = data["test_images"][..., None].astype("float32") / 127.5 - 1
model = keras.models.load_model(sys.argv[1], safe_mode=True)
loss, accuracy = model.evaluate(images, keras.utils.to_categorical(data["test_labels"], 10), verbose=0)
print(json.dumps({"loss": loss, "accuracy": accuracy, "probabilities": model.predict(images, verbose=0).tolist()}))
"""
COPY = """
import sys
from stages.train import main
main(["w2-4"])
assert "tensorflow" not in sys.modules
"""
PIN = (
    f"import os, sys; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}}); os.execv(sys.argv[1], sys.argv[1:])"
)


def prepared(folder: Path) -> Path:
    """Make a project with two seeds of two epochs, and an architecture of another kind."""
    project = bare_project(folder)
    text = (project / "params.yaml").read_text()
    for old, new in (("epochs: 20", "epochs: 2"), ("  - 0\n", "  - 0\n  - 1\n"), ("0.001", "0.01")):
        text = text.replace(old, new, 1)
    head, _, tail = text.partition("  custom:")
    (project / "params.yaml").write_text(head + OTHER + tail.partition("\n")[2])
    return project


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project after uninterrupted trainings. Tests do not write to it."""

    def make(place: Path) -> None:
        project = prepared(place / "project")
        for name in NAMES:
            (project / f"{name}.log").write_text(run(*training(name), cwd=project))

    return made_once(tmp_path_factory, "trained", make) / "project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return prepared(tmp_path / "project")


def seeds_of(project: Path, name: str) -> dict[str, Any]:
    seeds: dict[str, Any] = json.loads((project / MODELS / name / "results.json").read_text())["seeds"]
    return seeds


@pytest.mark.parametrize("name", NAMES)
def test_saved_model_has_the_stored_numbers_in_a_process_that_has_only_keras(
    trained: Path, tmp_path: Path, name: str
) -> None:
    folder, data = trained / MODELS / name, trained / "data/fashion_mnist.npz"
    output = run(sys.executable, "-c", ONLY_KERAS, str(folder / "seed-1.keras"), str(data), cwd=tmp_path)
    theirs, ours = json.loads(output.splitlines()[-1]), seeds_of(trained, name)["1"]
    assert theirs["loss"] == pytest.approx(ours["test_loss"], abs=2e-6)
    assert theirs["accuracy"] == pytest.approx(ours["test_accuracy"], abs=1e-6)
    probabilities = np.load(folder / "predictions.npz", allow_pickle=False)["seed-1"]
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (200, 10))
    np.testing.assert_allclose(theirs["probabilities"], probabilities, atol=1e-6)


def test_results_follow_from_history(trained: Path) -> None:
    history = pd.read_csv(trained / MODELS / "w2-4/history.csv")
    assert list(history["epoch"]) == [1, 2, 1, 2]
    for seed, result in seeds_of(trained, "w2-4").items():
        rows = history[history["seed"] == int(seed)]
        assert (result["validation_loss"], result["validation_accuracy"]) == tuple(
            rows.iloc[-1][["val_loss", "val_accuracy"]]
        )
        learned = rows[rows["loss"] < 2.2]["epoch"]
        assert result["epochs_to_learn"] == (None if learned.empty else learned.iloc[0])


def test_one_line_per_epoch_with_the_time_left(trained: Path) -> None:
    lines = (trained / "w2-4.log").read_text().splitlines()
    number = r"\d+\.\d{4}"
    pattern = rf"(w2-4 seed \d: epoch \d/2), loss {number}, accuracy {number}, val_loss {number}, .* \d+ s left"
    heads = [match[1] for match in (re.fullmatch(pattern, line) for line in lines) if match]
    assert heads == [f"w2-4 seed {seed}: epoch {epoch}/2" for seed in (0, 1) for epoch in (1, 2)]


def test_finished_trainings_are_copied_without_tensorflow(trained: Path, tmp_path: Path) -> None:
    """If another kind of processor trained them, a note names it."""
    project = prepared(tmp_path / "project")
    (project / ".dvc/cache").symlink_to(trained / ".dvc/cache")
    assert run(sys.executable, "-c", COPY, cwd=project) == ""
    assert contents(project / MODELS / "w2-4") == contents(trained / MODELS / "w2-4")
    taken = run("env", "PROCESSOR_KIND_OF_TESTS=other", sys.executable, "-c", COPY, cwd=project)
    assert "w2-4 seed 1: trained on " in taken
    assert "; this is other" in taken
    assert contents(project / MODELS / "w2-4") == contents(trained / MODELS / "w2-4")


def test_two_processes_of_one_name_write_one_after_the_other(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A DVC that is killed may leave its training running, and the next DVC starts another one."""
    project = prepared(tmp_path / "project")
    (project / ".dvc/cache").symlink_to(trained / ".dvc/cache")
    held: list[bool] = []

    def write(*arguments: Any) -> None:
        for path in (project / ".dvc/cache/trainings").glob("*/lock"):
            with path.open() as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                continue
            held.append(True)
        write_outputs(*arguments)

    monkeypatch.setattr("stages.train.write_outputs", write)
    called(lambda: main(["w2-4"]), project)
    assert held == [True]


@pytest.mark.parametrize("arguments", [[], ["w2-4", "depth-1"], ["../x"]])
def test_wrong_name_is_refused_in_one_line(trained: Path, arguments: list[str]) -> None:
    (line,) = called(lambda: main(arguments), trained, status=1).splitlines()
    assert line.startswith("train: NAME: expected one of width, depth, w2-4, ")


def test_second_training_of_the_same_waits_and_uses_the_first_ones_epochs(project: Path) -> None:
    """Two `dvc exp run` do this, one for the study's architecture and one for the same architecture as baseline."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  - 8\n  - 16\n", "  - 2\n  - 4\n", 1))
    first = start(*training("w2-4"), cwd=project)
    until(lambda: stored(project, "unfinished-1*.npz"), "the first epoch")
    first.send_signal(signal.SIGSTOP)
    second = start(*training("width"), cwd=project)
    assert second.stdout
    line = next(line for line in second.stdout if "train.threads" not in line)
    assert line == "width seed 0: waits for another process with the same training\n"
    first.send_signal(signal.SIGCONT)
    rest = second.stdout.read()
    assert (first.wait(), second.wait()) == (0, 0)
    assert "width seed 0: epoch" not in rest
    assert contents(project / MODELS / "width") == contents(project / MODELS / "w2-4")


@pytest.mark.slow
def test_trainings_killed_on_one_loaded_core_and_resumed_on_two_end_with_the_same_bytes(
    project: Path, trained: Path
) -> None:
    """SIGKILL, SIGTERM and Ctrl-C, in epochs of both seeds and before the first."""
    generator, load = random.Random(1), "while True: pass"
    busy = subprocess.Popen([sys.executable, "-c", PIN, sys.executable, "-c", load])
    w2_4, other = NAMES
    for name, how, epochs in (
        (w2_4, signal.SIGKILL, 1), (other, signal.SIGTERM, 0), (w2_4, signal.SIGINT, 2), (other, signal.SIGKILL, 1),
    ):  # fmt: skip
        process = start(sys.executable, "-c", PIN, *training(name), cwd=project)
        assert process.stdout
        for _ in islice((line for line in process.stdout if ": epoch " in line), epochs):
            pass
        time.sleep(generator.uniform(0, 0.2) if epochs else generator.uniform(1, 4))
        process.send_signal(how)
        output, _ = process.communicate(timeout=60)
        assert process.returncode in (-how, 128 + how)
        assert "Traceback" not in output, output
    busy.kill()
    busy.wait()
    for name in NAMES:
        run(*training(name), cwd=project)
        assert contents(project / MODELS / name) == contents(trained / MODELS / name)
    assert {Path(path).name.partition("-")[0] for path in stored(project, "*.npz")} == {"epoch", "output"}
    assert not (project / "data/unfinished").exists()
