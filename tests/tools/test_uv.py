"""Both halves of `make setup` use what pip is told: by its files, its variables, and in an address or .netrc."""

import base64
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT
from tests.tools.wheels import give_project, wheels
from tools.uv import pip_options, uv_variables

LISTED = r"""
:env:.cert='/from/variable.pem'
:env:.extra_index_url='https://one/simple\nhttps://two/simple'
global.cert='/from/file.pem'
global.index-url='https://global/simple'
global.trusted-host='a b:8443'
install.index-url="https://me:it's@install/simple"
install.no-index='true'
freeze.timeout='10'
"""


def test_option_is_that_of_the_variable_then_of_install_then_of_all_commands() -> None:
    assert pip_options(LISTED) == {
        "cert": "/from/variable.pem",
        "extra-index-url": "https://one/simple\nhttps://two/simple",
        "index-url": "https://me:it's@install/simple",
        "no-index": "true",
        "trusted-host": "a b:8443",
    }


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ({}, {}, {}),
        ({"index-url": "https://m/s"}, {}, {"UV_DEFAULT_INDEX": "https://m/s"}),
        ({"index-url": "https://m/s"}, {"UV_INDEX_URL": "https://o/s"}, {}),
        ({"extra-index-url": "https://1/s\nhttps://2/s"}, {},
         {"UV_INDEX": "https://1/s https://2/s", "UV_INDEX_STRATEGY": "unsafe-best-match"}),
        ({"find-links": "/a https://b"}, {}, {"UV_FIND_LINKS": "/a,https://b"}),
        ({"trusted-host": "a\nb:1"}, {}, {"UV_INSECURE_HOST": "a b:1"}),
        ({"cert": "/c.pem", "client-cert": "/me.pem"}, {"REQUESTS_CA_BUNDLE": "/r.pem"},
         {"SSL_CERT_FILE": "/c.pem", "SSL_CLIENT_CERT": "/me.pem"}),
        ({}, {"REQUESTS_CA_BUNDLE": "/r.pem", "CURL_CA_BUNDLE": "/u.pem"}, {"SSL_CERT_FILE": "/r.pem"}),
        ({}, {"CURL_CA_BUNDLE": "/"}, {"SSL_CERT_DIR": "/"}),
        ({"proxy": "me:it@p:3128"}, {}, dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://me:it@p:3128")),
        ({"keyring-provider": "import"}, {}, {"UV_KEYRING_PROVIDER": "subprocess"}),
        ({"keyring-provider": "disabled"}, {}, {}),
        ({"default-timeout": "180"}, {}, {"UV_HTTP_TIMEOUT": "180"}),
    ],
)  # fmt: skip
def test_option_of_pip_is_a_variable_of_uv(
    options: dict[str, str], environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert uv_variables(options, environment) == expected


def test_what_uv_is_told_itself_stands_and_no_index_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "uv").write_text('#!/bin/sh\necho "$UV_DEFAULT_INDEX $*"\n')
    (tmp_path / "uv").chmod(0o755)
    told = {"PIP_INDEX_URL": "https://pip/s", "UV_DEFAULT_INDEX": "https://uv/s", "PIP_NO_INDEX": "1"}
    command = [sys.executable, "-m", "tools.uv", str(tmp_path / "uv"), "pip", "install", "a b"]
    done = subprocess.run(command, env=ENVIRONMENT | told, capture_output=True, text=True, check=True)
    assert done.stdout == "https://uv/s pip install a b --no-index\n"


class Index(http.server.BaseHTTPRequestHandler):
    """Two packages, for who knows the password."""

    def do_GET(self) -> None:
        asked, folder = self.server.asked, self.server.folder  # type: ignore[attr-defined]
        right = self.headers["Authorization"] == f"Basic {base64.b64encode(b'me:it@s').decode()}"
        *_, name = self.path.rstrip("/").split("/")
        if right:
            asked.append(f"{self.headers['User-Agent'].partition('/')[0]} {self.path}")
        if not right:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            body = b""
        elif self.path.startswith("/files/"):
            self.send_response(200)
            body = (folder / name).read_bytes()
        else:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            files = [path.name for path in folder.iterdir() if path.name.startswith(f"{name}-")]
            body = "".join(f'<a href="/files/{file}">{file}</a>' for file in files).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        server.asked, server.folder = [], wheels(tmp_path / "wheels")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["address in a file", "variable and netrc"])
def test_both_halves_of_setup_ask_the_index_that_pip_is_told_of(
    index: http.server.ThreadingHTTPServer, tmp_path: Path, way: str
) -> None:
    project, home = give_project(tmp_path / "erster Versuch ü", tmp_path / "wheels"), tmp_path / "home"
    (home / ".config/pip").mkdir(parents=True)
    address = f"127.0.0.1:{index.server_port}/simple"
    told = {}
    if way == "address in a file":
        (home / ".config/pip/pip.conf").write_text(f"[global]\nindex-url = http://me:it%40s@{address}\n")
    else:
        (home / ".netrc").write_text("machine 127.0.0.1 login me password it@s\n")
        (home / ".netrc").chmod(0o600)
        told = {"PIP_INDEX_URL": f"http://{address}"}
    clean = {name: value for name, value in ENVIRONMENT.items() if not name.startswith(("PIP_", "UV_", "XDG_"))}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        ["make", "setup"], cwd=project, env=clean | nowhere | {"HOME": str(home)} | told,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert (project / ".venv/ready").read_bytes() == (project / "requirements.lock").read_bytes()
    asked = index.asked  # type: ignore[attr-defined]
    assert [line for line in asked if line.startswith("pip ")] == [
        "pip /simple/uv/",
        "pip /files/uv-9.9-py3-none-any.whl",
    ]
    assert {line.split()[1] for line in asked if line.startswith("uv ")} >= {
        "/simple/tiny/",
        "/files/tiny-1.0-py3-none-any.whl",
    }
    said = subprocess.run([project / ".venv/bin/tiny"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(os.path.realpath(project / ".venvs"))
