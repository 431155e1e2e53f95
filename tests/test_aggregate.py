"""Every number that `aggregate` writes, on a made-up study in which a wrong formula gives another number."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import run
from tests.made_up_study import RUNS, SEEDS, write_study


def metrics_of(project: Path, name: str) -> Any:
    return json.loads((project / f"metrics/{name}.json").read_text())


def test_numbers_of_an_architecture_are_means_over_what_they_say(made_up: Path) -> None:
    """One run failed, two learned, one diverged. With one degree of freedom t is 12.7062; of two values s is d / √2."""
    half = 12.7062 * 0.02
    expected = {
        "parameters": 900,
        "training_flops": 3 * (19_600 + 25_600 + 40_960 + 480) - 19_600,
        "seeds": 4,
        "learned": 2,
        "learned_fraction_low": 0.0676,  # of 2 of 4, by Clopper and Pearson
        "learned_fraction_high": 0.9324,
        "diverged": 1,
        "test_accuracy": (0.32 + 0.80 + 0.84) / 3,
        "test_accuracy_learned": (0.80 + 0.84) / 2,
        "test_loss": (1.18 + 0.70 + 0.66) / 3,
        "test_loss_learned": (0.70 + 0.66) / 2,
        "validation_accuracy": (0.31 + 0.74 + 0.72) / 3,
        "validation_loss": (0.89 + 0.46 + 0.48) / 3,
        "epochs_to_learn": (2 + 3) / 2,
        "test_accuracy_learned_deviation": 0.04 / 2**0.5,
        "test_accuracy_learned_low": 0.82 - half,
        "test_accuracy_learned_high": 0.82 + half,
        "test_loss_learned_deviation": 0.04 / 2**0.5,
        "test_loss_learned_low": 0.68 - half,
        "test_loss_learned_high": 0.68 + half,
    }
    numbers = metrics_of(made_up, "study")["width"]["w2-4"]
    assert numbers == {name: pytest.approx(value, abs=5e-5) for name, value in expected.items()}
    assert list(numbers) == list(expected)


def test_one_run_that_started_among_failed_ones_gives_means_and_no_spread(made_up: Path) -> None:
    numbers = metrics_of(made_up, "study")["width"]["w10-20"]
    assert (numbers["seeds"], numbers["learned"], numbers["diverged"]) == (4, 1, 0)
    assert (numbers["test_accuracy"], numbers["test_accuracy_learned"]) == (0.435, 0.78)
    assert (numbers["validation_accuracy"], numbers["epochs_to_learn"]) == (0.4525, 2.0)
    assert not any(name.endswith("_deviation") for name in numbers)


def test_picks_are_in_the_summary_and_the_study_s_in_the_study_under_their_keys(made_up: Path) -> None:
    summary, study = metrics_of(made_up, "summary"), metrics_of(made_up, "study")
    assert {family: entry["parameters"] for family, entry in summary.items()} == {"width": 5000, "depth": 4000}
    keys = {
        family: {key: numbers["parameters"] for key, numbers in entries.items()} for family, entries in study.items()
    }
    assert keys == {"width": {"w10-20": 7000, "w2-4": 900}, "depth": {"2": 800, "1": 4000}}
    assert summary["depth"] == study["depth"]["1"]


def test_numbers_that_dvc_compares_are_over_all_runs(made_up: Path) -> None:
    assert metrics_of(made_up, "accuracy") == {
        "width": {"validation_accuracy": 0.88, "test_accuracy": 0.895, "learned": 4},
        "depth": {"validation_accuracy": 0.815, "test_accuracy": 0.805, "learned": 4},
        "w10-20": 0.435,
        "w2-4": 0.653333,
        "depth-2": 0.68,
        "depth-1": 0.805,
    }


def test_more_blocks_have_fewer_parameters_and_take_more_operations(made_up: Path) -> None:
    """14x14 images: 14, 8 and 2 pixels a side; 84 units, 3 classes."""
    one = [2 * 14**2 * 25 * 6, 2 * 8**2 * 25 * 36, 2 * 8**2 * 6 * 84, 2 * 84 * 3]
    two = [
        2 * 14**2 * 25 * 6,
        2 * 8**2 * 25 * 36,
        2 * 8**2 * 25 * 36,
        2 * 2**2 * 25 * 36,
        2 * 2**2 * 6 * 84,
        2 * 84 * 3,
    ]
    depth = metrics_of(made_up, "study")["depth"]
    assert [depth[key]["training_flops"] for key in "12"] == [3 * sum(flops) - flops[0] for flops in (one, two)]
    assert depth["1"]["training_flops"] < depth["2"]["training_flops"]
    assert depth["1"]["parameters"] > depth["2"]["parameters"]


def test_steps_lead_from_fewer_kernels_to_more_and_compare_what_started(made_up: Path) -> None:
    width = metrics_of(made_up, "steps")["width"]
    assert list(width) == ["(2, 4) to (8, 16)", "(8, 16) to (10, 20)"]
    assert [step["difference"] for step in width.values()] == [0.075, -0.115]
    first, second = width.values()
    assert first["mcnemar_p"] == 0.25  # the first that learned gets 2 right, the other 5: 3 alone, 2 / 2^3
    assert second["mcnemar_p"] == 1.0  # 5 and 4
    assert "p" not in second
    depth = metrics_of(made_up, "steps")["depth"]
    assert [(name, step["difference"], step["direction"]) for name, step in depth.items()] == [
        ("1 block to 2 blocks", -0.125, "down")
    ]


def test_verdicts_are_those_of_the_families_in_order(made_up: Path) -> None:
    verdicts = metrics_of(made_up, "verdicts")
    assert {claim: entry["verdict"] for claim, entry in verdicts.items()} == {
        "more_kernels_raise_accuracy": "undecided",
        "wide_networks_fail_to_start": "undecided",
        "more_blocks_lower_accuracy": "confirmed",
        "width_has_an_optimum": "undecided",
        "depth_has_an_optimum": "not tested",
        "best_for_its_cost": "(8, 16)",
        "together_beats_either_alone": "not tested",
    }
    assert verdicts["wide_networks_fail_to_start"]["sentence"].startswith(
        "learned: (2, 4) 2 of 4, (8, 16) 4 of 4, (10, 20) 1 of 4; "
    )
    assert verdicts["width_has_an_optimum"]["sentence"].startswith("(8, 16) is best over all runs, 89.50 %, ")
    assert "of 4 seeds) of its validation accuracy, 88.00 %;" in verdicts["best_for_its_cost"]["sentence"]


def test_one_seed_takes_its_standard_error_from_the_validation_images(made_up: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(made_up, tmp_path / "one-seed", symlinks=True))
    write_study(project, chosen=[0])
    run(sys.executable, "-m", "stages.aggregate", cwd=project)
    best = metrics_of(project, "verdicts")["best_for_its_cost"]
    assert best["verdict"] == "1 block"  # 81 %, of 92 % and sqrt(0.92 x 0.08 / 4) = 13.56 points
    assert "one standard error (13.56 points, of 4 validation images)" in best["sentence"]


def test_tables_for_plots_have_every_run_in_order_and_every_epoch(made_up: Path) -> None:
    assert (made_up / "plots/width_accuracy.csv").read_text() == (
        "architecture,parameters,seed,test_accuracy,learned,reference\n"
        '"(2, 4)",900,7,0.320000,False,\n'
        '"(2, 4)",900,0,0.800000,True,\n'
        '"(2, 4)",900,1,0.840000,True,\n'
        '"(2, 4)",900,2,,False,\n'
        '"(8, 16)",5000,7,0.880000,True,\n'
        '"(8, 16)",5000,0,0.860000,True,\n'
        '"(8, 16)",5000,1,0.900000,True,\n'
        '"(8, 16)",5000,2,0.940000,True,\n'
        '"(10, 20)",7000,7,0.320000,False,\n'
        '"(10, 20)",7000,0,0.320000,False,\n'
        '"(10, 20)",7000,1,0.780000,True,\n'
        '"(10, 20)",7000,2,0.320000,False,\n'
    )
    lines = (made_up / "plots/depth_curves.csv").read_text().splitlines()
    assert lines == ["architecture,seed,epoch,loss,accuracy,val_loss,val_accuracy"] + [
        f"{label},{seed},{epoch},{loss:.6f},{accuracy + 0.01:.6f},{1.2 - accuracy:.6f},{accuracy:.6f}"
        for label, name in (("1 block", "depth-1"), ("2 blocks", "depth-2"))
        for seed, run in zip(SEEDS, RUNS[name], strict=True)
        for epoch, (loss, accuracy) in enumerate(zip(run.losses, run.validation, strict=True), start=1)
    ]
