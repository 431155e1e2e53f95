"""What one clone has trained the others pull: over S3, SSH and a shared folder, against real servers on loopback."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ENVIRONMENT, documented, edit_params, give_environment, ran_stages, run
from tests.tools.servers import Keys, Server, needs_sshd, s3_server, ssh_server

MODELS = ("data/models/w2-4/seed-0.keras", "data/models/depth-1/seed-0.keras")


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
    lock = yaml.safe_load((project / "dvc.lock").read_text())["stages"]
    outputs = [project / output["path"] for stage in lock.values() for output in stage["outs"]]
    held = [path for path in outputs if path.is_relative_to(project / "data")]
    files = [file for path in held for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file()]
    return {str(file.relative_to(project)): file.read_bytes() for file in files}


def local_files(project: Path) -> dict[str, str]:
    """The MD5 of all that is not to be lost: the data and DVC's cache."""
    files = [file for folder in ("data", ".dvc/cache") for file in (project / folder).rglob("*") if file.is_file()]
    return {str(file): hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() for file in files}


def ask_for_two_blocks(project: Path) -> None:
    edit_params(project, "# blocks\n  - 1\n", "# blocks\n  - 1\n  - 2\n")


def pulled_without_training(clone: Path, expected: Path) -> None:
    """Let the clone ask for two blocks, which were trained and pushed elsewhere."""
    ask_for_two_blocks(clone)
    output = run(*documented("dvc repro --pull"), cwd=clone)
    assert ran_stages(output) == ["aggregate"]
    results = (clone / "data/models/depth-2/results.json").read_bytes()
    assert results == (expected / "data/models/depth-2/results.json").read_bytes()


def test_others_pull_the_same_bytes_and_train_nothing_again(first: Path, server: Server, reproduced: Path) -> None:
    ask_for_two_blocks(first)
    assert ran_stages(run("dvc", "repro", cwd=first)) == ["aggregate"]  # they are in its cache
    run(*documented("dvc push --run-cache"), cwd=first)
    run("git", "checkout", "--quiet", ".", cwd=first)
    run("dvc", "checkout", cwd=first)
    run("dvc", "push", cwd=first)
    second = clone_of(first, "second", server.right)
    run(*documented("dvc pull"), cwd=second)
    assert len(data(second)) > 20
    assert data(second) == data(first)
    assert "holds everything that dvc.lock names" in run(*documented("make remote"), cwd=second)
    pulled_without_training(clone_of(first, "third", server.right), reproduced)


def test_shared_folder_does_so_too_and_experiments_travel(small: Path, reproduced: Path, tmp_path: Path) -> None:
    set_up(small, "folder", str(tmp_path / "shared"))
    run("git", "commit", "--quiet", "--all", "--message", "A remote", cwd=small)
    run("git", "clone", "--quiet", "--bare", str(small), str(tmp_path / "origin"), cwd=tmp_path)
    run("git", "remote", "set-url", "origin", str(tmp_path / "origin"), cwd=small)
    run("dvc", "exp", "run", "--name", "deeper", "-S", "study.depth=[1,2]", cwd=small)
    run(*documented("dvc exp push origin --rev HEAD"), cwd=small)
    run("git", "checkout", "--quiet", ".", cwd=small)
    run("dvc", "checkout", cwd=small)
    run("dvc", "push", "--run-cache", cwd=small)

    second = clone_of(tmp_path / "origin", "second", {})
    run("dvc", "pull", cwd=second)
    assert data(second) == data(small)
    run(*documented("dvc exp pull origin --rev HEAD"), cwd=second)
    run("dvc", "exp", "apply", "deeper", cwd=second)
    assert (second / "data/models/depth-2/results.json").read_bytes() == (
        reproduced / "data/models/depth-2/results.json"
    ).read_bytes()
    pulled_without_training(clone_of(tmp_path / "origin", "third", {}), reproduced)


def refused(project: Path, *command: str, status: int = 1) -> str:
    """What a command says that must fail, without a traceback, and lose nothing here."""
    before = local_files(project)
    output = run(*command, cwd=project, status=status)
    assert "Traceback" not in output
    assert before.items() <= local_files(project).items()
    return output


def test_server_that_refuses_or_is_down_is_told_and_nothing_is_lost(first: Path, server: Server) -> None:
    run("dvc", "push", cwd=first)
    second = clone_of(first, "second", server.right | server.wrong)
    give(first, server.wrong)
    reason = "Forbidden" if server.kind == "s3" else "Permission denied for user"
    assert reason in refused(first, "dvc", "push", status=255)
    assert reason in refused(second, "dvc", "pull")
    assert reason in refused(second, "dvc", "repro", "--pull", status=255)
    assert reason in one_line(second, "make", "remote")

    give(first, server.right)
    give(second, server.right)
    server.stop()
    reason = "Could not connect to the endpoint URL" if server.kind == "s3" else "Connect call failed"
    assert reason in refused(first, "dvc", "push", status=255)
    assert reason in refused(second, "dvc", "pull")
    assert reason in one_line(second, "make", "remote")


def one_line(project: Path, *command: str) -> str:
    """What a target of make says that must fail, before make's own line."""
    lines = refused(project, *command, status=2).splitlines()
    assert len(lines) == 2, lines
    assert lines[1].startswith("make: ***")
    return lines[0]


def test_objects_missing_and_damaged_on_the_server_are_named_and_put_back(first: Path, server: Server) -> None:
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


def test_damaged_object_never_reaches_the_data(first: Path, server: Server) -> None:
    run("dvc", "push", cwd=first)
    whole = (first / MODELS[0]).read_bytes()
    stored = server.place(object_path(whole))
    stored.unlink()
    stored.write_bytes(whole[:-1])
    second = clone_of(first, "second", server.right)
    assert "data/models/w2-4" in refused(second, "dvc", "pull")
    assert not (second / MODELS[0]).exists()


def object_path(content: bytes) -> str:
    """Where a remote holds a file."""
    oid = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return f"files/md5/{oid[:2]}/{oid[2:]}"


def test_project_without_a_remote_is_told_so(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    lines = run("make", "remote", cwd=project, status=2).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("remote: ")
    assert "no remote specified" in lines[0]
