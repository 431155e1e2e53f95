"""The table of trials: what a row says, and that all of it can be read again."""

import csv
import io
from pathlib import Path

import pytest

from stages.common import InputError
from stages.trials.table import read_trials, trials_text
from stages.trials.trial import Rung
from tests.trials.made_up import architecture, made_trial

TRIALS = [
    made_trial(0, 100, 0.5, 0.6),
    made_trial(1, 200, None),
    made_trial(2, 300, operations=10**9, unfit=1.0),
    made_trial(
        3,
        400,
        0.4,
        generation=1,
        architecture=architecture(head="global_average", dense_units=None, ema_momentum=0.998),
    ),
    made_trial(
        4,
        500,
        generation=1,
        architecture=architecture(filters=[2, 3, 4, 5], blocks=2, dropout=0.3, learning_rate=0.004),
    ),
]
TRIALS[4].rungs = [Rung(1, None, None, learned=False)]  # diverged


def test_a_row_is_a_trial_and_rung_in_the_order_of_training() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_text(TRIALS))))
    told = [(row["trial"], row["rung"], row["epochs"], row["learned"], row["promoted"]) for row in rows]
    assert told == [
        ("2", "0", "0", "False", "False"),
        ("0", "1", "1", "True", "True"),
        ("1", "1", "1", "False", "False"),
        ("0", "2", "2", "True", "False"),
        ("3", "1", "1", "True", "False"),
        ("4", "1", "1", "False", "False"),
    ]
    assert [row["validation_accuracy"] for row in rows] == ["", "0.500000", "0.100000", "0.600000", "0.400000", ""]
    last = [rows[-1][key] for key in ("filters", "dropout", "dense_units", "learning_rate")]
    assert last == ["2 3 4 5", "0.3", "16", "0.004"]
    before = [rows[-2][key] for key in ("head", "dense_units", "average", "learning_rate")]
    assert before == ["average", "", "0.998", ""]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    place = tmp_path / "trials.csv"
    choices = {"learning_rate": 0.00123456789, "average": 0.9990234375, "dropout": 1e-05}
    trials = [*TRIALS, made_trial(5, 600, 0.4, generation=1, architecture=architecture(**choices))]
    place.write_text(trials_text(trials))
    assert read_trials(place) == trials


@pytest.mark.parametrize("content", ["", "trial\n1\n", trials_text(TRIALS).replace("400", "many")])
def test_a_file_of_another_form_is_refused_in_a_line(tmp_path: Path, content: str) -> None:
    place = tmp_path / "trials.csv"
    place.write_text(content)
    with pytest.raises(InputError, match=r"no table of trials \(.*\); `make search` makes it anew"):
        read_trials(place)
    with pytest.raises(InputError, match=r"other\.csv: missing; `make search` makes it anew"):
        read_trials(tmp_path / "other.csv")
