"""A remote on a real server, and clones that share it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import ENVIRONMENT, documented, give_environment, run
from tests.tools.servers import Keys, Server, needs_sshd, s3_server, ssh_server


@pytest.fixture(params=["s3", pytest.param("ssh", marks=needs_sshd)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with s3_server() if request.param == "s3" else ssh_server(tmp_path / "server") as server:
        yield server


@pytest.fixture
def first(small: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with data, its remote set up and committed. It once trained two blocks too, as did all of `small`."""
    monkeypatch.setitem(ENVIRONMENT, "AWS_MAX_ATTEMPTS", "1")  # so that a server that is down is told within seconds
    set_up(small, server.kind, server.address)
    for name, value in server.shared.items():
        run("dvc", "remote", "modify", "team", name, value, cwd=small)
    run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=small)
    give(small, server.right)
    return small


def set_up(project: Path, kind: str, address: str) -> None:
    """As the README says, at this server's address."""
    commands = {
        "s3": documented("dvc remote add --default team s3://bucket/project"),
        "ssh": documented("dvc remote add --default team ssh://server/srv/project"),
        "folder": documented("dvc remote add --default team /srv/project"),
    }
    run(*commands[kind][:-1], address, cwd=project)
    run(*documented("dvc remote modify team verify true"), cwd=project)


def give(project: Path, credentials: Keys) -> None:
    for name, value in credentials.items():
        run("dvc", "remote", "modify", "--local", "team", name, value, cwd=project)


def clone_of(project: Path, name: str, credentials: Keys) -> Path:
    clone = project.parent / name
    run("git", "clone", "--quiet", str(project), str(clone), cwd=project.parent)
    give_environment(clone)
    give(clone, credentials)
    return clone


def data(project: Path) -> dict[str, bytes]:
    """Every file that DVC holds, by name."""
    lock = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"]
    outputs = [project / output["path"] for stage in lock.values() for output in stage["outs"]]
    held = [path for path in outputs if path.is_relative_to(project / "data")]
    files = [file for path in held for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return {str(file.relative_to(project)): file.read_bytes() for file in files}


def local_files(project: Path) -> dict[str, str]:
    """The MD5 of all that is not to be lost: the data and DVC's cache."""
    files = [file for folder in ("data", ".dvc/cache") for file in (project / folder).rglob("*") if file.is_file()]
    return {str(file): hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() for file in files}


def refused(project: Path, *command: str, status: int = 1) -> str:
    """What a command says that must fail, without a traceback, and lose nothing here."""
    before = local_files(project)
    output = run(*command, cwd=project, status=status)
    assert "Traceback" not in output
    assert before.items() <= local_files(project).items()
    return output


def one_line(project: Path, *command: str) -> str:
    """What a target of make says that must fail, before make's own line."""
    lines = refused(project, *command, status=2).splitlines()
    assert len(lines) == 2, lines
    assert lines[1].startswith("make: ***")
    return lines[0]
