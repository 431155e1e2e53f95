"""The commands that compare architectures, as the README and docs/ write them, each on the sample."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import commit, documented, edit_params, made_once, ran_stages, run
from tests.queues import start_queue, wait_for_queue


def metrics(project: Path, name: str = "summary") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project / f"metrics/{name}.json").read_text())
    return content


def check_plots(page: str) -> None:
    """Every plot, both revisions."""
    for title in ("training loss", "monitored accuracy", "test accuracy"):
        assert f"Width, {title}" in page
        assert f"Depth, {title}" in page
    assert '"strokeDash": {"field": "rev"' in page
    for revision in ("HEAD", "workspace"):
        assert f'"rev": "{revision}"' in page
    assert "(10, 20)" in page
    assert "<DVC_METRIC" not in page


@pytest.mark.slow
def test_another_activation_in_depth_trains_that_family_alone(small: Path) -> None:
    """The documented command: which stages run is DVC's to say."""
    output = run(*documented("dvc exp run -S depth.activation=relu"), cwd=small)
    assert set(ran_stages(output)) == {"train@depth", "train_depth@1", "aggregate"}


@pytest.mark.slow
def test_one_more_architecture_adds_one_stage_and_leaves_nothing_when_reverted(small: Path) -> None:
    """There and back: that nothing is left is told by a run after the way back alone."""
    output = run(*documented("dvc exp run -S '+study.width.w12-24=[12,24]'"), cwd=small)
    assert ran_stages(output) == ["train_width@w12-24", "aggregate"]
    assert metrics(small, "study")["width"]["w12-24"]["parameters"] == 937_706

    run("git", "checkout", "--quiet", ".", cwd=small)
    run("dvc", "checkout", cwd=small)
    assert not [stage for stage in ran_stages(run("dvc", "repro", cwd=small)) if stage != "aggregate"]
    assert run("git", "status", "--porcelain", cwd=small) == ""


@pytest.mark.slow
def test_learning_rate_is_what_it_says_as_dvc_writes_it(small: Path) -> None:
    """Two trainings by `dvc exp run`, as DVC writes the number: its run-cache tells whether it is the same one."""
    history = small / "data/models/w2-4/history.csv"
    before = history.read_text()
    command = ["dvc", "exp", "run", "train_width@w2-4", "-S"]
    assert ran_stages(run(*command, "train.learning_rate=0.00001", cwd=small)) == ["train_width@w2-4"]
    assert "learning_rate: 1e-05 " in (small / "params.yaml").read_text()
    assert history.read_text() != before
    assert ran_stages(run(*command, "train.learning_rate=1e-3", cwd=small)) == []  # by the run-cache
    assert history.read_text() == before


@pytest.mark.slow
def test_more_seeds_train_every_architecture_from_each(small: Path) -> None:
    """As many trainings as the command asks for: nothing less shows that none is left out."""
    output = run(*documented("dvc exp run -S 'train.seeds=[0,1,2]'"), cwd=small)
    assert len(ran_stages(output)) == 4 + 1
    assert [entry["seeds"] for entry in metrics(small).values()] == [3, 3]
    curves = pd.read_csv(small / "plots/width_curves.csv")
    assert list(curves[curves["architecture"] == "(2, 4)"]["seed"]) == [0, 1, 2]
    assert curves.groupby("architecture")["loss"].nunique().eq(3).all(), "each seed its own training"


