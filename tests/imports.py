"""The imports between the project's modules, read from their source."""

import ast
from functools import cache
from pathlib import Path

from tests.conftest import ROOT


@cache
def modules(file: str, *, type_checking: bool = True) -> set[str]:
    """Return the modules that a file imports, also inside functions and, unless excluded, for types only."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not type_checking:
            node.body = []
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imported(file: str, *, type_checking: bool) -> set[str]:
    """Return the files of the project among the modules that a file imports."""
    paths = {f"{module.replace('.', '/')}.py" for module in modules(file, type_checking=type_checking)}
    return {path for path in paths if (ROOT / path).is_file()}


def reached(file: str) -> set[str]:
    """Return a file and all files that it imports, directly or not."""
    found, todo = set[str](), {file}
    while todo:
        found |= todo
        todo = {path for one in todo for path in imported(one, type_checking=False)} - found
    return found


def sources(*folders: str) -> list[str]:
    """Return the Python files below the folders."""
    paths = [path for folder in folders for path in Path(ROOT, folder).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in paths)
