"""Whatever params.yaml holds, it is read as DVC reads it or refused in one line, and `-S` can set every key."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml, modify_yaml, parse_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common import InputError, read_yaml, yaml_text
from stages.data.download import fetch
from stages.params import PARAMS_FILE, load_params
from tests.conftest import ROOT
from tests.test_params import CONTENT, TEXT, changed, plain, project, refusal, write

__all__ = ["project"]  # a fixture of every test here

MANY = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SHORT = yaml_text(changed(study={"width": {"w2-4": [2, 4]}, "depth": [1, 2]}))  # reading YAML is slow
LAUGHS = "a: &a [x, y]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (TEXT.replace("w5-10:", "w2-4:"), 'not YAML: line 44: found duplicate key "w2-4"'),
        (TEXT + "a: &a {k: 1}\nb: {<<: *a, <<: *a}\n", "duplicate merge key"),
        (LAUGHS + TEXT.replace("seed: 0 ", "seed: *i ", 1), "data.seed: expected a valid integer, got [["),
        (TEXT + '"a\\nb": 1\n', "a b: unknown key"),
        (TEXT + "1: 1\n", "1: expected keys should be strings, got 1"),
        (TEXT + "? {a: 1}\n: 1\n", "not YAML"),
        (TEXT.replace("seed: 0 ", "seed: 0x" + "f" * 5_000), "data.seed: expected"),
        (TEXT.replace("seed: 0 ", "seed: &a [*a] "), "data.seed"),
        (TEXT.replace("- 0\n", "- x\n" + "".join(f"  - x{i}\n" for i in range(10_000))), "train.seeds.9: expected"),
        *((TEXT.replace("seed: 0 ", f"seed: {value}"), "not YAML")
          for value in ("!!bool x", "!!map [1]", "!!python/object/apply:os.getcwd []")),
        ("data: *a", "not YAML"),
        ("[" * 1_500, "not YAML"),
        ("", "the file: expected a valid dictionary, got None"),
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_such_file_is_refused_in_a_short_line(text: str, named: str) -> None:
    assert named in refusal(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    PARAMS_FILE.write_bytes(b"data: \xe9")
    assert "expected text in UTF-8" in refusal()


def agree() -> None:
    """The loader reads params.yaml as DVC does, or refuses it in one line."""
    try:
        params = load_params()
    except InputError:
        refusal()
    else:
        assert params.model_dump_json(exclude={"search"}) == plain(load_yaml(PARAMS_FILE))


TOKENS = r"!!(bool|int|map|set|timestamp|binary) |!x |&a |\*a |<<: |[?:'|>] |[][{}-] |--- |%YAML |\t|\n"


@MANY
@given(
    start=st.integers(0, len(SHORT)),
    snippet=st.text(max_size=8) | st.from_regex(TOKENS, fullmatch=True),
    removed=st.integers(0, 3),
)
def test_any_garbled_file_is_read_as_dvc_reads_it_or_refused(start: int, snippet: str, removed: int) -> None:
    write(SHORT[:start] + snippet + SHORT[start + removed :])
    agree()


SCALARS = (
    r"0[0-9]{1,3}|0o17|0x1F|0b11|\+8|1_0|1:40|1e-05|1E3|1\.e-3|\.5|5\.|8\.0|'8'|!!int 010|!!float 1|yes|no|null|~|\.inf"
)


@MANY
@given(data=st.data())
def test_scalars_anchors_and_merges_are_read_as_dvc_reads_them_or_refused(data: st.DataObject) -> None:
    lines = SHORT.splitlines()
    places = [k for k, line in enumerate(lines) if re.search(r"[:-] [\w.]+$", line)]
    for k in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True)):
        value = data.draw(st.from_regex(SCALARS, fullmatch=True))
        lines[k] = f"{lines[k].rpartition(' ')[0]} {value}{data.draw(st.sampled_from(['', ' # 1: 40']))}"
    text = "\n".join(lines) + "\n"
    if merged := data.draw(st.sampled_from(["", "<<: *w", "<<: [{pooling: min}, *w]", "<<: *w\n  blocks: 1"])):
        text = re.sub(r"(?s)\ndepth:.*(?=\nstudy)", f"\ndepth:\n  {merged}", text).replace("width:", "width: &w", 1)
    write(text)
    agree()


def test_numbers_are_read_as_yaml_1_2() -> None:
    write(TEXT.replace("batch_size: 128", "batch_size: 010").replace("0.001", "1e-05").replace("- 8\n", "- 0x10\n", 1))
    params = load_params()
    assert (params.train.batch_size, params.train.learning_rate, params.width.filters) == (10, 1e-05, [16, 16])


TWO = "a: &a {k: 1, l: 2}\nb: &b {k: 3, m: 4}\n"


@pytest.mark.parametrize(
    "text",
    [
        *(TWO + f"c:\n  {rest}\n" for rest in ("<<: *a\n  k: 9", "k: 9\n  <<: *a", "<<: [*b, *a]")),
        "%YAML 1.1\n---\na: &a {k: 1}\nc:\n  <<: *a\n  n: 010\n",
    ],
)  # fmt: skip
def test_merge_is_read_as_dvc_reads_it(text: str) -> None:
    assert repr(read_yaml(text, "params.yaml")) == repr(parse_yaml(text, "params.yaml"))


def leaves(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values that are no mappings, or empty, by their dotted keys."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {prefix + name: value}
    return found


LEAVES = {key: value for key, value in leaves(CONTENT).items() if value != {}}


def set_keys(names: list[str], value: str) -> None:
    """Do what `-S KEY=VALUE` does: the file stays YAML, and the schema reads it or refuses it in one line."""
    write(TEXT)
    apply_overrides(str(PARAMS_FILE), [f"{name}={value}" for name in names])
    content = leaves(load_yaml(PARAMS_FILE))
    assert {str(content[name]) for name in names} == {value}
    agree()


@pytest.mark.parametrize("key", LEAVES)
def test_every_key_can_be_set_to_an_empty_list(key: str) -> None:
    """A comment on the line of a key of a list makes DVC write a file that is no YAML."""
    set_keys([key], "[]")


@pytest.mark.parametrize("value", ["[1]", "[1, 2, 3]", "{}", "1"])
def test_all_keys_can_be_set_at_once(value: str) -> None:
    set_keys([key for key, old in LEAVES.items() if value != "{}" or not isinstance(old, list)], value)


def test_dvc_changes_nothing_but_the_value() -> None:
    write(TEXT)
    with modify_yaml(PARAMS_FILE):
        pass
    assert PARAMS_FILE.read_text(encoding="utf-8") == TEXT
    apply_overrides(str(PARAMS_FILE), ["width.filters=[10,20]"])
    assert PARAMS_FILE.read_text(encoding="utf-8") == TEXT.replace("  - 8\n  - 16\n", "  - 10\n  - 20\n")


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("max ", "min "), "a: [", None])
def test_the_command_is_silent_or_refuses_a_bad_file_with_one_line_and_status_1(text: str | None) -> None:
    if text is not None:
        write(text)
    command, environment = [sys.executable, "-m", "stages.params"], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wrong = text != TEXT
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (wrong, "", wrong)
    assert done.stderr.startswith("params: params.yaml: " if wrong else "")


def test_a_source_that_links_to_itself_is_refused(project: Path) -> None:
    (project / "loop").symlink_to("loop")
    write(changed(data__source="loop"))
    with pytest.raises(InputError, match="loop"):
        fetch(Path(load_params().data.source))
