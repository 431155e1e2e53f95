"""An S3 server and an SSH server on loopback, each of which lets one user in."""

import getpass
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3  # type: ignore[import-untyped]
import pytest
import requests
from moto.server import ThreadedMotoServer

from tests.conftest import run
from tests.processes import until

SSHD = Path("/usr/sbin/sshd")
Keys = dict[str, str]
needs_sshd = pytest.mark.skipif(not SSHD.exists(), reason=f"{SSHD} is not installed")


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


@contextmanager
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
    try:
        yield Server(
            kind="s3",
            address="s3://bucket/project",
            shared={"endpointurl": url},
            right=right,
            wrong={"secret_access_key": "wrong"},
            place=lambda path: _S3File(client, f"project/{path}"),
            stop=server.stop,
        )
    finally:
        server.stop()


@contextmanager
def ssh_server(folder: Path) -> Iterator[Server]:
    """OpenSSH's server, which lets one key in."""
    folder.mkdir()
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
    until(lambda: answers(port) or process.poll() is not None, "the SSH server's start")
    assert process.poll() is None, (folder / "log").read_text()

    def stop() -> None:
        process.terminate()
        process.wait()

    try:
        yield Server(
            kind="ssh",
            address=f"ssh://127.0.0.1{folder}/project",
            shared={"port": str(port)},
            right={"user": getpass.getuser(), "keyfile": str(folder / "right")},
            wrong={"keyfile": str(folder / "wrong")},
            place=lambda path: folder / "project" / path,
            stop=stop,
        )
    finally:
        stop()


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
