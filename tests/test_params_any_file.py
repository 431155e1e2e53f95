"""params.yaml as nobody would write it: thousands of files made from the repository's by accident."""

import copy
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import load_yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common import InputError, yaml_text
from stages.params import PARAMS_FILE, load_params
from tests.test_params import CONTENT, plain, refused_line

VALID = CONTENT | {"study": {"width": {"w2-4": [2, 4]}, "depth": [1, 2]}}  # a short study: reading YAML is slow
TEXT = yaml_text(VALID)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 70)
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.dates()
    | st.binary(max_size=3)
    | st.sampled_from(["1e-3", "max", "relu", "fashion-mnist", "../x", "w1", "depth-9"])
)
keys = (
    st.sampled_from(["data", "seed", "seeds", "filters", "w2-4", "w1", "depth"]) | st.text(max_size=4) | st.integers()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5
)
TOKENS = (
    "!!bool !!int !!float !!map !!seq !!set !!timestamp !!binary !x &a *a <<: ? - [ ] { } > | --- %YAML : ' = 0x 1:1"
)
snippets = st.text(max_size=8) | st.sampled_from([*(f"{word} " for word in TOKENS.split()), "\n", " ", "\t"])


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The parameters with one to three values replaced, keys removed or keys added, anywhere."""
    content = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 3))):
        section: Any = content
        while True:
            places = list(section) if isinstance(section, dict) else list(range(len(section)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            if isinstance(section[place], dict | list) and draw(st.integers(0, 3)):
                section = section[place]
                continue
            match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
                case "replace":
                    section[place] = draw(values)
                case "remove":
                    del section[place]
                case "add" if isinstance(section, dict):
                    section[draw(keys)] = draw(values)
                case _:
                    section.append(draw(values))
            break
    return yaml_text(content)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """The file with a few characters put in or in place of others."""
    start = draw(st.integers(0, len(TEXT)))
    return TEXT[:start] + draw(snippets) + TEXT[start + draw(st.integers(0, 3)) :]


@settings(max_examples=2_000, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=st.one_of(mutated(), mutated(), garbled(), st.text(max_size=30)))
def test_any_file_is_read_as_it_stands_or_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Many files, as a rare one is what is looked for."""
    monkeypatch.chdir(tmp_path)
    PARAMS_FILE.write_text(text, encoding="utf-8", newline="")
    try:
        params = load_params()
    except InputError as error:
        refused_line(error)
    else:
        assert plain(params.model_dump()) == plain(load_yaml(PARAMS_FILE))
