"""The pipeline as its users run it, on the sample: which stages run, what is trained, and how results are compared."""

import json
import re
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.checkpoints import FILE
from tests.conftest import STORE, commit, contents, documented, edit_params, ran_stages, run
from tests.queues import start_queue, wait_for_queue

TRAINED = re.compile(r"^(\S+) seed (\d+): epoch (\d+)/\d+,", flags=re.MULTILINE)
EXP_SHOW = (
    "dvc exp show --only-changed --drop 'Created|State|Executor|.*/' --sort-by width.validation_accuracy "
    "--sort-order desc"
)


def trained(output: str) -> list[tuple[str, int, int]]:
    """Return the epochs that were trained: name, seed, number."""
    return [(name, int(seed), int(epoch)) for name, seed, epoch in TRAINED.findall(output)]


def metrics(project: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project / f"metrics/{name}.json").read_text())
    return content


def test_only_stages_of_changed_parameters_are_stale(small: Path) -> None:
    assert ran_stages(run(*documented("dvc repro"), cwd=small)) == []
    assert run("git", "status", "--porcelain", cwd=small) == ""
    depth = {"train@depth", "train_depth@1", "aggregate"}
    for old, new, stale in (
        ("  - 8\n  - 16\n  blocks: 1", "  - 10\n  - 20\n  blocks: 1", {"train@width", "aggregate"}),
        ("  dense_units: 84", "  dense_units: 85", depth),
        ("learning_rate: 0.001", "learning_rate: 0.002", {"train@width", "train_width@w2-4", *depth}),
    ):
        edit_params(small, old, new)
        assert set(ran_stages(run("dvc", "repro", "--dry", cwd=small))) == stale
        edit_params(small, new, old)


@pytest.mark.longest
def test_first_run_trains_every_architecture_once(reproduced: Path) -> None:
    log = (reproduced / "first-run.log").read_text()
    done = re.findall(r"^(\S+) seed 0: done in", log, flags=re.MULTILINE)
    assert len(done) == len(set(done)) == 3, "the baseline of depth is not trained next to the study's depth-1"
    for name in ("width", "depth", "w2-4", "depth-1"):
        assert {path.name for path in (reproduced / "data/models" / name).iterdir()} == {
            "seed-0.keras", "history.csv", "layers.csv", "results.json", "predictions.npz",
        }  # fmt: skip
    assert contents(reproduced / "data/models/depth") == contents(reproduced / "data/models/depth-1")
    assert [word for word in ("absl", "cuda", "oneDNN", "Warning", "Traceback") if word in log] == []
    assert metrics(reproduced, "study")["width"]["w2-4"]["parameters"] == 156_026
    assert list(metrics(reproduced, "accuracy")) == ["width", "depth", "w2-4", "depth-1"]


def test_experiment_trains_its_baseline_alone_and_is_compared(small: Path) -> None:
    """The README's experiment, and the commands that compare it."""
    output = run(*documented("dvc exp run -S 'width.filters=[10,20]'"), cwd=small)
    assert ran_stages(output) == ["train@width", "aggregate"]
    assert trained(output) == [("width", 0, 1)]
    changed = run("git", "diff", "--unified=0", "params.yaml", cwd=small).splitlines()
    assert [line for line in changed if re.match(r"[-+](?![-+])", line)] == ["-  - 8", "-  - 16", "+  - 10", "+  - 20"]
    run(*documented("dvc metrics diff"), cwd=small)
    assert json.loads(run("dvc", "params", "diff", "--json", cwd=small)) == {
        "params.yaml": {"width.filters": {"old": "[8, 16]", "new": "[10, 20]"}}
    }
    shown = run(*documented(EXP_SHOW), cwd=small)
    assert max(map(len, shown.splitlines())) <= 120
    run(*documented("dvc plots diff"), cwd=small)
    page = (small / "dvc_plots/index.html").read_text()
    assert "<DVC_METRIC" not in page
    assert {'"rev": "HEAD"', '"rev": "workspace"'} <= set(re.findall(r'"rev": "\w+"', page))


