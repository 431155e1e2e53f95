"""Which small wrong changes of the modules that only compute the tests see, and which they let pass.

    python -m tools.mutants

mutmut makes all mutants of the modules that pyproject.toml names under [tool.mutmut], in a copy of what lies here, and
runs for each the tests that reach it. Writes records/mutants/README.md: a row a module, every mutant that the tests let
pass, those that are the same program with the reason, and the functions that none of them reaches.
"""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.common import InputError, reported_in_one_line
from stages.cores import usable_cores
from stages.training.files import write_text
from tools.common.markdown import code, table
from tools.comparing.versions import committed, working_tree
from tools.measuring.machine import machine

RECORD = Path("records/mutants/README.md")
RESULT = re.compile(r"^ +(\S+)\.(\S+): ([\w ]+)$", flags=re.MULTILINE)  # module, mutant, what became of it
KILLED = {"killed", "timeout", "segfault"}
UNREACHED = "no tests"
BEFORE = 30  # characters that are shown of what two lines have in common
SAME = [  # what a mutant has in the place of what, and why no test can tell the two apart
    ("strict=True", "strict=None", "what is zipped has one length"),
    ("strict=True", "strict=False", "what is zipped has one length"),
    (", strict=True", ", ", "what is zipped has one length"),
    ('"utf-8"', '"UTF-8"', "one codec by two names"),
    ('encoding="utf-8"', "encoding=None", "the tests' locale has this encoding; others are tried with processes"),
    ('"stable"', '"STABLE"', "NumPy takes it in capitals"),
    ('"records"', '"RECORDS"', "pandas takes it in capitals"),
    ("index=False", "index=None", "pandas asks whether it is true"),
    ("replace=False", "replace=None", "NumPy asks whether it is true"),
    ("sort=False", "sort=None", "pandas asks whether it is true"),
    ('"status", "--porcelain", "-z"', '"status", "-z"', "Git's `-z` implies it"),
    ('lineterminator="\\n"', "lineterminator=None", "what this system ends lines with"),
    (', lineterminator="\\n"', ", ", "what this system ends lines with"),
    ("astype(float)", "astype(None)", "float is what None stands for"),
    ("(NUMBERS, float)", "(NUMBERS, None)", "float is what None stands for"),
    ("(NUMBERS, float)", "(NUMBERS, )", "float is what None stands for"),
    ("dtype=float", "dtype=None", "they are floats"),
    (", dtype=float", ", ", "they are floats"),
    ('"Precision loss"', '"precision loss"', "the pattern of a filter asks for no case"),
    ('"Precision loss"', '"PRECISION LOSS"', "the pattern of a filter asks for no case"),
    (', "Precision loss"', ", ", "other warnings are passed over too; no number changes"),
    ("equal_var=False", "equal_var=None", "SciPy asks whether it is true"),
    ('LEVEL, method="exact"', 'method="exact"', "SciPy's default"),
    ('LEVEL, method="exact"', "LEVEL, ", "SciPy's default"),
    ("[0.0] * len(p_values)", "[1.0] * len(p_values)", "each is written over"),
    ("[0] * len(points)", "[1] * len(points)", "each is written over"),
    ("< SIGNIFICANT", "<= SIGNIFICANT", "but for a p-value of 0.05 to the last bit"),
    ("interval.low > 0.5", "interval.low >= 0.5", "but for an interval that ends at 0.5 to the last bit"),
    ('["difference"] > 0', '["difference"] >= 0', "a difference of 0 has no p-value below 0.05"),
    ("estimate > 0", "estimate >= 0", "a difference of 0 has no p-value below 0.05"),
    ("runs < narrowest.started", "runs <= narrowest.started", "equal rates have no p-value below 0.05"),
    (
        'if step["difference"] else',
        'if (step["difference"]) or True else',
        "no number of seeds settles 0",
    ),
    ("<= abs(effect)", "< abs(effect)", "but for a width of the effect to the last bit"),
    ("alone + second", "alone - second", "of as many on both sides the exact p-value is 1, too"),
    ("cost < worst_cost", "cost <= worst_cost", "a point there adds no area, nor does a dearer one"),
    ("gain > gained", "gain >= gained", "a point of no more gain adds no area"),
    ("rows[0].numbers", "rows[1].numbers", "all have the same number of seeds"),
    ('"threads": 0', '"threads": 1', "any number, the same on both sides"),
]
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


def why_the_same(before: str, after: str) -> str:
    """Why a line is the same program as the one in its place, or nothing."""
    return next((why for old, new, why in SAME if old in before and before.replace(old, new) == after), "")


def told_or_none(columns: list[str], rows: list[list[str]]) -> str:
    return table(columns, rows).rstrip() if rows else "None."


def told_apart(names: list[str], changes: list[list[str]]) -> list[str]:
    """The parts of a record about what lives: what was let pass, and what is the same program."""
    rows = [[code(name), *map(code, pair), why_the_same(*pair)] for name, pair in zip(names, changes, strict=True)]
    return [
        "## Let pass",
        told_or_none(["mutant", "instead of", "it has"], [row[:3] for row in rows if not row[3]]),
        "## The same program",
        told_or_none(["mutant", "instead of", "it has", "why"], [row for row in rows if row[3]]),
    ]


def refuse_arguments() -> None:
    """Raise InputError where there are any."""
    if sys.argv[1:]:
        raise InputError(f"holds {' '.join(sys.argv[1:])!r}, may hold no argument")


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
        changes = [change(text) for text in shown]
    parts = [
        "# mutants",
        "Made by `make mutants`: all mutants of each module, by the tests of pyproject.toml's `[tool.mutmut]`.",
        scores(modules).rstrip(),
        *told_apart(living, changes),
        "## Reached by none of these tests",
        told_or_none(["function", "mutants"], [[code(name), str(count)] for name, count in unreached(modules).items()]),
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with reported_in_one_line("mutants"), TemporaryDirectory(prefix="mutants-") as folder:
        refuse_arguments()
        copy = committed(working_tree(), Path(folder))
        if subprocess.run(["mutmut", "run", "--max-children", str(usable_cores())], cwd=copy, check=False).returncode:
            raise InputError("mutmut run failed; what it says is above")
        write_text(RECORD, page(copy))
        print(f"record: {RECORD}")


if __name__ == "__main__":
    main()
