"""Measure how the cluster's driver and DVC itself scale, with stages that only sleep and outputs that are made up.

    python -m tools.cluster.scale [dask|dvc]

Writes into records/cluster-scale `dask.csv`, one row a number of stages and of workers, all in one process: makespan
against its lower bound, max(longest stage, sum / workers), and memory; and `dvc.csv`, seconds of DVC's commands with
nothing to do, one row a number of architectures; or only one of them.
"""

import json
import logging
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from distributed import Client, LocalCluster

from stages.common import InputError, read_yaml, reported_in_one_line, yaml_text
from stages.training.files import write_json, write_text
from tools.cluster.clone import Study
from tools.cluster.driver import LOCK, run_on_workers
from tools.cluster.plan import Task
from tools.cluster.worker import DONE, Outcome, environment

RECORDS = Path("records/cluster-scale")

STAGES = (10, 100, 500, 2000)
WORKERS = (1, 10, 50, 200)
BOUND = 4.0  # seconds that the stages would take if nothing cost anything, where there are enough of them
NEEDED = {"threads": 1.0, "memory": 1.0}

ARCHITECTURES = (11, 100, 500)  # with the two picks
RUNS = 3
COMMANDS = {
    "repro": ["dvc", "repro"],
    "status": ["dvc", "status"],
    "exp show": ["dvc", "exp", "show", "--json"],
    "repro of one": ["dvc", "repro", "--single-item", "train@width"],  # a worker runs four such commands a stage
}


def sleep(stage: str, needs: list[str], study: Study, *before: Outcome) -> Outcome:
    """In place of a worker's `run_stage`: as many seconds as the stage's name ends with."""
    del needs, study, before
    time.sleep(float(stage.partition("@")[2]))
    return DONE, "", "", 0


def slept(stages: int, workers: int) -> dict[str, float]:
    """A run of the driver over so many stages, from half to one and a half of a mean that makes the bound BOUND."""
    draw = random.Random(0)  # noqa: S311 - durations
    mean = BOUND * min(workers / stages, 1)
    seconds = [mean * draw.uniform(0.5, 1.5) for _ in range(stages)]
    tasks = {f"stage-{number}@{duration:.4f}": Task([], NEEDED) for number, duration in enumerate(seconds)}
    resources = dict.fromkeys(NEEDED, 1.0) | {environment(LOCK): 1e6}
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=False, resources=resources,
            memory_limit=0, dashboard_address=None, silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.wait_for_workers(workers)
        before, began = peak_memory(), time.perf_counter()
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            run_on_workers(client, tasks, Study("0" * 40, [], remote=False, cache=""), sleep)
        makespan, after = time.perf_counter() - began, peak_memory()
    bound = max(*seconds, sum(seconds) / workers)
    return {
        "stages": stages,
        "workers": workers,
        "bound_s": round(bound, 2),
        "makespan_s": round(makespan, 2),
        "makespan_over_bound": round(makespan / bound, 2),
        "overhead_ms_per_stage": round(1000 * (makespan - bound) / stages, 1),
        "memory_mb": round(after),
        "memory_of_stages_mb": round(after - before),
    }


def peak_memory() -> float:
    """The most that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def made_up(project: Path, architectures: int) -> None:
    """The project as it is committed, with a larger study of which every output is there, and none was trained.

    DVC commits the study of one width and looks at what that leads to; the other widths' entries of dvc.lock are copies
    of that one's, since `dvc commit` of many stages takes a time that grows with the square of their number.
    """
    subprocess.run(["git", "clone", "--quiet", ".", str(project)], check=True)
    params = read_yaml((project / "params.yaml").read_text(encoding="utf-8"), "params.yaml")
    more = architectures - 2 - len(params["study"]["depth"])
    widths = {f"w{number}-{number}": [number, number] for number in range(1, more + 1)}
    names = ["width", "depth", *widths, *(f"depth-{blocks}" for blocks in params["study"]["depth"])]
    for file in ["raw/images", "fashion_mnist.npz", *(f"models/{name}/results.json" for name in names)]:
        write_text(project / "data" / file, "made up")
    write_text(project / "plots/report.html", "made up")
    _write_study(project, params, dict(list(widths.items())[:1]))
    subprocess.run(["dvc", "commit", "--force", "--quiet"], cwd=project, check=True)

    _write_study(project, params, widths)
    lock = read_yaml((project / "dvc.lock").read_text(encoding="utf-8"), "dvc.lock")
    first = yaml_text(lock["stages"]["train_width@w1-1"])
    for name, filters in widths.items():
        own = read_yaml(first.replace("w1-1", name), "dvc.lock")
        own["params"]["params.yaml"][f"study.width.{name}"] = filters
        lock["stages"][f"train_width@{name}"] = own
    write_text(project / "dvc.lock", yaml_text(lock))
    subprocess.run(["dvc", "commit", "--force", "--quiet", "aggregate"], cwd=project, check=True)
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "study"], cwd=project, check=True)


def _write_study(project: Path, params: dict[str, Any], widths: dict[str, list[int]]) -> None:
    """Put these widths into params.yaml, and numbers of theirs into metrics/study.json."""
    params["study"]["width"] = widths
    write_text(project / "params.yaml", yaml_text(params))
    study = json.loads((project / "metrics/study.json").read_text(encoding="utf-8"))
    study["width"] = dict.fromkeys(widths, next(iter(study["width"].values())))
    write_json(project / "metrics/study.json", study)


def timed(project: Path) -> dict[str, float]:
    """Median seconds of DVC's commands."""
    seconds = {}
    for name, command in COMMANDS.items():
        runs = []
        for _ in range(RUNS):
            began = time.perf_counter()
            subprocess.run(command, cwd=project, check=True, capture_output=True)
            runs.append(time.perf_counter() - began)
        seconds[name] = round(median(runs), 2)
    return seconds


def dask_table() -> pd.DataFrame:
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:  # a fresh process each
        return pd.DataFrame(pool.starmap(slept, product(STAGES, WORKERS), chunksize=1))


def dvc_table() -> pd.DataFrame:
    rows = []
    for architectures in ARCHITECTURES:
        with tempfile.TemporaryDirectory() as place:
            made_up(Path(place), architectures)
            rows.append({"architectures": architectures} | timed(Path(place)))
    return pd.DataFrame(rows)


def main() -> None:
    with reported_in_one_line("cluster_scale"):
        tables = {"dask": dask_table, "dvc": dvc_table}
        names = sys.argv[1:] or list(tables)
        if not set(names) <= tables.keys():
            raise InputError(f"{' '.join(names)!r} is no table, may be {' or '.join(tables)}")
        for name in names:
            write_text(RECORDS / f"{name}.csv", tables[name]().to_csv(index=False))


if __name__ == "__main__":
    main()
