"""What is missing or damaged on a remote, or in the cache, is named and never taken for good."""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import run
from tests.tools.conftest import clone_of, data, one_line, refused
from tests.tools.servers import Server
from tools import remote

MODELS = ("data/models/w2-4/seed-0.keras", "data/models/depth-1/seed-0.keras")


def object_path(content: bytes) -> str:
    """Where a remote holds a file."""
    oid = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"files/md5/{oid[:2]}/{oid[2:]}"


@pytest.mark.slow
def test_objects_missing_and_damaged_on_the_server_are_named_and_put_back(first: Path, server: Server) -> None:
    """A whole remote on a real server, looked through file by file, before and after what it lacks is put back."""
    run("dvc", "push", cwd=first)
    whole = {name: (first / name).read_bytes() for name in MODELS}
    stored = {name: server.place(object_path(content)) for name, content in whole.items()}
    missing, damaged = MODELS
    stored[missing].unlink()
    stored[damaged].unlink()  # read-only in an SSH server's folder
    stored[damaged].write_bytes(whole[damaged][:-1] + bytes([whole[damaged][-1] ^ 1]))

    second = clone_of(first, "second", server.right)
    assert f"failed to transfer '{object_path(whole[missing])[10:].replace('/', '')}'" in refused(second, "dvc", "pull")
    for command in (["make", "remote"], ["make", "remote", "REPAIR=1"]):  # it has not what it would put back
        lines = refused(second, *command, status=2).splitlines()
        assert {line.partition(f" at {server.kind}://")[0] for line in lines[:2]} == {
            f"remote: {missing}: missing",
            f"remote: {damaged}: damaged",
        }
        assert lines[2].startswith("remote: 2 missing or damaged; `make remote REPAIR=1`")
    assert not [name for name in MODELS if (second / name).exists()]

    output = run("make", "remote", "REPAIR=1", cwd=first)
    assert [f"remote: {name}: put back" in output for name in MODELS] == [True, True]
    assert {name: place.read_bytes() for name, place in stored.items()} == whole
    run("dvc", "pull", cwd=second)
    assert data(second) == data(first)


@pytest.mark.slow
def test_damaged_object_never_reaches_the_data(first: Path, server: Server) -> None:
    """A real server, and DVC as it pulls from it: only the two together show that a checksum is looked at."""
    run("dvc", "push", cwd=first)
    whole = (first / MODELS[0]).read_bytes()
    stored = server.place(object_path(whole))
    stored.unlink()
    stored.write_bytes(whole[:-1])
    second = clone_of(first, "second", server.right)
    assert "data/models/w2-4" in refused(second, "dvc", "pull")
    assert not (second / MODELS[0]).exists()


def test_help_begins_with_what_it_is_for(fresh: Path) -> None:
    told = run(sys.executable, "-m", "tools.remote", "--help", cwd=fresh)
    assert told.split("\n\n")[1] == (remote.__doc__ or "").splitlines()[0]


def test_project_without_a_remote_is_told_so(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    line = one_line(project, "make", "remote")
    assert line.startswith("remote: ")
    assert "no remote specified" in line


def test_damaged_files_of_the_cache_are_named_and_the_others_are_not(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    assert run("make", "verify", cwd=project) == "verify: every file of the cache is what its name says: 0 files\n"
    objects = {name: project / ".dvc/cache" / object_path(name.encode()) for name in ("file", "folder", "whole")}
    objects["folder"] = objects["folder"].with_suffix(".dir")  # DVC's list of a folder's files
    for name, path in objects.items():
        path.parent.mkdir(parents=True)
        path.write_text("whole" if name == "whole" else "damaged")
    lines = refused(project, "make", "verify", status=2).splitlines()
    assert sorted(lines[:2]) == sorted(f"verify: {objects[name]} is damaged" for name in ("file", "folder"))
    assert lines[2].startswith("verify: remove these files")
