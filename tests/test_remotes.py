"""What one clone has trained the others pull: over S3, SSH and a shared folder, against real servers on loopback."""

import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3  # type: ignore[import-untyped]
import pytest
import requests
import yaml
from moto.server import ThreadedMotoServer

from tests.conftest import ENVIRONMENT, documented, edit_params, give_environment, ran_stages, run

SSHD = Path("/usr/sbin/sshd")
MODELS = ("data/models/w2-4/seed-0.keras", "data/models/depth-1/seed-0.keras")
Keys = dict[str, str]


class Server(NamedTuple):
    kind: str
    address: str
    shared: Keys  # settings of the remote that all have
    right: Keys  # credentials
    wrong: Keys
    place: Callable[[str], Any]  # the file of an object, by its path below the address: read_bytes, write_bytes, unlink
    stop: Callable[[], None]


class _S3File(NamedTuple):
    client: Any
    key: str

    def read_bytes(self) -> bytes:
        content: bytes = self.client.get_object(Bucket="bucket", Key=self.key)["Body"].read()
        return content

    def write_bytes(self, content: bytes) -> None:
        self.client.put_object(Bucket="bucket", Key=self.key, Body=content)

    def unlink(self) -> None:
        self.client.delete_object(Bucket="bucket", Key=self.key)


def s3_server() -> Iterator[Server]:
    """S3 with one user, whose signature it checks."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    requests.post(f"{url}/moto-api/reset", timeout=10)  # what it stores, and whom it knows, is the process's
    requests.post(f"{url}/moto-api/reset-auth", data=b"1000000", timeout=10)  # until the user is there, anybody may
    access = {"endpoint_url": url, "region_name": "us-east-1"}
    root = {**access, "aws_access_key_id": "root", "aws_secret_access_key": "root"}
    boto3.client("s3", **root).create_bucket(Bucket="bucket")
    iam = boto3.client("iam", **root)
    iam.create_user(UserName="team")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="team", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="team")["AccessKey"]
    right = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    client = boto3.client("s3", **access, **{f"aws_{name}": value for name, value in right.items()})
    requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=10)
    yield Server(
        kind="s3",
        address="s3://bucket/project",
        shared={"endpointurl": url},
        right=right,
        wrong={"secret_access_key": "wrong"},
        place=lambda path: _S3File(client, f"project/{path}"),
        stop=server.stop,
    )
    server.stop()


def ssh_server(folder: Path) -> Iterator[Server]:
    """OpenSSH's server, which lets one key in."""
    for name in ("host", "right", "wrong"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name), cwd=folder)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # which the service would make
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "Port": port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host", "PidFile": "none", "UsePAM": "no",
        "AuthorizedKeysFile": folder / "right.pub", "StrictModes": "no", "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no", "Subsystem": "sftp internal-sftp",
    }  # fmt: skip
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    deadline = time.monotonic() + 30
    while not answers(port):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)

    def stop() -> None:
        process.terminate()
        process.wait()

    yield Server(
        kind="ssh",
        address=f"ssh://127.0.0.1{folder}/project",
        shared={"port": str(port)},
        right={"user": getpass.getuser(), "keyfile": str(folder / "right")},
        wrong={"keyfile": str(folder / "wrong")},
        place=lambda path: folder / "project" / path,
        stop=stop,
    )
    stop()


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(
    params=["s3", pytest.param("ssh", marks=pytest.mark.skipif(not SSHD.exists(), reason=f"{SSHD} is not installed"))]
)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    yield from s3_server() if request.param == "s3" else ssh_server(tmp_path / "server")


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
