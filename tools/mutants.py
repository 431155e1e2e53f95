"""Which small wrong changes of the modules that only compute the tests see, and which they let pass.

    python -m tools.mutants

mutmut makes all mutants of the modules that pyproject.toml names under [tool.mutmut], in a copy of what lies here, and
runs for each the tests that reach it. Writes records/mutants/README.md: a row a module, every mutant that the tests let
pass, and the functions that none of them reaches.
"""

import re
import subprocess
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.common.cores import usable_cores
from stages.common.errors import InputError, reported_in_one_line
from stages.common.files import write_text
from tools.common.markdown import code, table
from tools.comparing.versions import committed, working_tree
from tools.measuring.machine import machine

RECORD = Path("records/mutants/README.md")
RESULT = re.compile(r"^ +(\S+)\.(\S+): ([\w ]+)$", flags=re.MULTILINE)  # module, mutant, what became of it
KILLED = {"killed", "timeout", "segfault"}
UNREACHED = "no tests"
BEFORE = 30  # characters that are shown of what two lines have in common
CHANGED = re.compile(r"^[-+](?![-+]{2} )(.*)$", flags=re.MULTILINE)


def by_module(results: str) -> dict[str, list[tuple[str, str]]]:
    """What `mutmut results --all` prints, by module: each mutant and what became of it, in that order."""
    modules: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for module, mutant, became in RESULT.findall(results):
        modules[module].append((mutant, became))
    return dict(modules)


def scores(modules: dict[str, list[tuple[str, str]]]) -> str:
    """A row a module and one of all: mutants, those that a test has killed, and their share."""
    killed = {module: sum(became in KILLED for _, became in mutants) for module, mutants in modules.items()}
    counts = [(code(module), len(modules[module]), killed[module]) for module in sorted(modules)]
    counts.append(("all", sum(map(len, modules.values())), sum(killed.values())))
    rows = [[name, str(all_of_it), str(dead), f"{100 * dead / all_of_it:.1f}"] for name, all_of_it, dead in counts]
    return table(["module", "mutants", "killed", "%"], rows)


def alive(modules: dict[str, list[tuple[str, str]]]) -> list[str]:
    """The mutants that tests have run and not killed."""
    return [
        f"{module}.{mutant}"
        for module, mutants in sorted(modules.items())
        for mutant, became in mutants
        if became not in {*KILLED, UNREACHED}
    ]


def unreached(modules: dict[str, list[tuple[str, str]]]) -> dict[str, int]:
    """The functions that no test reaches, as mutmut writes their names, and how many mutants each has."""
    return Counter(
        f"{module}.{mutant.rpartition('__mutmut_')[0]}"
        for module, mutants in sorted(modules.items())
        for mutant, became in mutants
        if became == UNREACHED
    )


def change(shown: str) -> list[str]:
    """The line that a mutant takes away and the one in its place, from shortly before they differ.

    `shown` is what `mutmut show` prints.
    """
    lines = [" ".join(line.split()) for line in CHANGED.findall(shown)][:2]
    begin = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*lines, strict=False))) - BEFORE
    return [f"…{line[begin:]}" if begin > 0 else line for line in lines]


def mutmut(copy: Path, *arguments: str) -> str:
    """What mutmut prints. Raises InputError where it fails."""
    done = subprocess.run(["mutmut", *arguments], cwd=copy, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise InputError(f"mutmut {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def page(copy: Path) -> str:
    """The record of what mutmut has done there."""
    modules = by_module(mutmut(copy, "results", "--all", "true"))
    living = alive(modules)
    with ThreadPoolExecutor(usable_cores()) as threads:
        shown = threads.map(lambda name: mutmut(copy, "show", name), living)
        changes = [[code(name), *map(code, change(text))] for name, text in zip(living, shown, strict=True)]
    parts = [
        "# mutants",
        "Made by `make mutants`: all mutants of each module, by the tests of pyproject.toml's `[tool.mutmut]`.",
        scores(modules).rstrip(),
        "## Let pass",
        table(["mutant", "instead of", "it has"], changes).rstrip(),
        "## Reached by none of these tests",
        table(
            ["function", "mutants"], [[code(name), str(count)] for name, count in unreached(modules).items()]
        ).rstrip(),
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with reported_in_one_line("mutants"), TemporaryDirectory(prefix="mutants-") as folder:
        copy = committed(working_tree(), Path(folder))
        if subprocess.run(["mutmut", "run", "--max-children", str(usable_cores())], cwd=copy, check=False).returncode:
            raise InputError("mutmut run failed; what it says is above")
        write_text(RECORD, page(copy))
        print(f"record: {RECORD}")


if __name__ == "__main__":
    main()
