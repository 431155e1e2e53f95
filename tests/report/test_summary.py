"""The headline and table at the end of a run, on made-up numbers."""

import json
from pathlib import Path
from typing import Any

import pytest

from stages.params import FAMILIES, Params, read_params
from stages.report.summary import PAGE, STUDY, SUMMARY, VERDICTS, accuracy_csv, main, read_numbers, summarize_run
from stages.training.architecture import CustomArchitecture
from tests.conftest import ROOT

NOTEBOOK = {"(2, 4)": 0.888, "(5, 10)": 0.902, "(15, 30)": 0.1, "1 block": 0.8903, "3 blocks": 0.8424}


def numbers(overall: float | None, of_learned: float | None = None, **others: Any) -> dict[str, Any]:
    """Return an architecture's numbers as metrics/study.json has them; by default of one run that learned."""
    means = {"test_accuracy": overall, "test_accuracy_learned": of_learned, "validation_accuracy": 0.5} | others
    known = {name: mean for name, mean in means.items() if mean is not None}
    return {"parameters": 1000, "training_flops": 1000, "seeds": 1, "learned": 1} | known


def params_of(widths: dict[str, list[int]], blocks: list[int], custom: tuple[str, ...] = (), seeds: int = 1) -> Params:
    params = read_params((ROOT / "params.yaml").read_text())
    networks = {
        name: CustomArchitecture.model_validate(params.width.model_dump() | {"filters": [99, k + 1]})
        for k, name in enumerate(custom)
    }
    study = params.study.model_copy(update={"width": widths, "depth": blocks, "custom": networks})
    width = params.width.model_copy(update={"filters": next(iter(widths.values()))})
    train = params.train.model_copy(update={"seeds": list(range(seeds))})
    return params.model_copy(update={"study": study, "width": width, "train": train})


@pytest.fixture(autouse=True)
def folders(folder: Path) -> None:
    (folder / "metrics").mkdir()
    (folder / "plots").mkdir()


def write(study: dict[str, Any], best: str = "(2, 4)", notebook: dict[str, Any] = NOTEBOOK) -> None:
    summary = {family: next(iter(study[family].values())) for family in ("width", "depth")}
    verdicts = {"best_for_its_cost": {"claim": "Best", "verdict": best, "sentence": "A reason."}}
    for path, content in ((STUDY, study), (SUMMARY, summary), (VERDICTS, verdicts)):
        path.write_text(json.dumps(content))
    rows = [f'"{label}",0,0.5,{accuracy}\n' for label, accuracy in ({"(9, 9)": ""} | notebook).items()]
    for family in FAMILIES:
        accuracy_csv(family).write_text("".join(["architecture,seed,test_accuracy,reference\n", *rows]))


def table_of(text: str) -> list[list[str]]:
    """Return the cells of the printed table, its head first."""
    _, _, body = text.partition("\n\n")
    return [line.split() for line in body.partition("\nTest accuracy")[0].splitlines()]


def test_table_has_learned_and_failed_runs_intervals_the_notebook_and_the_best_marked() -> None:
    spread = {"test_accuracy_learned_low": 0.8759, "test_accuracy_learned_high": 0.9001}
    study = {
        "width": {
            "w2-4": numbers(0.6272, 0.888, seeds=3, learned=2, parameters=156_026, **spread),
            "w5-10": numbers(0.3667, 0.9, seeds=3, learned=1),
            "w15-30": numbers(0.1, seeds=3, learned=0, parameters=1_174_160),
        },
        "depth": {"1": numbers(0.88, seeds=3, learned=3), "3": numbers(None, seeds=3, learned=0)},
    }
    write(study)
    text = summarize_run(params_of({"w2-4": [2, 4], "w5-10": [5, 10], "w15-30": [15, 30]}, [1, 3], seeds=3))
    assert text.startswith(
        "Five sigmoid CNNs on fashion-mnist\n1 block has the highest mean accuracy of five networks, "
    )
    assert [" ".join(row) for row in table_of(text)[1:]] == [
        "(2, 4) * 156,026 2 of 3 88.80 87.59 90.01 88.80",
        "(5, 10) 1,000 1 of 3 90.00 - - 90.20",
        "(15, 30) 1,174,160 0 of 3 10.00 - - 10.00",
        "1 block 1,000 3 of 3 88.00 - - 89.03",
        "3 blocks 1,000 0 of 3 - - - 84.24",
    ]


