"""pyproject.toml declares what is imported, so that no package is there by the grace of another."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.conftest import ROOT

OURS = ("stages", "tests", "tools")
# What a folder or file may import beyond `dependencies`: optional groups, by the longest beginning of its path
GROUPS = {
    "stages": [],
    "tools": [],
    "tools/cluster": ["cluster"],
    "tools/cluster/recipes": ["cluster", "dev"],  # whoever uses SLURM needs dask-jobqueue
    "tools/benchmark.py": ["bench"],
    "tests": ["cluster", "dev"],
}


def declared() -> dict[str, set[str]]:
    """The distributions of every group, by their normalized names; those of `dependencies` under an empty name."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = content["project"]
    groups = {"": project["dependencies"]} | project["optional-dependencies"] | content["dependency-groups"]
    return {group: {normalized(re.split(r"[\[<>=,;~ ]", line)[0]) for line in lines} for group, lines in groups.items()}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path, known: Mapping[str, list[str]]) -> set[str]:
    """The distributions of which the file imports something, wherever in it; `known` are those of every module here."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    others = modules - sys.stdlib_module_names - set(OURS)
    return {normalized(known.get(module, [module])[0]) for module in others}


def imports() -> dict[str, set[str]]:
    """The distributions that every file of ours imports, by its path."""
    files = [path for folder in OURS for path in (ROOT / folder).rglob("*.py")]
    known = packages_distributions()
    return {str(path.relative_to(ROOT)): imported(path, known) for path in files}


def test_every_package_that_is_imported_is_declared_for_whoever_runs_it() -> None:
    groups, undeclared = declared(), []
    for file, distributions in imports().items():
        place = max((place for place in GROUPS if f"{file}/".startswith(f"{place}/")), key=len)
        allowed = groups[""].union(*(groups[group] for group in GROUPS[place]))
        undeclared += [f"{file}: {distribution}" for distribution in sorted(distributions - allowed)]
    assert undeclared == []


def test_every_dependency_of_the_pipeline_and_its_tools_is_imported_by_them() -> None:
    needed = set().union(*(found for file, found in imports().items() if not file.startswith("tests/")))
    assert declared()[""] - needed == set()
