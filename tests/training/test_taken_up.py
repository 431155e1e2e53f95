"""What a training takes up of what is kept, and what not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, MODELS, contents, edit_params, run, training
from tests.training.conftest import states


def test_damaged_state_is_noticed_said_and_not_used(interrupted: Path, whole: Path) -> None:
    (state,) = states(interrupted)
    stored = state.read_bytes()
    middle = len(stored) // 2
    state.write_bytes(stored[:middle] + bytes([stored[middle] ^ 1]) + stored[middle + 1 :])
    output = run(*training("w2-4"), cwd=interrupted)
    assert re.search(rf"w2-4 seed 0: \S*{state.name} is damaged and not used", output)
    assert "w2-4 seed 0 epoch 1/3:" in output
    assert contents(interrupted / MODELS / "w2-4") == contents(whole / MODELS / "w2-4")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("params.yaml", "learning_rate: 0.001", "learning_rate: 0.002"),
        ("params.yaml", "dense_units: 80 ", "dense_units: 81 "),
        ("stages/training/loop.py", "One Keras training", "A Keras training"),
    ],
)
def test_state_of_other_parameters_or_code_is_not_taken_up(interrupted: Path, file: str, old: str, new: str) -> None:
    path = interrupted / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert "w2-4 seed 0 epoch 1/3:" in first_line(interrupted)


def test_state_of_other_data_is_not_taken_up(interrupted: Path) -> None:
    edit_params(interrupted, "  seed: 0 ", "  seed: 1 ")
    run(sys.executable, "-m", "stages.prepare", cwd=interrupted)
    assert "w2-4 seed 0 epoch 1/3:" in first_line(interrupted)


def test_state_of_the_same_training_is_taken_up_whatever_else_is_asked_for(interrupted: Path) -> None:
    """Other code that decides nothing, another name, other seeds beside it, more epochs."""
    for file in ("stages/training/progress.py", "stages/report/charts.py", "stages/params.py"):
        with (interrupted / file).open("a") as code:
            code.write("# a remark\n")
    edit_params(interrupted, "epochs: 3\n", "epochs: 4\n")
    edit_params(interrupted, "  - 0\n  - 1\n", "  - 5\n  - 0\n")
    edit_params(interrupted, "  - 8\n  - 16\n", "  - 2\n  - 4\n")
    output = run(sys.executable, "-m", "stages.train", "width", cwd=interrupted)
    assert "width seed 0: 1 of 4 epochs were trained before" in output
    assert [line.split(":")[0] for line in output.splitlines() if " epoch " in line] == [
        *(f"width seed 5 epoch {epoch}/4" for epoch in (1, 2, 3, 4)),
        *(f"width seed 0 epoch {epoch}/4" for epoch in (2, 3, 4)),
    ]


def first_line(project: Path) -> str:
    """What a training of w2-4 says first; it is not waited for."""
    with subprocess.Popen(
        training("w2-4"), cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.kill()
    return line
