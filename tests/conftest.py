"""Fixtures: the project on its sample of real images, as a Git and DVC repository that tests can change.

No test needs the network or writes into the repository that it is part of.
"""

import hashlib
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from stages.training.files import write_text
from tests.left_behind import Scratch
from tests.made_up_study import compare_study
from tools.git import leave_callers_repository, with_what_is_needed

leave_callers_repository()
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
settings.load_profile("tests")

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SH_BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
MODELS = Path("data/models")
STORE = Path(".dvc/cache/trainings")
ONE_EPOCH = "-S data.source=tests/sample -S data.validation=100 -S train.epochs=1"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "COLUMNS": "200",
}


def run(*command: str, cwd: Path, status: int = 0, **variables: str) -> str:
    """Run a command with these variables, check its exit status, and return its output with its errors."""
    environment = ENVIRONMENT | variables
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}"
    return done.stdout


def start(*command: str, cwd: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start a command with these variables, and with its output and errors in one pipe."""
    return subprocess.Popen(
        command, cwd=cwd, env=ENVIRONMENT | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def commit(project: Path, message: str) -> None:
    run("git", "add", "--all", cwd=project)
    run("git", "commit", "--quiet", "--message", message, cwd=project)


def make_repository(project: Path) -> None:
    """Make a repository of one commit of a folder."""
    run("git", "init", "--quiet", "--initial-branch=main", cwd=project)
    commit(project, "All")


def clone(repository: Path, place: Path, *options: str) -> Path:
    """Return a clone with the environment of the tests."""
    run("git", "clone", "--quiet", *options, str(repository), str(place), cwd=repository)
    give_environment(place)
    return place


def ran_stages(output: str) -> list[str]:
    """Return the stages that DVC ran, in order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def quick_copy(output: str) -> Path:
    """Return the folder in which `make quick` ran, by its last line."""
    page = Path(output.rpartition("Full report: ")[2].splitlines()[0])
    return page.parents[1]


def with_a_smaller_study(params: str) -> str:
    """Return the text of params.yaml with one architecture per family in its study."""
    kept, _, study = params.partition("    w5-10:")
    return kept + study[study.index("  depth:") :].replace("  - 2\n  - 3\n  - 4\n", "", 1)


def edit_params(project: Path, old: str, new: str) -> None:
    """Replace a piece of params.yaml that occurs once."""
    path = project / "params.yaml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
    path.write_text(text.replace(old, new))


def training(name: str) -> list[str]:
    """Return the command that trains an architecture."""
    return [sys.executable, "-m", "stages.train", name]


def contents(folder: Path) -> dict[str, str]:
    """Return the checksums of a folder's files by name, as pytest takes minutes to compare long contents."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def table(text: str) -> pd.DataFrame:
    """Return the table of a text with commas."""
    return pd.read_csv(io.StringIO(text), skipinitialspace=True)


SCRATCH = pytest.StashKey[Scratch]()


def pytest_configure(config: pytest.Config) -> None:
    """Stop without a repository of Git, with one error instead of one per test; give the run its scratch folder."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--git-dir"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise pytest.UsageError(with_what_is_needed(" ".join(done.stderr.split())))
    if "PYTEST_XDIST_WORKER" not in os.environ:  # workers inherit the folder
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # an ended run clears up as well
        config.stash[SCRATCH] = Scratch()
        os.environ.update(config.stash[SCRATCH].variables)
        ENVIRONMENT.update(config.stash[SCRATCH].variables)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaves something behind."""
    if SCRATCH in session.config.stash and (left := session.config.stash[SCRATCH].left()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        print("\nleft behind:", *left, sep="\n")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_reaches_processes_of_tests() -> None:
    """Let processes of tests handle Ctrl-C, which a job in the background ignores."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests first, and those on the reproduced project last, so that few wait for it."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if {"reproduced", "compared"}.intersection(fixtures):
            item.add_marker("after_a_run")
    items.sort(
        key=lambda item: (not item.get_closest_marker("longest"), "reproduced" in getattr(item, "fixturenames", ()))
    )


def documented(command: str) -> list[str]:
    """Return the words of a command, which the README or a page of docs/ must have."""
    assert command in documented_commands(), f"neither the README nor docs/ has: {command}"
    return shlex.split(command)


def documented_commands() -> list[str]:
    """Return the lines of the sh blocks of the README and of docs/."""
    blocks = [block for page in PAGES for block in re.findall(SH_BLOCK, page.read_text(encoding="utf-8"))]
    return [line for block in blocks for line in block.splitlines()]


def _checkout(place: Path) -> None:
    """Copy this repository's working tree to `place`, as a repository of one commit with an environment."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()
    for name in listed:
        if (ROOT / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    make_repository(place)
    give_environment(place)


def give_environment(project: Path) -> None:
    """Link the environment of the tests, instead of `make setup`."""
    environment = project / ".venv"
    environment.mkdir()
    (environment / "bin").symlink_to(Path(sys.executable).parent)
    shutil.copy(project / "requirements.lock", environment / "ready")


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first test process to need it makes, while the others wait."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    made = place.with_suffix(".made")
    with FileLock(f"{place}.lock"):
        if not made.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            made.touch()
    return place


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository without data. Read only: copy it."""
    return made_once(tmp_path_factory, "fresh", _checkout)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the compared made-up study with custom architectures, and its output in `printed`. Read only."""
    return made_once(tmp_path_factory, "made-up", lambda place: write_text(place / "printed", compare_study(place)))


@pytest.fixture(scope="session")
def reproduced(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the copy of `make quick`, with one epoch and one architecture per family. Read only."""

    def make(place: Path) -> None:
        source = Path(shutil.copytree(fresh, place.with_suffix(".source"), symlinks=True))
        params = source / "params.yaml"
        params.write_text(with_a_smaller_study(params.read_text()))
        output = run("make", "quick", f"QUICK={ONE_EPOCH}", cwd=source)
        quick_copy(output).replace(place)
        ran = ["fetch", *re.findall(r"^(\S+): done in", output, flags=re.MULTILINE)]
        logs = [(place / "data/logs" / f"{stage.replace('@', '-')}.log").read_text() for stage in ran]
        (place / "first-run.log").write_text("".join([*logs, output]))
        commit(place, "The pipeline on the sample")
        give_environment(place)

    return made_once(tmp_path_factory, "reproduced", make)


@pytest.fixture
def small(reproduced: Path, tmp_path: Path) -> Path:
    """Return a copy of `reproduced` that the test can change."""
    return Path(shutil.copytree(reproduced, tmp_path / "small", symlinks=True))


@pytest.fixture
def copied(fresh: Path, tmp_path: Path) -> Path:
    """Return a copy of `fresh` that the test can change, with a space and a letter outside ASCII in its name."""
    return Path(shutil.copytree(fresh, tmp_path / "erster Versuch ü", symlinks=True))


@pytest.fixture
def cloned(reproduced: Path, tmp_path: Path) -> Path:
    """Return a clone of `reproduced`, which has no data."""
    return clone(reproduced, tmp_path / "clone")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