def test_metrics_diff_needs_no_data(cloned: Path) -> None:
    numbers = metrics(cloned, "accuracy")
    numbers["width"]["learned"] = 7
    (cloned / "metrics/accuracy.json").write_text(json.dumps(numbers))
    commit(cloned, "Another number")
    changed = json.loads(run("dvc", "metrics", "diff", "HEAD~1", "--json", cwd=cloned))
    assert changed == {"metrics/accuracy.json": {"width.learned": {"old": 0, "new": 7, "diff": 7}}}


@pytest.mark.slow
def test_next_experiments_train_only_what_is_new_and_a_fresh_run_has_their_bytes(small: Path) -> None:
    """One sequence of experiments: only whole runs show that each stage finds the trainings of the others."""
    output = run(*documented("dvc exp run -S depth.activation=relu"), cwd=small)
    assert set(ran_stages(output)) == {"train@depth", "train_depth@1", "aggregate"}
    output = run(*documented("dvc exp run -S '+study.width.w12-24=[12,24]'"), cwd=small)
    assert ran_stages(output) == ["train_width@w12-24", "aggregate"]
    assert metrics(small, "study")["width"]["w12-24"]["parameters"] == 937_706
    edit_params(small, "  - 0\n", "  - 0\n  - 1\n")
    seeds = Counter(seed for _, seed, _ in trained(run("dvc", "repro", cwd=small)))
    assert seeds == {1: 4}, "one epoch of each of four architectures: (8, 16), (2, 4), (12, 24) and 1 block"
    edit_params(small, "epochs: 1\n", "epochs: 3\n")
    epochs = Counter((seed, epoch) for _, seed, epoch in trained(run("dvc", "repro", cwd=small)))
    assert epochs == {(seed, epoch): 4 for seed in (0, 1) for epoch in (2, 3)}
    commit(small, "Experiments")
    for folder in (STORE, Path(".dvc/cache/runs"), Path("data/models")):
        shutil.rmtree(small / folder)
    assert trained(run("dvc", "repro", "--force", cwd=small))
    assert run("git", "status", "--porcelain", cwd=small) == ""


@pytest.mark.slow
def test_queued_experiments_share_trainings_and_a_killed_one_resumes(small: Path) -> None:
    """Two workers of DVC's queue that need the same training, then `dvc queue kill`: their copies share one store."""
    known = {path.name for path in (small / STORE).iterdir()}
    queue = ["dvc", "exp", "run", "--queue", "--name"]
    run(*queue, "one", "-S", "width.filters=[3,5]", cwd=small)
    run(*queue, "two", "-S", "width.filters=[3,5]", "-S", "depth.dense_units=80", cwd=small)
    start_queue(small, *documented("dvc queue start -j 2"))
    assert wait_for_queue(small, 2) == ["Success"] * 2
    logs = [run("dvc", "queue", "logs", name, cwd=small) for name in ("one", "two")]
    assert [epoch for output in logs for epoch in trained(output) if epoch[0] == "width"] == [("width", 0, 1)]
    assert len({path.name for path in (small / STORE).iterdir()} - known) == 2, "(3, 5), and one block with 80 units"
    assert run(*documented(EXP_SHOW), cwd=small).count("[3, 5]") == 2

    def longest() -> int:
        files = [path.name for folder in (small / STORE).iterdir() for path in folder.iterdir()]
        return max(int(match[2]) for name in files if (match := FILE.fullmatch(name)))

    stage = "train_width@w2-4"
    run(*queue, "long", "-S", "train.epochs=5000", stage, cwd=small)
    start_queue(small, "dvc", "queue", "start")
    while longest() < 5:
        assert "Failed" not in (status := run("dvc", "queue", "status", cwd=small)), status
        time.sleep(0.5)
    run("dvc", "queue", "kill", "long", cwd=small)
    assert "Failed" in wait_for_queue(small, 3)
    done = longest()
    output = run("dvc", "exp", "run", "-S", f"train.epochs={done + 1}", stage, cwd=small)
    assert trained(output) == [("w2-4", 0, done + 1)]
