"""pyproject.toml declares what is imported, so that no package is there by the grace of another."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.conftest import ROOT

# What a folder or file may import beyond `dependencies`: optional groups, by the longest beginning of its path
GROUPS = {
    "stages": [],
    "tools": [],
    "tools/cluster.py": ["cluster"],
    "tools/recipes": ["cluster", "dev"],  # whoever uses SLURM needs dask-jobqueue
    "tools/benchmark.py": ["bench"],
    "tests": ["cluster", "dev"],
}
KNOWN = packages_distributions()


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> dict[str, set[str]]:
    """Return the distributions of every group; those of `dependencies` under an empty name."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = content["project"]
    groups = {"": project["dependencies"]} | project["optional-dependencies"] | content["dependency-groups"]
    return {group: {normalized(re.split(r"[\[<>=,;~ ]", line)[0]) for line in lines} for group, lines in groups.items()}


def imported(path: Path) -> set[str]:
    """Return the distributions of which the file imports something, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module.partition(".")[0])
    others = modules - sys.stdlib_module_names - {"stages", "tests", "tools"}
    return {normalized(KNOWN.get(module, [module])[0]) for module in others}


def test_every_package_that_is_imported_is_declared_and_every_declared_one_imported() -> None:
    groups, undeclared, needed = declared(), [], set[str]()
    for path in (path for folder in ("stages", "tests", "tools") for path in (ROOT / folder).rglob("*.py")):
        file, found = str(path.relative_to(ROOT)), imported(path)
        place = max((place for place in GROUPS if f"{file}/".startswith(f"{place}/")), key=len)
        allowed = groups[""].union(*(groups[group] for group in GROUPS[place]))
        undeclared += [f"{file}: {distribution}" for distribution in sorted(found - allowed)]
        needed |= set() if place == "tests" else found
    assert undeclared == []
    assert groups[""] - needed == {"tabulate"}, "which pandas imports"
