"""The table at the end of a run and the numbers that DVC compares, on made-up runs and on the committed study."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.common import InputError
from stages.params import FAMILIES, Params, load_params, read_params
from stages.report.summary import (
    ACCURACY,
    PAGE,
    STUDY,
    SUMMARY,
    VERDICTS,
    accuracy_csv,
    compared_numbers,
    summarize_run,
)
from stages.training.architecture import CustomArchitecture
from tests.conftest import ROOT

CLAIM = "Past some width training becomes unstable, then fails"
NOTEBOOK = {"(2, 4)": 0.888, "(5, 10)": 0.902, "(15, 30)": 0.1, "1 block": 0.8903, "3 blocks": 0.8424}
UNDECIDED = {"claim": "The number of blocks has an optimum", "verdict": "undecided", "sentence": "one run each"}


def numbers(overall: float | None, of_started: float | None = None, **others: Any) -> dict[str, Any]:
    """Return an architecture's numbers as metrics/study.json has them; by default of one run that learned."""
    means = {"test_accuracy": overall, "test_accuracy_learned": of_started}
    known = {name: mean for name, mean in means.items() if mean is not None}
    return {"parameters": 1000, "seeds": 1, "learned": 1, "validation_accuracy": 0.5} | known | others


def params_of(widths: dict[str, list[int]], blocks: list[int], **train: Any) -> Params:
    params = read_params((ROOT / "params.yaml").read_text())
    study = params.study.model_copy(update={"width": widths, "depth": blocks})
    width = params.width.model_copy(update={"filters": next(iter(widths.values()))})
    return params.model_copy(
        update={"study": study, "width": width, "train": params.train.model_copy(update=train)}, deep=True
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("metrics").mkdir()
    Path("plots").mkdir()
    return tmp_path


def write(
    study: dict[str, Any],
    best: str = "(2, 4)",
    verdicts: dict[str, Any] | None = None,
    notebook: dict[str, float] = NOTEBOOK,
) -> None:
    summary = {family: next(iter(study[family].values())) for family in ("width", "depth")}
    known = {"best_for_its_cost": {"claim": "Best", "verdict": best, "sentence": ""}} | (verdicts or {})
    for path, content in ((STUDY, study), (SUMMARY, summary), (VERDICTS, known)):
        path.write_text(json.dumps(content))
    rows = [f'"{label}",{accuracy}\n' for label, accuracy in notebook.items()]
    for family in FAMILIES:
        accuracy_csv(family).write_text("".join(["architecture,reference\n", '"(9, 9)",\n', *rows]))


SMALL = params_of({"w2-4": [2, 4], "w5-10": [5, 10], "w15-30": [15, 30]}, [1, 3], seeds=[0, 1, 2])


@pytest.mark.usefixtures("folder")
def test_table_has_learned_and_failed_runs_intervals_the_notebook_and_the_best_marked() -> None:
    spread = {"test_accuracy_learned_low": 0.8759, "test_accuracy_learned_high": 0.9001}
    write(
        {
            "width": {
                "w2-4": numbers(0.6272, 0.888, seeds=3, learned=2, parameters=156_026, **spread),
                "w5-10": numbers(0.3667, 0.9, seeds=3, learned=1),
                "w15-30": numbers(0.1, seeds=3, learned=0, parameters=1_174_160),
            },
            "depth": {"1": numbers(0.88, seeds=3, learned=3), "3": numbers(None, seeds=3, learned=0)},
        },
        verdicts={"wide": {"claim": CLAIM, "verdict": "confirmed", "sentence": "long"}, "depth": UNDECIDED},
    )
    assert summarize_run(SMALL).splitlines() == [
        "Test accuracy in %, 20 epochs, 3 seeds, fashion-mnist",
        "  filters, blocks  parameters  learned  accuracy   95 % interval  notebook",
        "* (2, 4)              156,026   2 of 3     88.80  87.59 to 90.01     88.80",
        "  (5, 10)               1,000   1 of 3     90.00                     90.20",
        "  (15, 30)          1,174,160   0 of 3     10.00                     10.00",
        "  1 block               1,000   3 of 3     88.00                     89.03",
        "  3 blocks              1,000   0 of 3         -                     84.24",
        "* best for its cost. Means of the runs that learned (of all, if none did).",
        "",
        f"{CLAIM}: confirmed",
        "",
        "Full report: plots/report.html",
    ]


@pytest.mark.usefixtures("folder")
def test_one_seed_on_other_data_has_neither_interval_nor_notebook_nor_a_claim_decided() -> None:
    params = params_of({"w2-4": [2, 4]}, [1], epochs=1)
    params = params.model_copy(update={"data": params.data.model_copy(update={"source": "tests/sample"})})
    write({"width": {"w2-4": numbers(0.71)}, "depth": {"1": numbers(0.72)}}, "1 block", {"depth": UNDECIDED}, {})
    assert summarize_run(params, Path("/copy") / PAGE).splitlines() == [
        "Test accuracy in %, 1 epoch, seed 0, tests/sample",
        "  filters, blocks  parameters  learned  accuracy",
        "  (2, 4)                1,000   1 of 1     71.00",
        "* 1 block               1,000   1 of 1     72.00",
        "* best for its cost.",
        "",
        "One seed cannot settle a claim. Six: dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'",
        "",
        "Full report: /copy/plots/report.html",
    ]


@pytest.mark.usefixtures("folder")
def test_a_larger_study_shows_the_best_by_validation_in_order_and_how_many_more_there_are() -> None:
    widths = {f"w{k}": [k, 2 * k] for k in range(1, 41)}
    params = params_of(widths, [1], seeds=list(range(1000)))
    study = {
        "width": {
            name: numbers(1 - k / 100, validation_accuracy=0.5 + k / 100, parameters=10**8 + k)
            | {"seeds": 1000, "learned": 1000, "test_accuracy_learned_low": 0.9, "test_accuracy_learned_high": 1.0}
            for k, name in enumerate(widths)
        },
        "depth": {"1": numbers(0.99, validation_accuracy=0.2)},
    }
    long = {str(k): {"claim": CLAIM, "verdict": "contradicted in part", "sentence": ""} for k in range(3)}
    write(study, "(3, 6)", long)
    lines = summarize_run(params).splitlines()
    labels = [line[2:].split("  ")[0] for line in lines[2:14]]
    assert labels == ["(3, 6)", *(f"({k}, {2 * k})" for k in range(30, 41))]
    assert lines[14] == "  and 29 more, of lower validation accuracy: metrics/study.json"
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    assert lines[17:19] == [f"{CLAIM}: contradicted in part", f"{CLAIM}: contradicted in part"]


@pytest.mark.usefixtures("folder")
def test_without_validation_images_the_test_accuracy_ranks_and_nothing_is_best_for_its_cost() -> None:
    widths = {f"w{k}": [k, k] for k in range(1, 21)}
    study = {
        "width": {name: numbers(k / 100) for k, name in enumerate(widths)},
        "depth": {"1": numbers(0.001)},
    }
    study["depth"]["1"] = numbers(None, learned=0)  # all diverged
    for one in [*study["width"].values(), *study["depth"].values()]:
        del one["validation_accuracy"]
    params = params_of(widths, [1])
    write(study, "not tested")
    lines = summarize_run(params).splitlines()
    assert [line.split("  ")[1] for line in lines[2:14]] == [f"({k}, {k})" for k in range(9, 21)]
    assert "*" not in "".join(lines)
    assert lines[14:] == [
        "  and 9 more, of lower validation accuracy: metrics/study.json",
        "",
        "One seed cannot settle a claim. Six: dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'",
        "",
        "Full report: plots/report.html",
    ]


@pytest.mark.usefixtures("folder")
def test_custom_architectures_follow_by_their_parameters_with_the_names_of_the_classes() -> None:
    params = params_of({"w2-4": [2, 4]}, [1], seeds=[0, 1])
    one = CustomArchitecture.model_validate(params.width.model_dump())
    custom = dict.fromkeys(["huge", "tiny", "mine"], one)
    params = params.model_copy(update={"study": params.study.model_copy(update={"custom": custom})})
    sizes = {"huge": 900_000, "tiny": 90, "mine": 1_000}
    both = {"seeds": 2, "learned": 2}
    study = {"width": {"w2-4": numbers(0.7, **both)}, "depth": {"1": numbers(0.6, **both)}}
    write(study | {"custom": {name: numbers(0.8, parameters=size, **both) for name, size in sizes.items()}})
    classes = Path("data/raw/classes.txt")
    classes.parent.mkdir(parents=True)
    names = ["coat", "bag", "a name that is long", *(f"sandal-{k}" for k in range(9))]
    classes.write_text("".join(f"{name}\n" for name in names))
    assert summarize_run(params).splitlines() == [
        "Test accuracy in %, 20 epochs, 2 seeds, fashion-mnist",
        "  filters, blocks, custom  parameters  learned  accuracy  notebook",
        "* (2, 4)                        1,000   2 of 2     70.00     88.80",
        "  1 block                       1,000   2 of 2     60.00     89.03",
        "  tiny                             90   2 of 2     80.00",
        "  mine                          1,000   2 of 2     80.00",
        "  huge                        900,000   2 of 2     80.00",
        "* best for its cost. Means of the runs that learned (of all, if none did).",
        "Classes: coat, bag, a name that is long, sandal-0, sandal-1, sandal-2, ...",
        "",
        "2 seeds settle no claim.",
        "",
        "Full report: plots/report.html",
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (STUDY, "{", "metrics/study.json: not JSON"),
        (STUDY, '{"width": {"w2-4": {"learned": 1}}}', "metrics/study.json: no entry for w5-10"),
        (STUDY, "{}", "metrics/study.json: no entry for w2-4"),
    ],
)
def test_metrics_that_are_behind_or_damaged_are_told(file: Path, content: str, said: str) -> None:
    write({"width": {"w2-4": numbers(0.7)}, "depth": {"1": numbers(0.6)}})
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        summarize_run(SMALL)


