"""Which Python makes the environment, of those that are on the PATH; they are stand-ins, as only some are here."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

OTHER = "setup: python3 is Python {}, and 3.11 to 3.13 is needed\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The only one on the PATH, with the few programs that the script itself needs."""
    for name in ("sh", "mktemp", "rm", "sed"):
        found = next(path for path in (Path("/bin", name), Path("/usr/bin", name)) if path.exists())
        (tmp_path / name).symlink_to(found)
    return tmp_path


def give_python(folder: Path, name: str, version: str) -> None:
    """A Python that is of that version as far as anybody can see."""
    info = ", ".join(version.split("."))
    stand_in = f'{shlex.quote(sys.executable)} -c "import sys; sys.version_info = ({info}); $2"'
    content = f'#!/bin/sh\n[ "$1" = -c ] && exec {stand_in}\nexit 1\n'
    (folder / name).write_text(content)
    (folder / name).chmod(0o755)


def chosen(folder: Path, python: str = "", status: int = 0) -> tuple[str, str]:
    """The command that is chosen, and what is said about it."""
    done = subprocess.run(
        ["sh", "tools/python.sh", python],
        cwd=ROOT, env=os.environ | {"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


@pytest.mark.parametrize("version", ["3.11", "3.13"])
def test_python3_is_taken_without_a_word_where_it_is_supported(folder: Path, version: str) -> None:
    give_python(folder, "python3", version)
    give_python(folder, "python3.12", "3.12")
    assert chosen(folder) == ("python3\n", "")


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_the_newest_of_the_others_is_taken_and_named(folder: Path, version: str) -> None:
    give_python(folder, "python3", version)
    give_python(folder, "python3.11", "3.11")
    give_python(folder, "python3.12", "3.12")
    (folder / "python3.13").write_text("#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n")
    (folder / "python3.13").chmod(0o755)
    assert chosen(folder) == ("python3.12\n", f"{OTHER.format(version)}setup: takes python3.12\n")


def test_uv_fetches_one_where_none_is_supported(folder: Path) -> None:
    give_python(folder, "python3", "3.14")
    (folder / "uv").write_text(
        '#!/bin/sh\n[ "$2" = find ] && echo "/fetched by/python3.13" && exit\necho "$*" >"$0.said"\n'
    )
    (folder / "uv").chmod(0o755)
    told = f"{OTHER.format('3.14')}setup: takes /fetched by/python3.13, which uv has fetched\n"
    assert chosen(folder) == ("/fetched by/python3.13\n", told)
    assert (folder / "uv.said").read_text() == "python install 3.13\n"


def test_where_nothing_can_be_had_it_is_said_in_a_line(folder: Path) -> None:
    (folder / "uv").write_text("#!/bin/sh\nexit 1\n")
    (folder / "uv").chmod(0o755)
    said = (
        "setup: python3 is not there, and 3.11 to 3.13 is needed\n"
        "setup: no Python of these is here, and uv could not fetch one; make PYTHON=... takes one that is elsewhere\n"
    )
    assert chosen(folder, status=1) == ("", said)


def test_python_that_is_asked_for_decides(folder: Path) -> None:
    for name, version in (("python3", "3.12"), ("my python", "3.11"), ("old", "3.10")):
        give_python(folder, name, version)
    assert chosen(folder, "my python") == ("my python\n", "")
    assert chosen(folder, "old", status=1) == ("", "setup: PYTHON holds old, Python 3.10; 3.11 to 3.13 is needed\n")
    said = chosen(folder, "none", status=1)[1].splitlines()[-1]
    assert said == "setup: PYTHON holds none, which does not run; 3.11 to 3.13 is needed"
