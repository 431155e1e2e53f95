"""The table of trials: its rows, and that it can be read again."""

import csv
import io
from pathlib import Path

import pytest

from stages.common import InputError
from stages.trials.table import read_trials, trials_text
from stages.trials.trial import Rung
from tests.trials.made_up import made_architecture, made_trial

AVERAGED = made_architecture(head="global_average", dense_units=None, ema_momentum=0.9990234375)
DEEP = made_architecture(filters=[2, 3, 4, 5], blocks=2, dropout=1e-05, learning_rate=0.00123456789)
TRIALS = [
    made_trial(0, 100, 0.5, 0.6),
    made_trial(1, 200, None),
    made_trial(2, 300, training_flops=10**9, unfit=1.0),
    made_trial(3, 400, 0.4, round=1, architecture=AVERAGED),
    made_trial(4, 500, round=1, architecture=DEEP),
]
TRIALS[4].rungs = [Rung(1, None, None, learned=False)]  # diverged


def test_a_row_is_a_trial_and_rung_in_the_order_of_training() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_text(TRIALS))))
    keys = ("trial", "rung", "epochs", "learned", "promoted", "validation_accuracy")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("2", "0", "0", "False", "False", ""),
        ("0", "1", "1", "True", "True", "0.500000"),
        ("1", "1", "1", "False", "False", "0.200000"),
        ("0", "2", "2", "True", "False", "0.600000"),
        ("3", "1", "1", "True", "False", "0.400000"),
        ("4", "1", "1", "False", "False", ""),
    ]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    place = tmp_path / "trials.csv"
    place.write_text(trials_text(TRIALS))
    assert read_trials(place) == TRIALS


@pytest.mark.parametrize("content", [None, "", "trial\n1\n", trials_text(TRIALS).replace("400", "many")])
def test_a_missing_or_foreign_file_is_refused_in_a_line(tmp_path: Path, content: str | None) -> None:
    place = tmp_path / "trials.csv"
    if content is not None:
        place.write_text(content)
    with pytest.raises(InputError, match=r"trials\.csv: (missing|not a table of trials: .*)\. Run `make search`\.$"):
        read_trials(place)