@pytest.fixture(scope="session")
def learning(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`reduced` with a family of width that learns something within its one epoch. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(reduced, place, dirs_exist_ok=True, symlinks=True)
        edit_params(place, "learning_rate: 0.001", "learning_rate: 0.003")
        path = place / "params.yaml"
        path.write_text(path.read_text().replace("activation: sigmoid", "activation: relu", 1))
        run("dvc", "repro", cwd=place)
        commit(place, "Relu")

    return made_once(tmp_path_factory, "learning", make)


@pytest.fixture
def project(learning: Path, tmp_path: Path) -> Path:
    """A copy of `learning` to use up."""
    return Path(shutil.copytree(learning, tmp_path / "project", symlinks=True))


COMPARED = ["Experiment", "width.validation_accuracy", "width.test_accuracy", "width.filters"]


def shown_table(project: Path) -> list[list[str]]:
    """What the README's way to compare experiments shows, in cells; the table fits 120 columns."""
    command = documented("dvc exp show --only-changed --drop 'Created|State|Executor|.*/' --sort-by width.validation_accuracy --sort-order desc")  # fmt: skip  # noqa: E501
    output = run(*command, cwd=project)
    lines = [line.rstrip() for line in output.splitlines()]
    assert max(map(len, lines)) <= 120
    return [re.split(r"\s{2,}", line.strip(" ├└─")) for line in lines if line.strip(" ─")]


def pick_of(data: dict[str, Any]) -> list[str]:
    """The cells that an experiment's data ask for."""
    numbers = data["metrics"]["metrics/accuracy.json"]["data"]["width"]
    accuracies = [f"{numbers[name]:.5g}" for name in ("validation_accuracy", "test_accuracy")]
    return [*accuracies, str(data["params"]["params.yaml"]["data"]["width"]["filters"])]


def test_another_pick_in_width_trains_that_pick_alone_and_is_compared_and_shown_with_what_came_of_it(
    project: Path,
) -> None:
    """The README's command and every way to look at what it did: a training, and seven commands that compare it."""
    output = run(*documented("dvc exp run -S 'width.filters=[10,20]'"), cwd=project)
    assert ran_stages(output) == ["train@width", "aggregate"]
    assert metrics(project)["width"]["parameters"] == 780570
    changed = run("git", "diff", "--unified=0", "params.yaml", cwd=project).splitlines()
    assert [line for line in changed if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-  - 8",
        "-  - 16",
        "+  - 10",
        "+  - 20",
    ]

    assert "width.filters" in run(*documented("dvc params diff"), cwd=project)
    assert json.loads(run("dvc", "params", "diff", "--json", cwd=project)) == {
        "params.yaml": {"width.filters": {"old": "[8, 16]", "new": "[10, 20]"}}
    }
    run(*documented("dvc plots diff"), cwd=project)
    check_plots((project / "dvc_plots/index.html").read_text())

    (changed,) = json.loads(run(*documented("dvc metrics diff"), "--json", cwd=project)).values()
    assert set(changed) >= {"width.validation_accuracy", "width.test_accuracy"}
    assert not [key for key in changed if not key.startswith("width.")]
    titles, workspace, committed, experiment = shown_table(project)
    assert [title for title in titles if title != "width.learned"] == COMPARED
    assert (workspace[-1], committed[-1], experiment[-1]) == ("[10, 20]", "[8, 16]", "[10, 20]")
    assert workspace[1:] == experiment[1:] != committed[1:]


@pytest.mark.slow
def test_queued_experiments_run_side_by_side_and_read_like_a_league_table(project: Path) -> None:
    """Three experiments through DVC's queue, as only these have the names, places and order that the table shows."""
    run(*documented("dvc exp run --queue -S 'width.filters=[2,4],[5,10],[10,20]'"), cwd=project)
    start_queue(project, *documented("dvc queue start -j 2"))
    assert wait_for_queue(project, 3) == ["Success"] * 3

    titles, *rows = shown_table(project)
    learned = titles.index("width.learned") if "width.learned" in titles else None
    cells = [[cell for place, cell in enumerate(row) if place != learned] for row in (titles, *rows)]
    assert cells[0] == COMPARED
    listed = json.loads(run("dvc", "exp", "show", "--json", cwd=project))
    experiments = [each["revs"][0]["data"] for entry in listed for each in entry["experiments"] or []]
    best_first = sorted(map(pick_of, experiments), key=lambda row: float(row[0]), reverse=True)
    assert [row[0] for row in cells[1:3]] == ["workspace", "main"]
    assert sorted(row[3] for row in cells[3:]) == ["[10, 20]", "[2, 4]", "[5, 10]"]
    assert sorted(row[1:] for row in cells[3:]) == sorted(best_first)
    assert [row[1] for row in cells[3:]] == [row[0] for row in best_first]
    assert len({row[1] for row in cells[3:]}) > 1, "an order to be seen"


def test_few_of_the_columns_are_metrics_and_whatever_changes_fits_a_screen(fresh: Path, tmp_path: Path) -> None:
    """Every number of the committed study another one, with all the decimals that a file has."""
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    workspace = json.loads(run("dvc", "exp", "show", "--num", "1", "--json", cwd=project))[0]["data"]
    (numbers,) = [entry["data"] for entry in workspace["metrics"].values()]
    assert list(numbers)[:2] == ["width", "depth"]
    assert list(numbers["width"]) == ["validation_accuracy", "test_accuracy", "learned"]
    path = project / "metrics/accuracy.json"
    path.write_text(re.sub(r"0\.\d+", "0.123456", path.read_text()).replace('"learned": 1', '"learned": 0'))
    lines = run(*documented("dvc metrics diff"), cwd=project).splitlines()
    assert len(lines) == 1 + 15
    assert max(map(len, lines)) <= 90