def test_one_seed_on_other_data_has_neither_interval_nor_notebook_and_a_hint() -> None:
    write({"width": {"w2-4": numbers(0.71)}, "depth": {"1": numbers(0.72)}}, "1 block", notebook={})
    text = summarize_run(params_of({"w2-4": [2, 4]}, [1]), Path("/copy") / PAGE)
    titles, first, second = table_of(text)
    assert titles == ["architecture", "parameters", "learned", "accuracy"]
    assert (first[-1], second[:3], second[-1]) == ("71.00", ["1", "block", "*"], "72.00")
    assert "dvc exp run -S 'train.seeds=[0,1,2,3,4,5]'\n" in text
    assert text.endswith("\nFull report: /copy/plots/report.html")


@pytest.mark.parametrize("validated", [True, False])
def test_a_larger_study_shows_the_most_accurate_in_one_screen(validated: bool) -> None:
    """By validation or, if no images are held out, test accuracy; the best for its cost in any case."""
    widths = {f"w{k}": [k, 2 * k] for k in range(1, 41)}
    many = {"seeds": 1000, "learned": 1000, "test_accuracy_learned_low": 0.9, "test_accuracy_learned_high": 1.0}
    study = {
        "width": {
            name: numbers(
                (1 - k if validated else k) / 100,
                validation_accuracy=0.5 + k / 100 if validated else None,
                parameters=10**8 + k,
                **many,
            )
            for k, name in enumerate(widths)
        },
        "depth": {"1": numbers(None, validation_accuracy=None, seeds=1000, learned=0)},  # all diverged
    }
    labels = ["1 block", *(f"({k}, {2 * k})" for k in range(1, 41))]
    write(study, "(3, 6)" if validated else "not tested", dict.fromkeys(labels, ""))
    text = summarize_run(params_of(widths, [1], seeds=1000))
    best = [f"({k}, {2 * k})" for k in range(29, 41)]
    shown = [" ".join(row[:3] if row[2] == "*" else row[:2]) for row in table_of(text)[1:]]
    assert shown == (["(3, 6) *", *best[1:]] if validated else best)
    assert "29 more" in " ".join(text.split())
    assert len(text.splitlines()) <= 25
    assert max(map(len, text.splitlines())) <= 80


def test_custom_architectures_follow_by_their_parameters_with_the_names_of_the_classes() -> None:
    long = "x" * 40
    custom = {"huge": 900_000, "tiny": 90, long: 1_000}
    write(
        {"width": {"w2-4": numbers(0.7)}, "depth": {"1": numbers(0.6)}}
        | {"custom": {name: numbers(0.8, parameters=size) for name, size in custom.items()}}
    )
    classes = Path("data/raw/classes.txt")
    classes.parent.mkdir(parents=True)
    classes.write_text("coat\nbag\n" + "".join(f"sandal-{k}\n" for k in range(20)))
    text = summarize_run(params_of({"w2-4": [2, 4]}, [1], tuple(custom)))
    assert [row[0].rstrip("x") for row in table_of(text)[1:]] == ["(2,", "1", "tiny", "", "huge"]
    assert "\nClasses: coat, bag, sandal-0," in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_network_that_two_families_name_is_one_row() -> None:
    """Its accuracies are those of its runs, which the files of both families have."""
    params = params_of({"w2-4": [2, 4], "w6": [6, 6]}, [1, 2])
    params = params.model_copy(update={"depth": params.width.model_copy(update={"filters": [6, 6]})})
    write({"width": {"w2-4": numbers(0.7), "w6": numbers(0.8)}, "depth": {"1": numbers(0.8), "2": numbers(0.6)}})
    for family in ("width", "depth"):
        accuracy_csv(family).write_text(
            "architecture,seed,test_accuracy,reference\n"
            + "".join(f'"(6, 6) = 1 block",{seed},{accuracy},\n' for seed, accuracy in ((0, 0.7), (1, 0.9), (2, "")))
        )
    table = read_numbers(params)
    assert list(table.index) == ["(2, 4)", "(6, 6) = 1 block", "2 blocks"]
    assert table.loc["(6, 6) = 1 block", "accuracies"] == [0.7, 0.9]
    assert "Three sigmoid CNNs" in summarize_run(params)


@pytest.mark.parametrize("content", ["{", '{"width": {"w2-4": {"learned": 1}}}', "{}"])
def test_metrics_that_are_behind_or_damaged_end_in_one_line(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    write({"width": {"w2-4": numbers(0.7)}, "depth": {"1": numbers(0.6)}})
    STUDY.write_text(content)
    monkeypatch.setattr("sys.argv", ["summary"])
    with pytest.raises(SystemExit, match=r"^summary: metrics: written by other code .* Run `make repro`\.$"):
        main()
