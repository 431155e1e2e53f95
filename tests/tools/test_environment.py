"""`make setup` makes the environment beside what is there, and empties nothing that it has not made."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT
from tests.tools.wheels import give_project, wheels

REFUSED = (
    "setup: {}is not of set-up's making, and stays as it is: move it away, or, where it holds the packages of "
    "requirements.lock, tell so by `cp requirements.lock .venv/ready`"
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return give_project(tmp_path / "erster Versuch ü", wheels(tmp_path / "wheels"))


def make(project: Path, *arguments: str, status: int = 0) -> str:
    """What `make` says, with packages from the folder beside the project alone."""
    offline = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": (project.parent / "wheels").as_uri(),
    }
    clean = {name: value for name, value in ENVIRONMENT.items() if not name.startswith("PIP_")}
    done = subprocess.run(
        ["make", *arguments], cwd=project, env=clean | offline,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout
    return done.stdout


def change_lock(project: Path, line: str = "# one more\n") -> None:
    with (project / "requirements.lock").open("a") as file:
        file.write(line)
    age(project)


def age(project: Path) -> None:
    """Let the environment be older than the lock file, as that of a fresh clone is new."""
    if (project / ".venv/ready").exists():
        os.utime(project / ".venv/ready", (0, 0))


def everything(folder: Path) -> dict[Path, bytes | Path]:
    """A folder's files with their bytes, and its links with where they lead."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {path: path.readlink() if path.is_symlink() else path.read_bytes() for path in paths}


@pytest.mark.parametrize("kind", ["link", "link into the void", "linked bin", "linked bin, ready", "own"])
def test_environment_of_somebody_else_is_left_whole(project: Path, kind: str) -> None:
    shared, venv = project.parent / "shared", project / ".venv"
    for folder in ("bin", "lib"):
        (shared / folder).mkdir(parents=True)
        (shared / folder / "mine").write_text("mine\n")
    if kind.startswith("link "):
        shared = project.parent / "void"
    if kind.startswith("linked"):
        venv.mkdir()
        (venv / "bin").symlink_to(shared / "bin")
        if "ready" in kind:
            (venv / "ready").touch()
    elif kind == "own":
        shutil.copytree(shared, venv)
    else:
        venv.symlink_to(shared)
    change_lock(project)
    before = everything(project.parent)
    lines = make(project, "setup", status=2).splitlines()
    assert lines[0] == REFUSED.format(f".venv, a link to {shared}, " if venv.is_symlink() else ".venv ")
    assert lines[1].startswith("make: ***")
    assert len(lines) == 2
    assert "clean: .venv is not of set-up's making, and stays" in make(project, "clean")
    assert everything(project.parent) == before


def test_shared_environment_that_holds_the_packages_is_taken_as_it_is(project: Path) -> None:
    shared = project.parent / "shared"
    (shared / "bin").mkdir(parents=True)
    (shared / "bin/python").symlink_to("/bin/true")
    (project / ".venv").symlink_to(shared)
    shutil.copy(project / "requirements.lock", shared / "ready")
    os.utime(shared / "ready", (0, 0))
    before = everything(project.parent)
    assert make(project, "setup") == ""
    assert everything(project.parent) == before


@pytest.mark.slow
def test_new_environment_is_made_beside_the_old_one_in_which_all_goes_on(project: Path) -> None:
    """Two environments, made as `make setup` makes them: what goes on in the first is seen after the second."""
    assert make(project, "setup") == ""
    first = (project / ".venv").readlink()
    assert re.fullmatch(r"\.venvs/\w{6}", str(first))
    activated = ". .venv/bin/activate && exec python -c 'input(); import tiny; tiny.say()'"
    with subprocess.Popen(
        ["sh", "-c", activated], cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as old:
        change_lock(project)
        assert make(project, "setup").startswith("setup: .venv is new; what runs in the old one goes on in .venvs, ")
        second = (project / ".venv").readlink()
        assert second != first
        assert old.communicate("\n")[0] == f"{project.resolve() / first}\n"
    said = subprocess.run([project / ".venv/bin/tiny"], capture_output=True, text=True, check=True).stdout
    assert said == f"{project.resolve() / second}\n"

    lock = (project / "requirements.lock").read_text()
    change_lock(project, "missing==1 --hash=sha256:00\n")
    make(project, "setup", status=2)
    assert (project / ".venv").readlink() == second
    assert {path.name for path in (project / ".venvs").iterdir()} == {first.name, second.name}, "none half made"

    (project / "requirements.lock").write_text(lock.removesuffix("# one more\n"))
    age(project)
    shutil.rmtree(project.parent / "wheels")
    assert make(project, "setup") == "", "the first is there already"
    assert (project / ".venv").readlink() == first

    make(project, "clean")
    assert not (project / ".venv").is_symlink()
    assert not (project / ".venvs").exists()


def test_environment_of_before_there_were_links_is_moved_as_a_whole(project: Path) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    for name in ("ready", "uv.lock", "bin/mine"):
        (project / ".venv" / name).write_text("old\n")
    age(project)
    make(project, "setup")
    assert (project / ".venv").is_symlink()
    assert (project / ".venv/bin/tiny").exists()
    (old,) = (project / ".venvs").glob("*/venv")
    assert {str(path.relative_to(old)) for path in everything(old)} == {"ready", "uv.lock", "bin/mine"}
