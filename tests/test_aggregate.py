"""Every number that `aggregate` writes, on a made-up study in which a wrong formula gives another number."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

from stages.aggregate import set_aside_unlisted
from stages.common import read_yaml, yaml_text
from tests.conftest import ROOT
from tests.made_up_study import RUNS, SEEDS, aggregate, compare_study, outputs


def metrics_of(project: Path, name: str) -> Any:
    return json.loads((project / f"metrics/{name}.json").read_text())


def test_numbers_of_an_architecture_are_means_over_the_runs_that_have_them(compared: Path) -> None:
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
    numbers = metrics_of(compared, "study")["width"]["w2-4"]
    assert numbers == {name: pytest.approx(value, abs=5e-5) for name, value in expected.items()}
    assert list(numbers) == list(expected)


def test_baselines_are_in_the_summary_and_all_others_in_the_study_under_their_keys(compared: Path) -> None:
    summary, study = metrics_of(compared, "summary"), metrics_of(compared, "study")
    assert {family: entry["parameters"] for family, entry in summary.items()} == {"width": 5000, "depth": 4000}
    keys = {
        family: {key: numbers["parameters"] for key, numbers in entries.items()} for family, entries in study.items()
    }
    assert keys == {
        "width": {"w10-20": 7000, "w2-4": 900},
        "depth": {"2": 800, "1": 4000},
        "custom": {"plain": 4500, "deep": 950, "nan": 6000},
    }
    assert summary["depth"] == study["depth"]["1"]
    assert json.dumps(metrics_of(compared, "accuracy")) == json.dumps(
        {
            "width": {"validation_accuracy": 0.88, "test_accuracy": 0.895, "learned": 4},
            "depth": {"validation_accuracy": 0.815, "test_accuracy": 0.805, "learned": 4},
            "w10-20": 0.435,
            "w2-4": 0.653333,
            "depth-2": 0.68,
            "depth-1": 0.805,
            "plain": 0.975,
            "deep": 0.9575,
            "nan": 0.9875,
        }
    )


def test_steps_lead_from_fewer_filters_to_more_and_compare_the_runs_that_learned(compared: Path) -> None:
    steps = metrics_of(compared, "steps")
    assert list(steps) == ["width", "depth"], "the custom family has no steps"
    first, second = steps["width"].values()
    assert list(steps["width"]) == ["(2, 4) to (8, 16)", "(8, 16) to (10, 20)"]
    assert (first["difference"], second["difference"]) == (0.075, -0.115)
    assert first["mcnemar_p"] == 0.25  # the first that learned gets 2 right, the other 5: 3 alone, 2 / 2^3
    assert second["mcnemar_p"] == 1.0  # 5 and 4
    assert "p" not in second
    (name, step), *_ = steps["depth"].items()
    assert (name, step["difference"], step["direction"]) == ("1 block to 2 blocks", -0.125, "down")


def test_verdicts_are_those_of_the_families_in_order(compared: Path) -> None:
    verdicts = metrics_of(compared, "verdicts")
    assert {claim: entry["verdict"] for claim, entry in verdicts.items()} == {
        "more_filters_raise_accuracy": "undecided",
        "wide_networks_fail_to_learn": "undecided",
        "more_blocks_lower_accuracy": "confirmed",
        "width_has_an_optimum": "undecided",
        "depth_has_an_optimum": "not tested",
        "best_for_its_cost": "nan",
        "together_beats_either_alone": "confirmed",
    }
    assert ": (2, 4) 2 of 4, (8, 16) 4 of 4, (10, 20) 1 of 4; " in verdicts["wide_networks_fail_to_learn"]["statistics"]
    together = verdicts["together_beats_either_alone"]
    assert together["sentence"].startswith("plain reaches 97.50 % with 4,500 parameters, (8, 16) reaches 89.50 % with ")
    assert ": deep reaches 95.75 % with 950 parameters, -1.75 points [" in together["statistics"]


def test_one_seed_takes_its_standard_error_from_the_validation_images(tmp_path: Path) -> None:
    printed = compare_study(tmp_path, chosen=[0])
    best = metrics_of(tmp_path, "verdicts")["best_for_its_cost"]
    assert best["statistics"].startswith("standard error: 4.97 points, of 4 ")  # sqrt(0.99 x 0.01 / 4)
    assert "\nOne seed cannot settle a claim. " in printed


WIDTH_ACCURACY = """\
architecture,parameters,seed,test_accuracy,learned,reference
"(2, 4)",900,7,0.320000,False,
"(2, 4)",900,0,0.800000,True,
"(2, 4)",900,1,0.840000,True,
"(2, 4)",900,2,,False,
"(8, 16)",5000,7,0.880000,True,
"(8, 16)",5000,0,0.860000,True,
"(8, 16)",5000,1,0.900000,True,
"(8, 16)",5000,2,0.940000,True,
"(10, 20)",7000,7,0.320000,False,
"(10, 20)",7000,0,0.320000,False,
"(10, 20)",7000,1,0.780000,True,
"(10, 20)",7000,2,0.320000,False,
"""


def test_tables_for_plots_have_every_run_in_order_and_every_epoch(compared: Path) -> None:
    assert (compared / "plots/width_accuracy.csv").read_text() == WIDTH_ACCURACY
    lines = (compared / "plots/depth_curves.csv").read_text().splitlines()
    assert lines == ["architecture,seed,epoch,loss,accuracy,val_loss,val_accuracy"] + [
        f"{label},{seed},{epoch},{loss:.6f},{accuracy + 0.01:.6f},{1.2 - accuracy:.6f},{accuracy:.6f}"
        for label, name in (("1 block", "depth-1"), ("2 blocks", "depth-2"))
        for seed, run in zip(SEEDS, RUNS[name], strict=True)
        for epoch, (loss, accuracy) in enumerate(zip(run.losses, run.validation, strict=True), start=1)
    ]


def settings_of_every_kind() -> str:
    """Return a matplotlibrc: every switch flipped, every number raised, and texts, colours and lists of each kind."""
    lines = [
        "# Schriftgröße",
        "font.family: monospace",
        "backend: no_such_backend",
        "axes.prop_cycle: cycler('color', 'rgb')",
    ]
    lines += ["image.origin: lower", "savefig.facecolor: red", "mathtext.fontset: cm", "date.epoch: 2000-01-01"]
    for key, value in mpl.rcParamsDefault.items():
        if isinstance(value, bool):
            lines.append(f"{key}: {not value}")
        elif isinstance(value, int | float) and value > 0:
            lines.append(f"{key}: {value + 1}")
    return "\n".join(lines)


@pytest.mark.parametrize("place", ["matplotlibrc", "configuration/matplotlibrc"])
def test_no_configuration_of_the_user_changes_a_byte(compared: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(settings_of_every_kind(), encoding="latin-1")  # no UTF-8, which ends Matplotlib
    variables = {"MPLCONFIGDIR": str(tmp_path / "configuration"), "MPLBACKEND": "no_such_backend"}
    variables |= {"COLUMNS": "20", "FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "PANDAS_FUTURE_INFER_STRING": "0"}
    variables |= {"PYTHONHASHSEED": "1", "PYTHONOPTIMIZE": "1"}
    printed = compare_study(tmp_path, SEEDS, **variables)
    assert printed.endswith((compared / "printed").read_text())  # a library may warn before
    assert outputs(tmp_path) == outputs(compared)


def test_no_section_that_the_stage_does_not_list_changes_a_byte(compared: Path, tmp_path: Path) -> None:
    pipeline, committed = (read_yaml((ROOT / name).read_text(), name) for name in ("dvc.yaml", "params.yaml"))
    compare_study(tmp_path)
    others = {
        section: content
        for section, content in committed.items()
        if section not in pipeline["stages"]["aggregate"]["params"]
    }
    assert others
    with (tmp_path / "params.yaml").open("a") as file:
        file.write(yaml_text(others))
    aggregate(tmp_path)
    assert outputs(tmp_path) == outputs(compared)


@pytest.mark.usefixtures("folder")
def test_what_params_yaml_does_not_name_is_moved_out_of_the_models() -> None:
    for number in (0, 1):
        Path("data/models/named").mkdir(parents=True, exist_ok=True)
        Path("data/models/old").mkdir()
        Path("data/models/old/results.json").write_text(str(number))
        set_aside_unlisted({"named"})
        assert [path.name for path in Path("data/models").iterdir()] == ["named"]
        assert Path(f"data/set-aside/old-{number}/results.json").read_text() == str(number)
