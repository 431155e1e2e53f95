"""The project on its sample of real images, as a Git and DVC repository of its own, for tests to use up.

No test needs the network, and none writes into the repository that it is part of. Over 200 lines, as fixtures for all
folders must be here.
"""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.left_behind import Scratch
from tests.made_up_study import compare_study, write_study
from tools.git import leave_callers_repository, with_what_is_needed

leave_callers_repository()

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SH_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
MODELS = Path("data/models")
STORE = Path(".dvc/cache/trainings")
PROJECTS = "PROJECTS_OF_TESTS"  # in the environment: where those are that tests share, in the place of a new folder
ONE_EPOCH = "-S data.source=tests/sample -S data.validation=100 -S train.epochs=1"
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("MAKE")
} | {  # as outside `make test`
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "COLUMNS": "200",
}


def run(*command: str, cwd: Path, status: int = 0) -> str:
    """Run a command, check its exit status, and give what it wrote to stdout and stderr."""
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout


def commit(project: Path, message: str) -> None:
    run("git", "add", "--all", cwd=project)
    run("git", "commit", "--quiet", "--message", message, cwd=project)


def ran_stages(output: str) -> list[str]:
    """The stages that DVC ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def quick_copy(output: str) -> Path:
    """The folder in which `make quick` has run, by what it said last."""
    page = Path(output.rpartition("Full report: ")[2].splitlines()[0])
    return page.parents[1]


def with_a_smaller_study(params: str) -> str:
    """The text of params.yaml with one architecture a family in its study."""
    kept, _, study = params.partition("    w5-10:")
    return kept + study[study.index("  depth:") :].replace("  - 2\n  - 3\n  - 4\n", "", 1)


def edit_params(project: Path, old: str, new: str) -> None:
    """Replace a piece of params.yaml that occurs once."""
    path = project / "params.yaml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    path.write_text(text.replace(old, new))


def training(name: str) -> list[str]:
    """The command that trains one of the small study's two architectures."""
    return [sys.executable, "-m", "stages.train", name]


def contents(folder: Path) -> dict[str, str]:
    """A folder's files by name: the text of short ones, else a checksum, as pytest takes minutes to show long ones."""
    return {path.name: _short(path.read_bytes()) for path in sorted(folder.iterdir())}


def _short(content: bytes) -> str:
    short = len(content) < 2000 and content.isascii()
    return content.decode() if short else hashlib.sha256(content).hexdigest()


LEFT = pytest.StashKey[list[str]]()
SCRATCH = pytest.StashKey[Scratch]()


