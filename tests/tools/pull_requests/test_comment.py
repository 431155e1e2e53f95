"""One comment a pull request, put there by GitHub's own `gh` against a GitHub on loopback."""

import json
import re
import shlex
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import ENVIRONMENT, ROOT, run
from tools.pull_requests.comment import AUTHOR, MARKER

needs_gh = pytest.mark.skipif(not shutil.which("gh"), reason="gh, GitHub's command line, is not installed")
Comments = dict[int, dict[str, Any]]


class _GitHub(BaseHTTPRequestHandler):
    """As much of GitHub as has comments. `gh` reaches it as a proxy, since it knows of no other way to plain HTTP."""

    comments: Comments

    def do_GET(self) -> None:
        self._answer(200, list(self.comments.values()))

    def do_POST(self) -> None:
        number = max(self.comments, default=0) + 1
        self.comments[number] = _comment(number, AUTHOR, self._body())
        self._answer(201, self.comments[number])

    def do_PATCH(self) -> None:
        number = int(urlsplit(self.path).path.rpartition("/")[2])
        self.comments[number]["body"] = self._body()
        self._answer(200, self.comments[number])

    def _body(self) -> str:
        content = b""
        while size := int(self.rfile.readline(), 16):  # as `gh` sends it, in chunks
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        body: str = json.loads(content)["body"]
        return body

    def _answer(self, status: int, content: Any) -> None:
        if not re.search(r"/repos/owner/project/issues/(7/comments|comments/\d+)$", urlsplit(self.path).path):
            status, content = 404, {"message": "Not Found"}
        if self.headers["Authorization"] != "token right":
            status, content = 401, {"message": "Bad credentials"}
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


def _comment(number: int, author: str, body: str) -> dict[str, Any]:
    address = f"http://github.localhost/owner/project/pull/7#issuecomment-{number}"
    return {"id": number, "user": {"login": author}, "body": body, "html_url": address}


@pytest.fixture
def comments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Comments]:
    """Those of pull request 7: one of a person who has seen ours."""
    known: Comments = {1: _comment(1, "someone", f"{MARKER}\nLook what I can do")}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("GitHub", (_GitHub,), {"comments": known}))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    settings = {
        "HTTP_PROXY": f"http://127.0.0.1:{server.server_port}",
        "GH_HOST": "github.localhost",  # the one host with which gh speaks plain HTTP
        "GH_REPO": "owner/project",
        "GH_TOKEN": "right",
        "GH_CONFIG_DIR": str(tmp_path),
    }
    for name, value in settings.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    yield known
    server.shutdown()


def comment_with(folder: Path, report: str, status: int = 0) -> str:
    (folder / "report.md").write_text(report)
    arguments = ["NUMBER=7", f"FILE={folder / 'report.md'}", f"PYTHON={sys.executable}"]
    return run("make", "--silent", "pr-comment", *arguments, cwd=ROOT, status=status)


@needs_gh
def test_second_report_takes_the_place_of_the_first_and_leaves_others_alone(comments: Comments, tmp_path: Path) -> None:
    others = comments[1].copy()
    assert "pr-comment: made " in comment_with(tmp_path, "One | `two` $HOME 'three'\n")
    assert "pr-comment: updated " in comment_with(tmp_path, "Four\n")
    assert "pr-comment: updated " in comment_with(tmp_path, "Five … █\n")
    assert comments == {1: others, 2: _comment(2, AUTHOR, f"{MARKER}\nFive … █\n")}


@needs_gh
def test_report_longer_than_a_comment_may_be_is_cut(comments: Comments, tmp_path: Path) -> None:
    comment_with(tmp_path, "x" * 70_000)
    assert len(comments[2]["body"]) == 65_536
    assert comments[2]["body"].endswith("`make pr-report` prints all of it.\n")


@needs_gh
def test_refused_token_is_told_in_one_line(comments: Comments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "GH_TOKEN", "wrong")
    lines = comment_with(tmp_path, "One", status=2).splitlines()
    assert "Bad credentials" in lines[0]
    assert lines[0].startswith("pr-comment: gh: ")
    assert len(lines) == 2
    assert lines[1].startswith("make: ***")
    assert len(comments) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["NUMBER=x", "FILE=a.md"], "holds 'x a.md', may hold a pull request's number and a report's file"),
        (["NUMBER=7", "FILE=a.md"], "a.md: No such file or directory"),
    ],
)
def test_what_cannot_be_a_report_is_refused_in_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    python = tmp_path / "python d'été ü"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    output = run("make", "--silent", "pr-comment", *arguments, f"PYTHON={python}", cwd=ROOT, status=2)
    assert output.splitlines()[0] == f"pr-comment: {said}"
