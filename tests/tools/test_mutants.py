"""What mutmut prints, as a score by module and a list of what no test has seen."""

import sys
import tomllib

import pytest

from stages.common import InputError
from tests.conftest import ROOT, run
from tools.mutants import alive, by_module, change, mutmut, scores, unreached, why_the_same

RESULTS = """\
    stages.trials.front.x_ranks__mutmut_1: killed
    stages.trials.front.x_ranks__mutmut_2: survived
    stages.trials.front.xǁPointǁbeats__mutmut_1: timeout
    stages.params.x_named__mutmut_1: no tests
    stages.params.x_named__mutmut_10: killed
    stages.params.x_named__mutmut_2: segfault
    stages.params.x_named__mutmut_3: not checked
"""


def test_score_counts_what_a_test_has_ended_and_nothing_that_none_has_run() -> None:
    rows = scores(by_module(RESULTS)).splitlines()[2:]
    assert rows == [
        "| `stages.params` | 4 | 2 | 50.0 |",
        "| `stages.trials.front` | 3 | 2 | 66.7 |",
        "| all | 7 | 4 | 57.1 |",
    ]


def test_mutants_that_live_are_named_and_functions_that_no_test_reaches_apart() -> None:
    assert alive(by_module(RESULTS)) == ["stages.params.x_named__mutmut_3", "stages.trials.front.x_ranks__mutmut_2"]
    assert unreached(by_module(RESULTS)) == {"stages.params.x_named": 1}


def test_change_is_the_lines_that_differ_from_shortly_before() -> None:
    shown = (
        "# a: survived\n--- a.py\n+++ a.py\n@@ -1,3 +1,3 @@\n def f():\n-    return  {0}a - 1\n+    return {0}a + 1\n"
    )
    assert change(shown.format("")) == ["return a - 1", "return a + 1"]
    assert change(shown.format("x" * 90 + " + ")) == [f"…{'x' * 25} + a {sign} 1" for sign in "-+"]


def test_a_mutant_is_the_same_program_where_nothing_else_is_changed_than_what_has_a_reason() -> None:
    line = "for a, b in zip(first, second, strict=True):"
    assert why_the_same(line, line.replace("True", "False")) == "what is zipped has one length"
    assert why_the_same(line, line.replace("strict=True", "")) == "what is zipped has one length"
    assert why_the_same(line, line.replace("second", "None")) == ""
    assert why_the_same(line, line.replace("second, strict=True", "None, strict=False")) == ""
    assert why_the_same('…(index=False, lineterminator="\\n")', "…(index=False, lineterminator=None)")


def test_mutmut_that_fails_is_told_with_its_words() -> None:
    with pytest.raises(InputError, match=r"^mutmut nothing failed:\n(.*\n)*.*No such command 'nothing'"):
        mutmut(ROOT, "nothing")


def test_all_that_mutmut_is_told_of_is_there() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    tests = told["pytest_add_cli_args_test_selection"]
    for path in [*told["source_paths"], *told["also_copy"], *tests]:
        assert (ROOT / path).exists(), path
    for pattern in told["only_mutate"]:
        assert list(ROOT.glob(pattern)), pattern


def test_an_argument_is_refused_before_half_an_hour_is_spent() -> None:
    said = run(sys.executable, "-m", "tools.mutants", "--help", cwd=ROOT, status=1)
    assert said.startswith("mutants: holds '--help', may hold no argument")
