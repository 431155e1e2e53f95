"""Files as they are written."""

import math

import numpy as np
import pandas as pd

from stages.training.files import csv_text
from stages.training.results import LAYER_COLUMNS


def test_rows_are_written_as_pandas_writes_them() -> None:
    rows = [
        (0, 0, "block1_conv1", 0.5, 0.0, 1.23456789e-7),
        (0, 1, "hidden", np.float64(1) / 3, 1.0, 4.6632),
        (12, 20, "probabilities", 0.1, math.nan, math.inf),
    ]
    assert csv_text(rows, LAYER_COLUMNS, "%.5g") == pd.DataFrame(rows, columns=LAYER_COLUMNS).to_csv(
        index=False, float_format="%.5g", lineterminator="\n"
    )
