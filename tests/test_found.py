"""The third family, of what was found, wherever the study is shown: on a made-up study, and once trained."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from stages.analysis.runs import trained
from stages.analysis.tables import compared_runs
from stages.params import load_params
from tests.conftest import commit, documented, made_once, ran_stages, run
from tests.made_up_study import FOUND, SEEDS, dataset, write_study
from tests.report.conftest import said
from tests.report.specifications import layer
from tests.report.test_numbers import sections, table
from tests.test_aggregate import metrics_of
from tests.test_experiments import metrics

BY_PARAMETERS = ["deep", "plain", "huge"]


@pytest.fixture(scope="session")
def with_found(made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up study on a branch that adds three architectures to study.custom. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(made_up, place, dirs_exist_ok=True, symlinks=True)
        run("git", "checkout", "--quiet", "-b", "custom", cwd=place)
        write_study(place, found=FOUND)
        (place / "said").write_text(run(sys.executable, "-m", "stages.aggregate", cwd=place))
        commit(place, "Found")

    return made_once(tmp_path_factory, "with-found", make)


def test_numbers_of_what_was_found_are_the_study_s_third_part_and_no_pick_s(with_found: Path, made_up: Path) -> None:
    study = metrics_of(with_found, "study")
    assert list(study) == ["width", "depth", "custom"]
    assert {key: numbers["test_accuracy"] for key, numbers in study["custom"].items()} == {
        "plain": 0.975, "deep": 0.9575, "huge": 0.9875,
    }  # fmt: skip
    added = {"plain": 0.975, "deep": 0.9575, "huge": 0.9875}
    assert metrics_of(with_found, "accuracy") == metrics_of(made_up, "accuracy") | added
    for name in ("summary", "steps"):
        assert metrics_of(with_found, name) == metrics_of(made_up, name), "a family without a pick or steps"


def test_operations_are_those_of_the_architecture_that_was_found(with_found: Path) -> None:
    """14x14 images, 3x3 kernels, halved once; then the mean of every channel."""
    flops = [2 * 14**2 * 9 * 4, 2 * 14**2 * 9 * 4 * 8, 2 * 7**2 * 9 * 8 * 16, 2 * 7**2 * 9 * 16 * 16, 2 * 16 * 3]
    deep = metrics_of(with_found, "study")["custom"]["deep"]["training_flops"]
    assert deep == 3 * sum(flops) - flops[0]


def test_table_at_the_end_has_them_last_by_their_parameters(with_found: Path) -> None:
    lines = (with_found / "said").read_text().splitlines()
    assert lines[2].startswith("  kernels, blocks, found  parameters  learned")
    shown = [(line[2:].split("  ")[0], line.split()[2 if line[0] == "*" else 1]) for line in lines[8:11]]
    assert shown == [("deep", "950"), ("plain", "4,500"), ("huge", "6,000")]
    assert run(sys.executable, "-m", "tools.outcome", cwd=with_found) == (with_found / "said").read_text()


def test_tables_for_plots_hold_them_by_their_parameters(with_found: Path, made_up: Path) -> None:
    accuracy = pd.read_csv(with_found / "plots/custom_accuracy.csv")
    assert list(accuracy["architecture"]) == [name for name in BY_PARAMETERS for _ in SEEDS]
    assert list(accuracy[accuracy["architecture"] == "deep"]["test_accuracy"]) == [0.95, 0.955, 0.96, 0.965]
    curves = pd.read_csv(with_found / "plots/custom_curves.csv")
    assert list(curves["architecture"].unique()) == BY_PARAMETERS
    assert len(curves) == 3 * 4 * 3
    for table_name in ("accuracy", "curves"):
        for family in ("width", "depth"):
            name = f"plots/{family}_{table_name}"
            for kind in ("csv", "png"):
                assert (with_found / f"{name}.{kind}").read_bytes() == (made_up / f"{name}.{kind}").read_bytes()
        held, empty = (place / f"plots/found_{table_name}.csv" for place in (with_found, made_up))
        assert empty.read_text() == held.read_text().splitlines(keepends=True)[0], "the columns alone"


def test_page_has_them_in_table_charts_and_words_and_without_them_says_nothing_of_them(
    with_found: Path, made_up: Path
) -> None:
    text, without = ((place / "plots/report.html").read_text() for place in (with_found, made_up))
    assert list(table(text))[-3:] == BY_PARAMETERS
    assert {name: cells["family"][0] for name, cells in table(text).items()}["deep"] == "custom"
    assert sections(text) == sections(without)
    words = said(text)
    assert (
        "deep: 2 blocks of 4 and 8, then 16 and 16 kernels, 3x3; max pooling at stride 2; mean of every channel; relu; "
        "batch normalization; dropout 0.25; average of the weights, momentum 0.9; learning rate 0.002 "
        "plain: 1 block of 3 and 3 kernels, 5x5; average pooling at stride 1; 9 hidden units; sigmoid; "
        "no normalization; no dropout; no average of the weights huge: 1 block of 9 and 9 kernels"
    ) in words
    charts = {name: chart_of(text, name) for name in ("accuracy-custom", "curves-loss", "cost-parameters", "starts")}
    assert layer(charts["accuracy-custom"], "point").drawn("x", "xOffset") == [
        (name, seed) for name in BY_PARAMETERS for seed in SEEDS
    ]
    dashes = dict(layer(charts["curves-loss"], "line").drawn("color", "strokeDash"))
    assert [dashes[name] for name in ("(2, 4)", "1 block", *BY_PARAMETERS)] == ["width", "depth"] + ["custom"] * 3
    assert dict(layer(charts["cost-parameters"], "point").drawn("color", "x"))["plain"] == 4500
    assert [name for (name,) in layer(charts["starts"], "point").drawn("y")][-3:] == BY_PARAMETERS
    assert 'data-for="accuracy-custom"' not in without
    assert "dotted ones of what was found." in words
    assert not [phrase for phrase in ("dotted", "What study.custom holds") if phrase in said(without)]


def chart_of(text: str, name: str) -> dict[str, object]:
    specification = text.partition(f'class="specification" data-for="{name}">')[2].partition("</script>")[0]
    content: dict[str, object] = json.loads(specification)
    return content


def test_verdicts_are_of_all_three_families(with_found: Path, made_up: Path) -> None:
    verdicts, before = metrics_of(with_found, "verdicts"), metrics_of(made_up, "verdicts")
    assert verdicts.pop("best_for_its_cost")["verdict"] == "huge"
    together = verdicts.pop("together_beats_either_alone")
    assert together["verdict"] == "confirmed"
    first, beyond = together["sentence"].split(". Of any kind, with no more parameters than the study's best: ")
    assert first.startswith("plain has 4,500 parameters, where (8, 16), the study's best, has 5,000, and 97.50 % over ")
    assert ": +8.00 points [" in first
    assert beyond.startswith("deep, 950 parameters, 95.75 %, -1.75 points [")
    assert verdicts == {claim: before[claim] for claim in verdicts}


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        ("plain", {}, True),
        ("plain", {"average": 0.9}, False),
        ("plain", {"learning_rate": 0.01}, False),
        ("deep", {"average": 0}, False),
        ("width", {}, True),
        ("depth-2", {}, True),
    ],
)
def test_notebook_s_kind_is_its_own_layers_trained_as_the_study_without_an_average(
    with_found: Path, monkeypatch: pytest.MonkeyPatch, name: str, own: dict[str, float], expected: bool
) -> None:
    monkeypatch.chdir(with_found)
    params = load_params()
    described = next(one for one in params.architectures() if one.name == name)._replace(own=own)
    assert compared_runs(trained(described, params), dataset(), params).notebooks_kind is expected


@pytest.mark.slow
def test_one_is_asked_for_in_one_command_trained_alone_with_its_own_average_and_shown(small: Path) -> None:
    """Three experiments of one architecture: its own average is told from `train`'s by what is trained alone."""
    command = documented("dvc exp run -S '+study.custom.mine={filters: [4, 8], blocks: 1, pooling: max, dense_units: 16, activation: relu}'")  # fmt: skip  # noqa: E501
    assert ran_stages(run(*command, cwd=small)) == ["train_custom@mine", "aggregate"]
    found = metrics(small, "study")["custom"]["mine"]
    assert found["parameters"] == 104 + 808 + (22 * 22 * 8 * 16 + 16) + 170
    assert metrics(small, "accuracy")["mine"] == found["test_accuracy"]
    assert "1 block of 4 and 8 kernels, 5x5;" in (small / "plots/report.html").read_text()
    before = (small / "data/models/mine/history.csv").read_text()

    assert ran_stages(run("dvc", "exp", "run", "-S", "+study.custom.mine.ema_momentum=0.5", cwd=small)) == [
        "train_custom@mine", "aggregate",
    ]  # fmt: skip
    averaged = (small / "data/models/mine/history.csv").read_text()
    assert averaged != before
    output = run("dvc", "exp", "run", "-S", "train.ema_momentum=0.5", "train_custom@mine", cwd=small)
    assert ran_stages(output) == ["train_custom@mine"]
    assert "mine seed 0: 1 of 1 epoch were trained before" in output, "its own average is what it had"
    assert (small / "data/models/mine/history.csv").read_text() == averaged
