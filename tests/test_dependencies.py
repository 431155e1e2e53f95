"""pyproject.toml declares every package that is imported, and no other."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.conftest import ROOT
from tests.imports import modules, sources

# Optional groups that a folder or file can import besides `dependencies`, by the longest start of its path
GROUPS = {
    "stages": [],
    "tools": [],
    "tools/cluster.py": ["cluster"],
    "tools/recipes": ["cluster", "dev"],  # SLURM needs dask-jobqueue
    "tools/benchmark.py": ["bench"],
    "tests": ["cluster", "dev"],
}
KNOWN = packages_distributions()


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """Return the distributions of each group; `dependencies` has an empty name."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = content["project"]
    groups = {"": project["dependencies"]} | project["optional-dependencies"] | content["dependency-groups"]
    return {group: {normalized(re.split(r"[\[<>=,;~ ]", line)[0]) for line in lines} for group, lines in groups.items()}


def imported(file: str) -> set[str]:
    """Return the distributions that the file imports, also inside functions."""
    others = {module.partition(".")[0] for module in modules(file)} - sys.stdlib_module_names
    return {normalized(KNOWN.get(module, [module])[0]) for module in others - {"stages", "tests", "tools"}}


def test_imported_packages_are_the_declared_ones() -> None:
    groups, undeclared, needed = declared(), [], set[str]()
    for file in sources("stages", "tests", "tools"):
        place = max((place for place in GROUPS if f"{file}/".startswith(f"{place}/")), key=len)
        allowed = groups[""].union(*(groups[group] for group in GROUPS[place]))
        undeclared += [f"{file}: {distribution}" for distribution in sorted(imported(file) - allowed)]
        needed |= set() if place == "tests" else imported(file)
    assert undeclared == []
    assert groups[""] - needed == {"tabulate"}, "which pandas imports"
