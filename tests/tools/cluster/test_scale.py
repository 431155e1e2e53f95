"""How the cluster and DVC scale: what is measured is what it says it is."""

from pathlib import Path

import pandas as pd

from tests.conftest import ROOT, run
from tools.cluster.scale import ARCHITECTURES, COMMANDS, RECORDS, STAGES, WORKERS, made_up, slept


def test_no_run_is_shorter_than_its_bound() -> None:
    row = slept(stages=6, workers=3)
    assert 1 < row["makespan_over_bound"] < 3
    assert row["bound_s"] <= row["makespan_s"]


def test_made_up_study_has_nothing_to_do(tmp_path: Path) -> None:
    made_up(tmp_path, 13)
    assert run("dvc", "status", cwd=tmp_path) == "Data and pipelines are up to date.\n"
    assert len(list((tmp_path / "data/models").iterdir())) == 13


def test_recorded_tables_are_whole() -> None:
    dask = pd.read_csv(ROOT / RECORDS / "dask.csv")
    assert list(zip(dask["stages"], dask["workers"], strict=True)) == [(s, w) for s in STAGES for w in WORKERS]
    assert (dask["makespan_s"] >= dask["bound_s"]).all()
    dvc = pd.read_csv(ROOT / RECORDS / "dvc.csv")
    assert list(dvc) == ["architectures", *COMMANDS]
    assert tuple(dvc["architectures"]) == ARCHITECTURES
