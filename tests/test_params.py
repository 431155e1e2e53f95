"""What params.yaml may hold, key by key, and the line that refuses what it may not.

Over 200 lines, as most of it is one table of wrong values.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stages.common import InputError, read_yaml, yaml_text
from stages.params import PARAMS_FILE, load_params

REPOSITORY = Path(__file__).parents[1]
TEXT = (REPOSITORY / PARAMS_FILE).read_text(encoding="utf-8")
CONTENT = read_yaml(TEXT, "params.yaml")


DEFAULTS = {  # of the keys that came later, and of the one that another decides on
    "average": 0, "kernel": 5, "stride": 1, "head": "dense", "normalization": "none", "dropout": 0, "dense_units": None,
    "custom": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(content: Any) -> None:
    PARAMS_FILE.write_text(content if isinstance(content, str) else yaml_text(content), encoding="utf-8")


def changed(key: str, value: Any) -> dict[str, Any]:
    """The repository's parameters with another value at a dotted key."""
    content: dict[str, Any] = copy.deepcopy(CONTENT)
    *path, last = key.split(".")
    section = content
    for part in path:
        section = section[part]
    section[last] = value
    return content


def plain(content: dict[str, Any]) -> str:
    """Content as text that tells true, 1 and 1.0 apart, but for the keys that may be either; without defaults."""
    either = ("learning_rate", "average", "dropout")
    sections = {
        name: {
            key: float(value) if key in either else value
            for key, value in content[name].items()
            if key not in DEFAULTS or value != DEFAULTS[key]
        }
        for name in ("train", "width", "depth")
    }
    known = {name: section for name, section in content.items() if name != "search"}  # tests/trials have that one
    study = {key: value for key, value in content["study"].items() if key != "custom"}
    if found := content["study"].get("custom"):  # what is null may be left out
        study["custom"] = {
            name: {key: float(value) if key in either else value for key, value in one.items() if value is not None}
            for name, one in found.items()
        }
    return json.dumps(known | sections | {"study": study}, sort_keys=True)


def refused_line(error: InputError) -> str:
    """The error's text, which must be one line that names the file."""
    line = str(error)
    assert line.startswith("params.yaml: ")
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line  # nor does it reach into the terminal
    return line


def refusal() -> str:
    """The line that refuses params.yaml as it stands."""
    with pytest.raises(InputError) as caught:
        load_params()
    return refused_line(caught.value)


def test_the_repository_s_file_gives_two_picks_and_nine_studied_architectures() -> None:
    write(TEXT)
    params = load_params()
    assert [named.name for named in params.baselines()] == ["width", "depth"]
    assert all(named.is_baseline for named in params.baselines())
    assert {named.name: (named.architecture.filters, named.architecture.blocks) for named in params.studied()} == {
        "w2-4": ([2, 4], 1),
        "w5-10": ([5, 10], 1),
        "w8-16": ([8, 16], 1),
        "w10-20": ([10, 20], 1),
        "w15-30": ([15, 30], 1),
        "depth-1": ([6, 6], 1),
        "depth-2": ([6, 6], 2),
        "depth-3": ([6, 6], 3),
        "depth-4": ([6, 6], 4),
    }
    assert [named.key for named in params.studied()][-4:] == ["1", "2", "3", "4"]
    assert not any(named.is_baseline for named in params.studied())


