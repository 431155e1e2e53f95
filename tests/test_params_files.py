"""Any params.yaml is read as DVC reads it or refused in one line, and `-S` can set every key."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml, modify_yaml
from hypothesis import given
from hypothesis import strategies as st

from stages.common import InputError, yaml_text
from stages.params import PARAMS_FILE, Params, load_params
from tests.conftest import ROOT, run
from tests.test_params import CONTENT, TEXT, changed, project, refusal, write

__all__ = ["project"]  # a fixture of every test here

SHORT = yaml_text(changed(study={"width": {"w2-4": [2, 4]}, "depth": [1, 2]}))  # reading YAML is slow
LAUGHS = "a: &a [x, y]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (SHORT.replace("  depth:\n", "  width: {}\n  depth:\n"), 'not YAML: line 44: found duplicate key "width"'),
        (LAUGHS + SHORT.replace("seed: 0", "seed: *i", 1), "data.seed: expected a valid integer, got [["),
        (SHORT + '"a\\nb": 1\n', "a b: unknown key"),
        (SHORT + "1: 1\n", "1: expected strings, got 1"),
        (SHORT.replace("seed: 0", "seed: 0x" + "f" * 5_000), "data.seed: expected"),
        (SHORT.replace("seed: 0", "seed: &a [*a]"), "data.seed"),
        (SHORT.replace("- 0\n", "- x\n" + "".join(f"  - x{i}\n" for i in range(1_000))), "train.seeds.9: expected"),
        (SHORT.replace("seed: 0", "seed: !!python/object/apply:os.getcwd []"), "not YAML"),
        ("[" * 500, "not YAML"),
        ("", "the file: expected a valid dictionary, got None"),
    ],
    ids=range(10),
)
def test_other_files_are_refused_in_a_short_line(text: str, named: str) -> None:
    assert named in refusal(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    PARAMS_FILE.write_bytes(b"data: \xe9")
    assert "expected text in UTF-8" in refusal()


def plain(params: Params) -> str:
    """Return text in which true, 1 and 1.0 differ."""
    return params.model_dump_json(exclude={"search"})


def check_agreement() -> None:
    """Check that params.yaml is read as DVC reads it, or refused in one line."""
    try:
        params = load_params()
    except InputError:
        refusal()
    else:
        assert plain(params) == plain(Params.model_validate(load_yaml(PARAMS_FILE)))


TOKENS = r"!!(bool|int|map|set|timestamp|binary) |!x |&a |\*a |<<: |[?:'|>] |[][{}-] |--- |%YAML |\t|\n"


@given(
    start=st.integers(0, len(SHORT)),
    snippet=st.text(max_size=8) | st.from_regex(TOKENS, fullmatch=True),
    removed=st.integers(0, 3),
)
def test_garbled_file_is_read_as_dvc_reads_it_or_refused(start: int, snippet: str, removed: int) -> None:
    write(SHORT[:start] + snippet + SHORT[start + removed :])
    check_agreement()


SCALARS = (
    r"0[0-9]{1,3}|0o17|0x1F|0b11|\+8|1_0|1:40|1e-05|1E3|1\.e-3|\.5|5\.|8\.0|'8'|!!int 010|!!float 1|yes|no|null|~|\.inf"
)


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
    check_agreement()


def leaves(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values that are no mappings, or empty, by their dotted keys."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        found |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {prefix + name: value}
    return found


LEAVES = {key: value for key, value in leaves(CONTENT).items() if value != {}}


@pytest.mark.parametrize("value", ["[]", "[1]", "[1, 2, 3]", "{}", "1"])
def test_every_key_can_be_set(value: str) -> None:
    """Do as `-S KEY=VALUE`. A comment on the line of a key of a list makes DVC write a file that is no YAML."""
    names = [key for key, old in LEAVES.items() if value != "{}" or not isinstance(old, list)]
    write(TEXT)
    apply_overrides(str(PARAMS_FILE), [f"{name}={value}" for name in names])
    content = leaves(load_yaml(PARAMS_FILE))
    assert {str(content[name]) for name in names} == {value}
    check_agreement()


def test_dvc_changes_nothing_but_the_value() -> None:
    write(TEXT)
    with modify_yaml(PARAMS_FILE):
        pass
    assert PARAMS_FILE.read_text(encoding="utf-8") == TEXT
    apply_overrides(str(PARAMS_FILE), ["width.filters=[10,20]"])
    assert PARAMS_FILE.read_text(encoding="utf-8") == TEXT.replace("  - 8\n  - 16\n", "  - 10\n  - 20\n")


@pytest.mark.parametrize("text", [TEXT, TEXT.replace("max ", "min "), None])
def test_the_command_is_silent_or_refuses_a_bad_file_with_one_line_and_status_1(folder: Path, text: str | None) -> None:
    if text is not None:
        write(text)
    wrong = text != TEXT
    output = run(sys.executable, "-m", "stages.params", cwd=folder, status=wrong, PYTHONPATH=str(ROOT))
    assert (len(output.splitlines()), output.startswith("params: params.yaml: ")) == (wrong, wrong)
