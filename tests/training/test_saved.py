"""Models of other kinds, saved in Keras's own layers, with the averages of their weights."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import MODELS, run
from tests.test_train import ONLY_KERAS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["w2-4", "depth-1"])
def test_saved_model_of_another_kind_gives_the_stored_numbers_where_only_keras_is(
    other_kinds: Path, tmp_path: Path, name: str
) -> None:
    """Trainings of every kind, each loaded by a process of its own in which none of our code is."""
    folder = other_kinds / MODELS / name
    seeds = json.loads((folder / "results.json").read_text())["seeds"]
    for seed, ours in seeds.items():
        output = run(
            sys.executable, "-c", ONLY_KERAS, str(folder / f"seed-{seed}.keras"),
            str(other_kinds / "data/fashion_mnist.npz"), cwd=tmp_path,
        )  # fmt: skip
        theirs = json.loads(output.splitlines()[-1])
        assert theirs["loss"] == pytest.approx(ours["test_loss"], abs=2e-6)
        assert theirs["accuracy"] == pytest.approx(ours["test_accuracy"], abs=1e-6)
        stored = np.load(folder / "predictions.npz", allow_pickle=False)[f"seed-{seed}"]
        np.testing.assert_allclose(theirs["probabilities"], stored, atol=1e-6)
