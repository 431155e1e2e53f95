"""Which small wrong changes the tests see in modules whose tests start processes, which mutmut does not follow into.

    python -m tools.sampled_mutants

Takes a fixed sample of mutmut's mutants of MODULES, puts each into a copy of what lies here and into the projects that
the tests there share, which are made once, and runs the tests of its module. Writes records/mutants-sample/README.md: a
row a module, and every mutant that the tests let pass.
"""

import difflib
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from mutmut.mutation.file_mutation import create_mutations, deep_replace

from stages.common import InputError, reported_in_one_line
from stages.cores import usable_cores
from stages.training.files import write_text
from tools.common.git import git
from tools.comparing.versions import committed, working_tree
from tools.measuring.machine import machine
from tools.mutants import change, refuse_arguments, scores, told_apart

RECORD = Path("records/mutants-sample/README.md")
MODULES = {  # what decides, and the tests that are of it
    "stages/checkpoints.py": ["tests/training/test_kept.py", "tests/training/test_taken_up.py"],
    "tools/comparing/lock.py": ["tests/tools/test_gate.py", "tests/tools/test_same.py"],
    "tools/gate.py": ["tests/tools/test_gate.py"],
    "tools/pull_requests/report.py": ["tests/tools/pull_requests/test_report.py"],
    "tools/pull_requests/revisions.py": ["tests/tools/pull_requests/test_revisions.py"],
    "tools/pull_requests/sections.py": [
        "tests/tools/pull_requests/test_sections.py",
        "tests/tools/pull_requests/test_report.py",
    ],
    "tools/pull_requests/seed_noise.py": [
        "tests/tools/pull_requests/test_seed_noise.py",
        "tests/tools/pull_requests/test_report.py",
    ],
    "tools/remote.py": ["tests/tools/test_remote.py"],
    "tools/repro.py": ["tests/tools/test_repro.py"],
}
SIZE, SEED = 100, 0
FAILED = {1, 2}  # pytest's exit status where a test fails, and where a file of tests cannot be read
PATIENCE = 300  # seconds that a test may take
AUTHOR = ("-c", "user.name=mutants", "-c", "user.email=mutants@localhost")


class Mutant(NamedTuple):
    path: str  # of the module
    number: int  # among the module's mutants
    text: str  # of the whole module, changed

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").replace("/", ".")

    def change(self) -> list[str]:
        """The line that it takes away and the one in its place."""
        before = Path(self.path).read_text(encoding="utf-8").splitlines()
        return change("\n".join(difflib.unified_diff(before, self.text.splitlines(), n=0)))


def mutants(path: str) -> Iterator[Mutant]:
    """All of mutmut's mutants of a module's functions."""
    module, mutations, _, _ = create_mutations(path, Path(path).read_text(encoding="utf-8"))
    for number, mutation in enumerate(mutations):
        changed = deep_replace(module, mutation.original_node, mutation.mutated_node)
        if mutation.contained_by_top_level_function and isinstance(changed, type(module)):
            yield Mutant(path, number, changed.code)


def sample(every: list[Mutant], size: int = SIZE) -> list[Mutant]:
    """The same ones for the same code, in their order."""
    return [every[place] for place in sorted(np.random.default_rng(SEED).choice(len(every), size, replace=False))]


class Copy(NamedTuple):
    """What lies here, in a repository of its own, and a folder of the projects that its tests have made."""

    project: Path
    made: Path

    @property
    def repositories(self) -> list[Path]:
        """All in which a mutant is put."""
        return [self.project, *sorted(git.parent for git in self.made.glob("*/.git"))]


def passes(copy: Copy, tests: list[str]) -> bool:
    """Whether the tests pass there. Raises InputError where they cannot be run."""
    options = ["-m", "pytest", "-qx", "-m", "", "--numprocesses", "0", "--timeout", str(PATIENCE)]  # slow ones too
    environment = os.environ | {"PROJECTS_OF_TESTS": str(copy.made)}
    done = subprocess.run(
        [sys.executable, *options, *tests],
        cwd=copy.project,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode and done.returncode not in FAILED:
        raise InputError(f"pytest {' '.join(tests)} failed:\n{done.stdout}{done.stderr}")
    return not done.returncode


def killed(copy: Copy, mutant: Mutant) -> bool:
    """Whether a test fails with the mutant in the copy, which is put back."""
    heads = {place: git("-C", str(place), "rev-parse", "HEAD").strip() for place in copy.repositories}
    try:
        for place in heads:
            (place / mutant.path).write_text(mutant.text, encoding="utf-8")
            git("-C", str(place), *AUTHOR, "commit", "--quiet", "--all", "--no-verify", "--message", "A mutant")
        return not passes(copy, MODULES[mutant.path])
    finally:
        for place, head in heads.items():
            git("-C", str(place), "reset", "--quiet", "--hard", head)


def page(became: list[tuple[Mutant, bool]]) -> str:
    """The record of which were killed."""
    modules = defaultdict(list)
    for mutant, dead in became:
        modules[mutant.module].append((str(mutant.number), "killed" if dead else "survived"))
    living = [mutant for mutant, dead in became if not dead]
    parts = [
        "# mutants-sample",
        f"Made by `make mutants SAMPLE=1`: {len(became)} mutants, drawn once, each by the tests of its module.",
        scores(dict(modules)).rstrip(),
        *told_apart([mutant.module for mutant in living], [mutant.change() for mutant in living]),
        "\n".join(f"- {what}: {value}" for what, value in machine().items()),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    with reported_in_one_line("mutants"), TemporaryDirectory(prefix="mutants-") as folder:
        refuse_arguments()
        drawn = sample([mutant for path in MODULES for mutant in mutants(path)])
        first, *others = [
            Copy(Path(folder) / str(n) / "project", Path(folder) / str(n) / "made") for n in range(usable_cores())
        ]
        committed(working_tree(), first.project)
        first.made.mkdir()
        if not passes(first, sorted({test for tests in MODULES.values() for test in tests})):
            raise InputError("the tests fail without a mutant")
        for copy in others:
            shutil.copytree(first.project.parent, copy.project.parent, symlinks=True)
        copies: SimpleQueue[Copy] = SimpleQueue()
        for copy in (first, *others):
            copies.put(copy)

        def tried(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return killed(copy, mutant)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(usable_cores()) as threads:
            became = []
            for mutant, dead in zip(drawn, threads.map(tried, drawn), strict=True):
                became.append((mutant, dead))
                print(f"{len(became)}/{len(drawn)} {mutant.module}: {'killed' if dead else 'let pass'}", flush=True)
        write_text(RECORD, page(became))
        print(f"record: {RECORD}")


if __name__ == "__main__":
    main()