WRONG: dict[str, tuple[Any, ...]] = {
    "data.validation": (-1, 2**32, "2", 2.0, True, None, [5], {"a": 1}),
    "data.seed": (-1, 2**32, "0", 0.0, False, None, [0]),
    "data.source": (
        "",
        "/etc",
        "../outside",
        "a/../../outside",
        "a\0b",
        "link",
        3,
        None,
        ["x"],
        ".",
        "data",
        "data/raw/x",
        "metrics",
    ),
    "train.epochs": (0, 100_001, "20", 20.0, True, None, [20], {}),
    "train.batch_size": (0, 1_000_001, "128"),
    "train.learning_rate": (0, 0.0, -1, float("nan"), float("inf"), 2.0**53 + 2, 10**400, "1e-3", True, None, [0.1]),
    "train.threads": (0, 65, "2"),
    "train.seeds": ([], [0, 0], [1, 2, 1], 0, None, {0: 1}, "0", [True], [0.0], ["0"], [-1], [2**32]),
    "width.filters": ([], [8], [8, 16, 32], [0, 8], [8, 1025], 8, "8", [8, "16"], [8, 16.0], [True, 8], None, {}),
    "depth.blocks": (0, 65, "1", 1.0, True, None, [1]),
    "width.pooling": ("min", "Max", None, 3, ["max"]),
    "width.dense_units": (0, 65_537, "80", 80.0, None),
    "width.kernel_size": (4, 0, 7, "3", 3.0, True, None, [3]),
    "width.pool_stride": (0, 3, "2", 1.0, True, None),
    "width.head": ("mean", "", None, True, ["dense"]),
    "width.normalization": ("layer", None, False, 0),
    "depth.dropout": (-0.1, 1, 1.0, "0.1", True, None, float("nan"), [0.1]),
    "train.ema_momentum": (-0.1, 1, 1.0, "0.9", True, None, float("inf")),
    "depth.activation": ("softmax", "", None, 0, ["relu"]),
    "study.width": (None, [], "w2-4", [[2, 4]]),
    "study.custom": (None, [], "small", [2, 4], {"small": None}, {"small": [2, 4]}, {"small": {}}),
    "study.depth": ([1, 1], [0], [65], ["1"], [True], 1, None, {1: 2}),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_by_key(project: Path, key: str, value: Any) -> None:
    (project / "link").symlink_to("/etc")
    write(changed(key, value))
    assert key in refusal()


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("data.source", "../outside", "the path of a folder inside the project, from there"),
        ("data.source", "link", "the path of a folder inside the project, from there"),
        ("data.source", "plots", "a folder that the pipeline does not write into"),
        ("data.source", ".", "a folder that the pipeline does not write into"),
        ("study.width", {"depth-9": [2, 4]}, "a name other than width, depth, found and depth-N, which are taken"),
        ("study.custom", {"width": CONTENT["width"]}, "a name other than width, depth, found and depth-N, which are"),
        (
            "study.custom",
            {"w2-4": CONTENT["width"]},
            "study.custom.w2-4 holds [8, 16]: a name that study.width does not",
        ),
        *(
            ("search.budgets", {name: 1000}, f"search.budgets.{name} holds 1000: a name that study.custom may hold")
            for name in ("w2-4", "width", "custom", "depth-3")
        ),
    ],
)
def test_a_refusal_says_what_may_stand_there(project: Path, key: str, value: Any, rule: str) -> None:
    (project / "link").symlink_to("/etc")
    write(changed(key, value))
    assert f": {rule}" in refusal()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.validation", 0),
        ("data.source", "tests"),
        ("data.source", "tests/../tests/sample"),
        ("train.learning_rate", 1),
        ("train.learning_rate", 10**6),
        ("train.seeds", [2**32 - 1, 0]),
        ("study.width", {}),
        ("study.width", {"A" + 39 * "z": [1, 1024]}),
        ("study.depth", [64]),
        ("study.custom", {}),
        ("width.kernel_size", 3),
        ("width.pool_stride", 2),
        ("width.normalization", "batch"),
        ("width.dropout", 0.999),
        ("train.ema_momentum", 0.999),
    ],
)
def test_the_ends_of_a_range_are_accepted(key: str, value: Any) -> None:
    write(changed(key, value))
    assert plain(load_params().model_dump()) == plain(changed(key, value))


@pytest.mark.parametrize(
    "name",
    ["w1; touch x", "$(touch x)", "../x", "a/b", "width", "depth", "custom", "depth-1", "1w", "-w", "", "w.1", "w" * 41,
     "w1\n", "ẃ"],
)  # fmt: skip
def test_a_study_s_name_that_is_no_safe_word_is_refused(name: str) -> None:
    write(changed("study.width", {name: [2, 4]}))
    assert "study.width." in refusal()
    write(changed("study.custom", {name: CONTENT["width"]}))
    assert "study.custom." in refusal()


@pytest.mark.parametrize("section", ["data", "train", "width", "depth", "study"])
def test_each_section_and_key_is_needed_and_no_other_is_known(section: str) -> None:
    write({name: CONTENT[name] for name in CONTENT if name != section})
    assert f"{section} is missing" in refusal()
    for key in CONTENT[section].keys() - DEFAULTS.keys() | ({"dense_units"} & CONTENT[section].keys()):
        content = copy.deepcopy(CONTENT)
        del content[section][key]
        write(content)
        assert f"{section}.{key} is missing" in refusal()
    write(changed(f"{section}.x", 1))
    assert f"{section}.x holds 1: unknown key" in refusal()
