"""Mutants that are put in place one by one: which are drawn, what becomes of them, and what is told."""

from pathlib import Path

import pytest

from stages.common import InputError
from tests.conftest import ROOT
from tools import sampled_mutants
from tools.common.git import git
from tools.comparing.versions import committed, working_tree
from tools.sampled_mutants import MODULES, Copy, Mutant, killed, mutants, page, passes, sample

MODULE = "def half(number):\n    return number / 2\n"
SHARED = """
def test_shared():
    there = Path(os.environ["PROJECTS_OF_TESTS"]) / "shared"
    held = subprocess.check_output(["git", "show", "HEAD:module.py"], cwd=there, text=True)
    assert held.endswith("return number / 2\\n")
"""
TESTS = """
import pytest
from module import half

@pytest.mark.slow
def test_half():
    assert half(4) == 2
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with its tests, which is all there is to draw from."""
    git("init", "--quiet", str(tmp_path))
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "test_module.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -m 'not slow'\nmarkers = slow\n")
    (tmp_path / "pyproject.toml").write_text('[tool.mutmut]\nsource_paths = ["."]\n')
    monkeypatch.setattr(sampled_mutants, "MODULES", {"module.py": ["test_module.py"]})
    monkeypatch.setattr(sampled_mutants, "machine", dict)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def copy(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """What `project` holds, and beside it a project of its tests that holds the module as well."""
    folder = tmp_path_factory.mktemp("copy")
    committed(working_tree(), folder / "made/shared")
    return Copy(committed(working_tree(), folder / "project"), folder / "made")


def test_mutants_are_those_of_functions_each_one_change(project: Path) -> None:
    (project / "module.py").write_text(f"TWO = 2\n{MODULE}")
    assert [mutant.change() for mutant in mutants("module.py")] == [
        ["return number / 2", "return number * 2"],
        ["return number / 2", "return number / 3"],
    ]


def test_a_mutant_is_killed_by_a_test_that_fails_and_what_was_there_is_put_back(copy: Copy) -> None:
    assert killed(copy, Mutant("module.py", 0, MODULE.replace("/", "*")))
    assert killed(copy, Mutant("module.py", 0, MODULE.replace("def", "if")))
    assert not killed(copy, Mutant("module.py", 0, MODULE.replace("/ 2", "- 2")))
    for place in copy.repositories:
        assert (place / "module.py").read_text() == MODULE
        assert git("-C", str(place), "rev-list", "--count", "HEAD") == "1\n"


def test_a_mutant_is_committed_in_the_projects_of_the_tests_as_well(copy: Copy) -> None:
    """They find these where the environment says."""
    (copy.project / "test_module.py").write_text(f"import os, subprocess\nfrom pathlib import Path\n{SHARED}")
    git("-C", str(copy.project), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-am", "Tests")
    assert passes(copy, ["test_module.py"])
    assert killed(copy, Mutant("module.py", 0, MODULE.replace("/", "*")))


def test_tests_that_are_not_there_kill_nothing(copy: Copy) -> None:
    with pytest.raises(InputError, match=r"^pytest test_other\.py failed:\n"):
        passes(copy, ["test_other.py"])


def test_the_sample_is_the_same_for_the_same_code_and_without_repeats() -> None:
    every = [Mutant("module.py", number, "") for number in range(1000)]
    drawn = sample(every)
    assert drawn == sample(every)
    assert len(set(drawn)) == 100
    assert drawn == sorted(drawn)
    assert drawn[0].number > 0, "not the first hundred"
    assert drawn[-1].number > 500


def test_the_page_counts_by_module_and_lists_what_was_let_pass(project: Path) -> None:
    divided, strict = MODULE.replace("/", "*"), "zip(a, strict=True)\n"
    (project / "strict.py").write_text(strict)
    told = page(
        [
            (Mutant("module.py", 0, divided), False),
            (Mutant("module.py", 1, divided), True),
            (Mutant("strict.py", 0, strict.replace("True", "False")), False),
        ]
    )
    assert "| `module` | 2 | 1 | 50.0 |\n| `strict` | 1 | 0 | 0.0 |\n| all | 3 | 1 | 33.3 |" in told
    assert "| `module` | `return number / 2` | `return number * 2` |" in told.partition("## The same program")[0]
    assert "| what is zipped has one length |" in told.partition("## The same program")[2]


def test_modules_and_their_tests_are_there() -> None:
    assert [name for name in MODULES if not (ROOT / name).is_file()] == []
    assert [test for tests in MODULES.values() for test in tests if not (ROOT / test).exists()] == []