def pytest_configure(config: pytest.Config) -> None:
    """Say what is needed where there is no repository of Git, in place of an error in every test."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--git-dir"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise pytest.UsageError(with_what_is_needed(" ".join(done.stderr.split())))
    if "PYTEST_XDIST_WORKER" not in os.environ:  # those have what the process has that learned them
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a run which is ended clears up as well
        config.stash[SCRATCH] = Scratch()
        os.environ.update(config.stash[SCRATCH].variables)
        ENVIRONMENT.update(config.stash[SCRATCH].variables)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that leaves something behind has failed."""
    if SCRATCH in session.config.stash:
        session.config.stash[LEFT] = session.config.stash[SCRATCH].left()
        if session.config.stash[LEFT]:
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_reaches_what_tests_start() -> None:
    """Processes inherit that a job in the background ignores Ctrl-C; the tests may be one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests on the reproduced project last, so that none waits for it, but the longest first, which makes it.

    Each process begins with its share of the tests and takes over some of the others' when it is done.
    """
    for item in items:
        if {"reproduced", "made_up", "compared"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("after_a_run")
    items.sort(
        key=lambda item: (not item.get_closest_marker("longest"), "reproduced" in getattr(item, "fixturenames", ()))
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the run has left behind, and what tests have recorded to be printed, such as random moments."""
    if left := config.stash.get(LEFT, []):
        terminalreporter.section("left behind", red=True)
        terminalreporter.write_line("\n".join(left))
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        lines = [str(value) for name, value in report.user_properties if name == "printed"]
        if lines and report.when == "call":
            terminalreporter.section(report.nodeid)
            terminalreporter.write_line("\n".join(lines))


def documented(command: str) -> list[str]:
    """A command as the README or a page of docs/ writes it, in words: what the tests run is what these say."""
    assert command in documented_commands(), f"neither the README nor docs/ has: {command}"
    return shlex.split(command)


def documented_commands() -> list[str]:
    """The lines of the sh blocks of the README and of docs/."""
    blocks = [block for page in PAGES for block in re.findall(SH_BLOCK, page.read_text(encoding="utf-8"))]
    return [line for block in blocks for line in block.splitlines()]


def _checkout(place: Path) -> None:
    """The files of this repository as they lie here, committed in a repository at `place`, and its environment."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in listed:
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=place)
    commit(place, "The repository")
    give_environment(place)


def give_environment(project: Path) -> None:
    """Stand in for `make setup`: the environment that the tests run in."""
    environment = project / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.executable).parent)
    shutil.copy(project / "requirements.lock", environment / "ready")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first test process to ask for it makes, and the others wait for.

    Runs of tests that are told a folder for such projects find there what the first of them made.
    """
    shared = Path(os.environ.get(PROJECTS, factory.getbasetemp()))
    if "PYTEST_XDIST_WORKER" in os.environ and PROJECTS not in os.environ:
        shared = shared.parent
    place = shared / name
    with FileLock(f"{place}.lock"):
        if not (shared / f"{name}.made").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            (shared / f"{name}.made").touch()
    return place


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository without data. Not to be written to: copy it."""
    return made_once(tmp_path_factory, "fresh", _checkout)


@pytest.fixture(scope="session")
def made_up(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with a study of made-up numbers, compared and committed. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(fresh, place, dirs_exist_ok=True, symlinks=True)
        write_study(place)
        run(sys.executable, "-m", "stages.aggregate", cwd=place)
        commit(place, "Made up")

    return made_once(tmp_path_factory, "made-up", make)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up study with custom architectures, compared; `printed` has the output. Not to be written to."""
    place = tmp_path_factory.mktemp("compared")
    (place / "printed").write_text(compare_study(place))
    return place


@pytest.fixture(scope="session")
def reproduced(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make quick` leaves, of one epoch: the whole pipeline on the sample. Not to be written to: copy it."""

    def make(place: Path) -> None:
        output = run("make", "quick", f"QUICK={ONE_EPOCH}", cwd=fresh)
        copy = quick_copy(output)
        shutil.copytree(copy, place, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(copy)
        ran = ["fetch", *re.findall(r"^(\S+): done in", output, flags=re.MULTILINE)]
        logs = [(place / "data/logs" / f"{stage.replace('@', '-')}.log").read_text() for stage in ran]
        (place / "first-run.log").write_text("".join([*logs, output]))
        commit(place, "The pipeline on the sample")
        give_environment(place)

    return made_once(tmp_path_factory, "reproduced", make)


@pytest.fixture
def full(reproduced: Path, tmp_path: Path) -> Path:
    """A copy of `reproduced` to use up."""
    return Path(shutil.copytree(reproduced, tmp_path / "full", symlinks=True))


@pytest.fixture(scope="session")
def reduced(reproduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`reproduced` with one architecture a family in its study. Not to be written to: copy it."""

    def make(place: Path) -> None:
        shutil.copytree(reproduced, place, dirs_exist_ok=True, symlinks=True)
        path = place / "params.yaml"
        path.write_text(with_a_smaller_study(path.read_text()))
        assert ran_stages(run("dvc", "repro", cwd=place)) == ["aggregate"]
        commit(place, "A smaller study")

    return made_once(tmp_path_factory, "reduced", make)


@pytest.fixture
def small(reduced: Path, tmp_path: Path) -> Path:
    """A copy of `reduced` to use up."""
    return Path(shutil.copytree(reduced, tmp_path / "small", symlinks=True))
