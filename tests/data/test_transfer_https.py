"""The download, against a real HTTPS server on this machine with a certificate made for the test."""

import datetime
import gzip
import hashlib
import http.server
import ipaddress
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stages.common import RAW, InputError
from stages.data.failures import phrase
from stages.data.idx import TRAIN_LABELS, as_idx
from stages.data.transfer import CHUNK, FAILURES, from_address

NAME = TRAIN_LABELS
CONTENT = as_idx(np.random.default_rng(0).integers(256, size=2 * CHUNK, dtype=np.uint8))  # that no zip makes smaller
WANTED = {NAME: hashlib.sha256(CONTENT).hexdigest()}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the first folder of the address."""

    def do_GET(self) -> None:
        body = gzip.compress(CONTENT)
        kind = self.path.split("/")[1]
        if kind == "hung":
            self.server.hang.wait()  # type: ignore[attr-defined]
        self.send_response({"absent": 404, "broken": 403, "unwell": 503}.get(kind, 200))
        if kind not in ("endless", "page"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            if kind == "cut":
                self.wfile.write(body[:-10])
            if kind == "endless":
                self.wfile.write(body)
            while kind == "endless":
                self.wfile.write(bytes(1 << 16))
            while kind == "page":
                self.wfile.write(b"<html>" * 10_000)
            if kind == "other":
                self.wfile.write(body[:1000] + bytes(len(body) - 1000))
            if kind == "good":
                self.wfile.write(body)
        except OSError:
            pass  # the client has had enough
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def certificate(path: Path) -> None:
    """Write a key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A running server's address; the client trusts its certificate."""
    monkeypatch.chdir(tmp_path)
    certificate(tmp_path / "server.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.hang = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.hang.set()  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def left() -> list[str]:
    return [path.name for path in RAW.iterdir()] if RAW.exists() else []


def test_a_file_is_downloaded_and_unzipped(address: str) -> None:
    from_address(f"{address}/good/", WANTED)
    assert left() == [NAME]
    assert (RAW / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("absent", requests.HTTPError, "status 404"),
        ("broken", requests.HTTPError, "status 403"),
        ("unwell", requests.HTTPError, "status 503"),
        ("cut", requests.RequestException, "cut off"),
        ("endless", InputError, f"{NAME}.gz: the server sends more than {CHUNK + len(CONTENT)} bytes"),
        ("page", InputError, f"{NAME}: starts with 3c68746d, an IDX file of it with 00000801"),
    ],
)
def test_a_server_that_fails_leaves_nothing_and_is_told_in_a_phrase(
    address: str, kind: str, error: type[Exception], reason: str
) -> None:
    assert issubclass(error, FAILURES)
    with pytest.raises(error) as caught:
        from_address(f"{address}/{kind}/", WANTED)
    assert phrase(caught.value) == reason
    assert left() == []


def test_a_damaged_answer_leaves_nothing(address: str) -> None:
    with pytest.raises(InputError, match="damaged, not a whole gzip file"):
        from_address(f"{address}/other/", WANTED)
    assert left() == []


def test_a_server_that_does_not_answer_has_timed_out(address: str) -> None:
    with pytest.raises(requests.RequestException) as caught:
        requests.get(f"{address}/hung/", timeout=0.1)
    assert phrase(caught.value) == "timed out"


def test_other_bytes_than_expected_are_refused(address: str) -> None:
    with pytest.raises(InputError, match=f"SHA-256 is {WANTED[NAME]}, expected 0000"):
        from_address(f"{address}/good/", {NAME: "0" * 64})
    assert left() == []


def test_a_certificate_that_nobody_vouches_for_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with pytest.raises(requests.exceptions.SSLError) as caught:
        from_address(f"{address}/good/", WANTED)
    assert phrase(caught.value) == "certificate not trusted"
    assert left() == []


@pytest.mark.parametrize(
    ("place", "proxy", "reason"),
    [
        ("127.0.0.1:CLOSED", "", "refused"),
        ("no-such-host.invalid", "", "no such host"),
        ("files.example", "http://127.0.0.1:CLOSED", "proxy: refused"),
        ("files.example", "http://no-such-host.invalid", "proxy: no such host"),
    ],
)
def test_a_place_where_nobody_answers_is_told_in_a_phrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, proxy: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        port = str(bound.getsockname()[1])
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("CLOSED", port))
        with pytest.raises(FAILURES) as caught:
            from_address(f"https://{place.replace('CLOSED', port)}/", WANTED)
    assert phrase(caught.value) == reason
    assert left() == []


def test_other_failures_are_told_in_their_own_words_on_one_line(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file") as caught:
        (tmp_path / "none").read_bytes()
    assert phrase(caught.value) == f"{tmp_path}/none: No such file or directory"
    with pytest.raises(subprocess.TimeoutExpired) as late:
        subprocess.run(["sleep", "9"], timeout=0.01, check=False)
    assert phrase(late.value) == "sleep: timed out"
    assert phrase(InputError("one\n  line")) == "one line"
