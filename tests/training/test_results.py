"""When a training counts as learned, the files of all its seeds, and how files are written."""

import json
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.training.architecture import build_model
from stages.training.backend import keras
from stages.training.files import csv_text, whole_file, write_json, write_text
from stages.training.results import LAYER_COLUMNS, SeedOutput, SeedResult, epochs_to_learn, save_model, write_outputs
from tests.kinds import SMALL

LAYERS = ["block1_conv1", "block1_conv2", "hidden", "probabilities"]
LN10, NINE_TO_ONE = math.log(10), 0.3250830
PROBABILITIES = np.array([[0.25, 0.75], [1, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("losses", "chance_loss", "expected"),
    [
        ([2.3026, 2.21, 2.19, 1.5], LN10, 3),
        ([2.3026, 2.2001], LN10, None),
        ([2.1999], LN10, 1),
        ([2.2], LN10, None),
        ([], LN10, None),
        ([1.0, 2.5], LN10, 1),  # it can rise again
        ([0.3251, 0.3107], NINE_TO_ONE, None),  # always the class of 90 %: below ln 2, but nothing learned
        ([0.3251, 0.3105], NINE_TO_ONE, 2),  # 2.2 / ln 10 of 0.3251 is 0.3106
    ],
)
def test_training_learns_when_its_loss_is_clearly_below_chance(
    losses: list[float], chance_loss: float, expected: int | None
) -> None:
    assert epochs_to_learn(losses, chance_loss) == expected


def output(losses: list[float], *, diverged: int | None = None) -> SeedOutput:
    """Return an output with these training losses; every other number differs in every epoch."""
    history = np.array([[loss, 0.1 * k, 10.0 + k, 0.01 * k] for k, loss in enumerate(losses, start=1)]).reshape(-1, 4)
    layers = [[[epoch + 0.25, 0.5, layer] for layer in range(4)] for epoch in range(len(losses) + 1)]
    accuracy = None if diverged else 0.75
    result = SeedResult(
        test_loss=accuracy, test_accuracy=accuracy, validation_loss=None, validation_accuracy=None,
        learned=not diverged, epochs_to_learn=None if diverged else 1, diverged_epoch=diverged,
    )  # fmt: skip
    model, probabilities = (b"", np.empty((0, 2), np.float32)) if diverged else (b"model", PROBABILITIES)
    return SeedOutput(result, 77, 3, history, np.array(layers) if losses else np.empty((0, 0, 3)), model, probabilities)


HISTORY = """\
seed,epoch,loss,accuracy,val_loss,val_accuracy
5,1,1.500000,0.100000,11.000000,0.010000
5,2,1.250000,0.200000,12.000000,0.020000
0,1,0.125000,0.100000,11.000000,0.010000
"""


def test_files_have_every_epoch_of_every_seed_and_the_layers_before_training(tmp_path: Path) -> None:
    outputs = {5: output([1.5, 1.25]), 0: output([0.125], diverged=2), 8: output([], diverged=1)}
    write_outputs(tmp_path, SMALL, {seed: SeedOutput.from_arrays(one.to_arrays()) for seed, one in outputs.items()})
    assert (tmp_path / "history.csv").read_text() == HISTORY
    assert (tmp_path / "layers.csv").read_text().splitlines() == [
        "seed,epoch,layer,mean_activation,saturated,gradient_norm",
        *(
            f"{seed},{epoch},{name},{epoch}.25,0.5,{layer}"
            for seed, epochs in ((5, 3), (0, 2))
            for epoch in range(epochs)
            for layer, name in enumerate(LAYERS)
        ),
    ]
    results = json.loads((tmp_path / "results.json").read_text())
    assert (results["parameters"], results["classes"], list(results["seeds"])) == (77, 3, ["5", "0", "8"])
    assert results["architecture"] == SMALL.model_dump(exclude_defaults=True)
    assert results["seeds"]["5"]["test_accuracy"] == 0.75
    assert (results["seeds"]["0"]["test_accuracy"], results["seeds"]["0"]["diverged_epoch"]) == (None, 2)
    predictions = np.load(tmp_path / "predictions.npz", allow_pickle=False)
    assert predictions.files == ["seed-5"]
    np.testing.assert_array_equal(predictions["seed-5"], PROBABILITIES)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.keras")} == {"seed-5.keras": b"model"}
    with pytest.raises(ValueError, match="zip"):  # layers of another architecture
        write_outputs(tmp_path, SMALL, {5: outputs[5]._replace(layers=outputs[5].layers[:, :3])})


def test_equal_models_are_equal_files_without_date_and_addresses(tmp_path: Path) -> None:
    models = []  # both exist at once, so their objects have different addresses
    for name in ("a.keras", "b.keras"):
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        models.append(build_model(SMALL, (28, 28, 1), 10))
        save_model(tmp_path / name, models[-1])
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert json.loads(archive.read("metadata.json")).keys() == {"keras_version"}
        assert set(re.findall(rb'"shared_object_id": (\d+)', archive.read("config.json"))) == {b"0"}


def test_tables_equal_those_of_pandas() -> None:
    rows = [
        (0, 0, "block1_conv1", 0.5, 0.0, 1.23456789e-7),
        (0, 1, "hidden", np.float64(1) / 3, 1.0, 123456.7),
        (12, 20, "probabilities", 0.1, math.nan, math.inf),
    ]
    assert csv_text(rows, LAYER_COLUMNS, "%.5g") == pd.DataFrame(rows, columns=LAYER_COLUMNS).to_csv(
        index=False, float_format="%.5g", lineterminator="\n"
    )


def test_file_is_replaced_by_a_rename_and_kept_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "new folder/file"
    write_text(path, "old")
    with path.open() as reader:
        write_text(path, "new, and longer")
        assert reader.read() == "old", "a reader continues with the old file"
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"loss": math.nan})
    with pytest.raises(OSError, match=r"No space left.*new folder/file") as error, whole_file(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise OSError(28, "No space left on device")
    assert error.value.filename == str(path)
    assert path.read_text() == "new, and longer"
    assert list(path.parent.iterdir()) == [path]
