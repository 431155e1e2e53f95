"""The schema of params.yaml, and the line that refuses other content."""

import copy
from pathlib import Path
from typing import Any

import pytest

from stages.common import CONTROL, InputError, read_yaml, yaml_text
from stages.params import PARAMS_FILE, StudyArchitecture, load_params
from stages.training.architecture import Architecture
from tests.conftest import ROOT

TEXT = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
CONTENT = read_yaml(TEXT, "params.yaml")
OPTIONAL = {"kernel_size", "pool_stride", "head", "normalization", "dropout", "ema_momentum", "custom"}
MINE = {"filters": [4, 8], "blocks": 1, "pooling": "max", "dense_units": 16, "activation": "relu"}


@pytest.fixture(autouse=True)
def project(folder: Path) -> Path:
    (folder / "link").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")
    return folder


def write(content: Any) -> None:
    PARAMS_FILE.write_text(content if isinstance(content, str) else yaml_text(content), encoding="utf-8", newline="")


def changed(**values: Any) -> dict[str, Any]:
    """Return the repository's parameters with other values; `width__filters` is the key width.filters."""
    content: dict[str, Any] = copy.deepcopy(CONTENT)
    for key, value in values.items():
        *path, last = key.split("__")
        section = content
        for part in path:
            section = section[part]
        merge = isinstance(section.get(last), dict) and isinstance(value, dict) and value
        section[last] = section[last] | value if merge else value
    if not any(key.startswith("search") for key in values):
        del content["search"]  # half of the file, and slow to read
    return content


def refusal(content: Any = None) -> str:
    """Return the line that refuses this content, or the existing params.yaml."""
    if content is not None:
        write(content)
    with pytest.raises(InputError) as caught:
        load_params()
    line = CONTROL.sub(" ", str(caught.value))  # as stages print it
    assert line.startswith("params.yaml: ")
    assert len(line.splitlines()) == 1
    assert len(line) < 3_000
    return line


def study(content: Any) -> dict[str, StudyArchitecture]:
    write(content)
    return {one.name: one for one in load_params().study_architectures()}


def test_baselines_come_first() -> None:
    write(TEXT)
    first = load_params().architectures()[:3]
    assert [(one.name, one.is_baseline, one.key, one.label) for one in first] == [
        ("width", True, "width", "(8, 16)"), ("depth", True, "depth", "1 block"), ("w2-4", False, "w2-4", "(2, 4)"),
    ]  # fmt: skip


WRONG: dict[str, tuple[Any, ...]] = {
    "data.validation": (-1, 2**32, "2", 2.0, True, None),
    "data.source": ("", "/etc", "../outside", "a\0b", "link", 3, ".", "data", "data/raw/x", "metrics", "plots"),
    "train.epochs": (100_001,),
    "train.learning_rate": (0, float("nan"), float("inf"), 2.0**53 + 2, 10**400, "1e-3"),
    "train.threads": (0,),
    "train.seeds": ([], [0, 0], 0, [True], [-1], [2**32]),
    "train.ema_momentum": (-0.1, 1),
    "width.filters": ([8], [8, 16, 32], [0, 8], [8, 1025], [8, 16.0]),
    "depth.blocks": (0, 65),
    "width.pooling": ("min",),
    "width.dense_units": (0,),
    "width.kernel_size": (3.0, True),
    "width.pool_stride": (3,),
    "width.head": ("mean",),
    "width.normalization": ("layer",),
    "depth.dropout": (-0.1, 1),
    "depth.activation": ("softmax",),
    "study.width": (None, []),
    "study.depth": ([1, 1], [0], 1),
    "study.custom": (None, {"small": None}, {"small": [2, 4]}, {"small": {}}),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_wrong_value_is_refused_by_its_key(key: str, value: Any) -> None:
    assert key in refusal(changed(**{key.replace(".", "__"): value}))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"width__kernel_size": 4}, "width.kernel_size: expected 3 or 5, got 4."),
        ({"train__epochs": 0, "train__threads": 65},
         "train.epochs: expected at least 1, got 0; train.threads: expected at most 64, got 65."),
        ({"width__filters": []}, "width.filters: expected at least 2 items, got []."),
        ({"train": 3}, "train: expected a valid dictionary, got 3."),
        ({"train__x": 1}, "train.x: unknown key."),
        ({"width__head": "global_average"},
         "width.dense_units: expected null, as a global_average head has no hidden layer, got 80."),
        ({"width__dense_units": None}, "width.dense_units: missing; a dense head has a hidden layer."),
        ({"width": {"filters": [2, 4, 8], "blocks": 2}},
         "width.filters: expected two numbers, or 4: two for each of 2 blocks, got [2, 4, 8]."),
        ({"depth": {"blocks": 2, "filters": [6, 6, 8, 8]}},
         "depth.filters: expected two numbers, as study.depth varies the blocks, got [6, 6, 8, 8]."),
        ({"study__width": {"c": [2, 4, 4, 4]}}, "study.width.c: expected two numbers, got [2, 4, 4, 4]."),
        ({"study__custom": {"w2-4": MINE}},
         "study.custom.w2-4: expected a name that study.width does not have, got [4, 8]."),
        ({"study__width": {"same": [2, 4]}},
         "study.width.same: expected an architecture other than study.width.w2-4, got [2, 4]."),
        ({"study__custom": {"mine": MINE | {"ema_momentum": 1}}},
         "study.custom.mine.ema_momentum: expected less than 1, got 1."),
        ({"search__budgets": {"depth-3": 1000}},
         "search.budgets.depth-3: expected a name other than width, depth, custom and depth-N, which are taken, got "
         "'depth-3'."),
        ({"search__space": {"kernel_size": [3, 7]}}, "search.space.kernel_size.1: expected 3 or 5, got 7."),
        ({"search__space": {"dropout": {"low": 0, "high": 0.1, "step": 0}}},
         "search.space.dropout.step: expected greater than 0, got 0."),
    ],
)  # fmt: skip
def test_refusal_states_what_is_expected_and_what_is_there(values: dict[str, Any], line: str) -> None:
    assert refusal(changed(**values)) == f"params.yaml: {line}"