def test_committed_study_ends_in_one_screen_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = summarize_run(load_params()).splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if " of " in line and line[0] in "* " and line[2] in "(1234"]) == 9


def test_committed_numbers_are_those_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    summary, study, committed = (json.loads(path.read_text()) for path in (SUMMARY, STUDY, ACCURACY))
    assert committed == compared_numbers(load_params(), summary, study)


def test_compared_numbers_are_means_over_all_runs_and_leave_out_what_does_not_exist() -> None:
    study = {
        "width": {
            "w2-4": numbers(0.6, 0.85, seeds=3, learned=2),
            "w5-10": numbers(None),
            "w15-30": numbers(0.1) | {"learned": 0},
        },
        "depth": {"1": numbers(0.8), "3": numbers(0.7)},
    }
    baseline = numbers(0.6, 0.85, seeds=3, learned=2, validation_accuracy=0.61)
    unheld = {name: value for name, value in numbers(0.8).items() if name != "validation_accuracy"}
    assert list(compared_numbers(SMALL, {"width": baseline, "depth": unheld}, study).items()) == [
        ("width", {"validation_accuracy": 0.61, "test_accuracy": 0.6, "learned": 2}),
        ("depth", {"test_accuracy": 0.8, "learned": 1}),
        ("w2-4", 0.6),
        ("w15-30", 0.1),
        ("depth-1", 0.8),
        ("depth-3", 0.7),
    ]
