"""Whatever a value is written like, the loader's is the one that DVC records, compares and puts into commands."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from stages.common import InputError
from stages.params import PARAMS_FILE, load_params, read_params
from tests.conftest import ROOT, run
from tests.test_params import TEXT, plain, refused_line

# Words that versions of YAML, or readers of it, take for different values
WORDS = (
    "0 1 8 16 010 0100 0o17 0x1F 0b11 08 +8 -8 1_000 1:40 1:40.5 1e3 1E3 1e-05 1.e-3 .5 5. 1e400 .inf -.inf .nan NaN "
    "yes no on off y n true True TRUE null Null ~ max average relu fashion-mnist tests/sample 2020-01-01 1__0 0_1 = "
    "'8' \"8\" 8.0 8e0 0.001 0.0001e1 1e-3 12e03 !!int 8 !!int '010' !!float 1 !!str 8 !!bool yes !!null x"
)
numbers = st.from_regex(r"[-+]?[0-9][0-9_.:eExo+-]{0,6}", fullmatch=True)
INTEGERS = ("{}", "{:03}", "+{}", "{:#x}", "{:#b}", "0o{:o}", "{}_", "0_{}", "!!int {}", "!!int '{:03}'", "{:_>4}")
integers = st.builds(lambda form, number: form.format(number), st.sampled_from(INTEGERS), st.integers(1, 40))
floats = st.builds(
    lambda form, number: form.format(number), st.sampled_from(["{}", "{:e}", "{:.0e}", "{:E}"]), st.floats(1e-6, 1)
)
scalars = st.one_of(
    st.sampled_from(re.findall(r"!!\w+ \S+|\S+", WORDS)),
    st.integers(0, 99).map(lambda number: f"{number:03}"),
    st.floats(1e-9, 1e9).map(repr),
    numbers,
)
lists = st.lists(scalars, max_size=3).map(lambda items: f"[{', '.join(items)}]")
comments = st.sampled_from(["", " # 1: 40", " #", "  # &a *a <<: [", "#8"])


@st.composite
def rewritten(draw: st.DrawFn) -> str:
    """The repository's parameters with values written otherwise, named by anchors and aliases, merged, commented."""
    lines = TEXT.splitlines()
    scalar_lines = [k for k, line in enumerate(lines) if re.fullmatch(r" *(\w[\w-]*: |- )[\w./-]+( +#.*)?", line)]
    chosen = draw(st.lists(st.sampled_from(scalar_lines), min_size=1, max_size=3, unique=True))
    anchored = False
    for k in sorted(chosen):
        start = re.match(r" *(\w[\w-]*: |- )", lines[k])[0]  # type: ignore[index]
        old = lines[k].removeprefix(start).split()[0]
        likely = floats if "." in old else integers if old.isdecimal() else st.just(old)
        value = draw(likely if draw(st.integers(0, 7)) else st.one_of(scalars, lists))  # most are to be read
        match draw(st.sampled_from(["", "", "&a ", "*a"])):
            case "&a ":
                value, anchored = f"&a {value}", True
            case "*a" if anchored:
                value = "*a"
        lines[k] = f"{start}{value}{draw(comments)}"
    text = "\n".join(lines) + "\n"
    match draw(st.sampled_from(["", "", "merge", "override", "list", "flow"])):
        case "merge":
            text = re.sub(r"^width:(.*\n)", r"width: &w\1", text, count=1, flags=re.MULTILINE)
            text = re.sub(r"^depth:.*\n(?:  .*\n)*(?=study)", "depth:\n  <<: *w\n", text, flags=re.MULTILINE)
        case "override":
            text = re.sub(r"^width:(.*\n)", r"width: &w\1", text, count=1, flags=re.MULTILINE)
            own = f"  <<: *w\n  blocks: {draw(integers)}\n"
            text = re.sub(r"^depth:.*\n(?:  .*\n)*(?=study)", f"depth:\n{own}", text, flags=re.MULTILINE)
        case "list":
            text = re.sub(r"^width:(.*\n)", r"width: &w\1", text, count=1, flags=re.MULTILINE)
            own = f"  <<: [{{pooling: min}}, *w, {{blocks: {draw(integers)}}}]\n"
            text = re.sub(r"^depth:.*\n(?:  .*\n)*(?=study)", lambda _: f"depth:\n{own}", text, flags=re.MULTILINE)
        case "flow":
            some = draw(st.lists(integers, max_size=3).map(", ".join))
            text = re.sub(r"  seeds:.*\n(?:  - .*\n)*", f"  seeds: [{some}]\n", text)
    return text


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")  # DVC's reading; ours says nothing
@settings(max_examples=1_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=rewritten())
def test_loader_and_dvc_agree_or_the_loader_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Many files, each read by DVC as well, as a rare one is what is looked for."""
    monkeypatch.chdir(tmp_path)
    PARAMS_FILE.write_text(text, encoding="utf-8", newline="")
    try:
        params = load_params()
    except InputError as error:
        event("refused")
        refused_line(error)
    else:
        event("read")
        assert plain(params.model_dump()) == plain(load_yaml(PARAMS_FILE))


@pytest.mark.parametrize(
    ("old", "new", "key", "value"),
    [
        ("batch_size: 128", "batch_size: 0100", "train.batch_size", 100),
        ("batch_size: 128", "batch_size: 0x10", "train.batch_size", 16),
        ("batch_size: 128", "batch_size: 1_000", "train.batch_size", 1000),
        ("  - 8\n  - 16\n", "  - 010\n  - 020\n", "width.filters", [10, 20]),
        ("seeds:                  # each", "seeds: [010]  # each", "train.seeds", [10]),
        ("learning_rate: 0.001", "learning_rate: 1e-05", "train.learning_rate", 0.00001),
        ("learning_rate: 0.001", "learning_rate: 1e-3", "train.learning_rate", 0.001),
        ("learning_rate: 0.001", "learning_rate: 1.e-3", "train.learning_rate", 0.001),
    ],
)
def test_value_is_what_dvc_shows_and_records(
    fresh: Path, tmp_path: Path, old: str, new: str, key: str, value: object
) -> None:
    project = tmp_path / "project"
    run("git", "clone", "--quiet", str(fresh), str(project), cwd=tmp_path)
    text = TEXT.replace("  - 0\n", "") if key == "train.seeds" else TEXT
    assert text.count(old) == 1
    (project / PARAMS_FILE).write_text(text.replace(old, new))
    section, name = key.split(".")
    read: Any = read_params((project / PARAMS_FILE).read_text()).model_dump()[section][name]
    assert (read, type(read)) == (value, type(value))
    shown = json.loads(run("dvc", "params", "diff", "--all", "--json", cwd=project))["params.yaml"][key]["new"]
    assert shown == (str(value) if isinstance(value, list) else value)


def test_every_record_s_parameters_are_still_read_as_they_were() -> None:
    for path in sorted((ROOT / "records").glob("*/params.yaml")):
        assert plain(read_params(path.read_text()).model_dump()) == plain(dict(load_yaml(path))), path
        assert read_params(path.read_text()).data.source == "fashion-mnist"
