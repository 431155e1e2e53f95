"""The tables that a training leaves."""

import math

import numpy as np
import pandas as pd

from stages.results import LAYER_COLUMNS, rows_text, table_text


def test_rows_are_written_as_pandas_writes_them() -> None:
    rows = [
        (0, 0, "block1_conv1", 0.5, 0.0, 1.23456789e-7),
        (0, 1, "hidden", np.float64(1) / 3, 1.0, 4.6632),
        (12, 20, "probabilities", 0.1, math.nan, math.inf),
    ]
    assert rows_text(rows, LAYER_COLUMNS, "%.5g") == table_text(pd.DataFrame(rows, columns=LAYER_COLUMNS), "%.5g")