@pytest.mark.parametrize(
    "name", ["w1; touch x", "$(touch x)", "../x", "width", "depth-1", "1w", "-w", "", "w" * 41, "w1\n", "ẃ"]
)
def test_study_name_that_is_no_safe_word_is_refused(name: str) -> None:
    assert "study.width." in refusal(changed(study__width={name: [2, 4]}))
    assert "study.custom." in refusal(changed(study__custom={name: MINE}))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "validation", 0), ("data", "source", "tests/../tests/sample"), ("data", "source", "loop"),
        ("train", "seeds", [2**32 - 1, 0]), ("width", "kernel_size", 3), ("width", "dropout", 0.999),
        ("study", "width", {}), ("study", "depth", [64]),
    ],
)  # fmt: skip
def test_ends_of_a_range_are_accepted(section: str, key: str, value: Any) -> None:
    write(changed(**{f"{section}__{key}": value}))
    assert getattr(getattr(load_params(), section), key) == value


@pytest.mark.parametrize("section", ["data", "train", "width", "depth", "study"])
def test_each_section_and_key_is_required(section: str) -> None:
    assert f"{section}: missing" in refusal({name: CONTENT[name] for name in CONTENT if name != section})
    required = CONTENT[section].keys() - OPTIONAL
    refused = refusal(changed() | {section: {}})
    assert all(f"{section}.{key}: missing" in refused for key in required)


def test_filters_per_block_have_one_form() -> None:
    content = changed(width={"blocks": 2, "filters": [2, 4, 8, 8]})
    content["study"]["width"] = {"a": [2, 4, 2, 4], "b": [2, 4, 4, 4]}
    assert [one.architecture.filters for one in study(content).values()][:2] == [[2, 4], [2, 4, 4, 4]]
    assert load_params().baselines()[0].label == "(2, 4 / 8, 8)"


def test_custom_architecture_is_complete_and_can_override_settings() -> None:
    overrides = {"ema_momentum": 0.5, "learning_rate": 0.004}
    content = changed(study__custom={"mine": MINE, "zero": MINE | {"ema_momentum": 0}, "own": MINE | overrides})
    content["train"]["ema_momentum"] = 0.9
    found = study(content)
    mine = found["mine"]
    assert (mine.family, mine.key, mine.label, mine.is_baseline) == ("custom", "mine", "mine", False)
    assert mine.architecture == found["own"].architecture == Architecture.model_validate(MINE)
    params = load_params()
    assert [params.settings(found[name]) for name in ("mine", "zero", "own")] == [
        params.train, params.train.model_copy(update={"ema_momentum": 0}), params.train.model_copy(update=overrides),
    ]  # fmt: skip
