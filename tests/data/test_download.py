"""Files come into data/raw as SHA256SUMS says, from wherever they are, or are refused in one line."""

import datetime
import gzip
import hashlib
import http.server
import ipaddress
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stages.common import RAW, InputError
from stages.data import download
from stages.data.class_names import CLASS_NAMES
from stages.data.download import BY_HAND, SCRATCH, SOURCES, SUMS, fetch, read_sources, read_sums
from stages.data.idx import COLOUR_FILES, FILES, TRAIN_IMAGES, TRAIN_LABELS, in_colour, write_idx
from stages.params import PARAMS_FILE
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
CONTENT = {name: (SAMPLE / name).read_bytes() for name in FILES}
WANTED = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
LABELS = CONTENT[TRAIN_LABELS]
WRONG = LABELS[:-1] + b"\xff"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the sample in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "RETRY", download.RETRY.new(backoff_factor=0))
    shutil.copytree(SAMPLE, "images")
    text = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
    PARAMS_FILE.write_text(text.replace("source: fashion-mnist", "source: images"), encoding="utf-8")
    return Path("images")


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW.iterdir()} if RAW.exists() else {}


def refusal(folder: Path) -> str:
    """Return the one line that refuses the data set; no unfinished file is left."""
    with pytest.raises(InputError) as caught:
        fetch(folder)
    assert stored().keys() <= set(FILES)
    assert stored().get(TRAIN_LABELS, LABELS) == LABELS
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def write_sums(folder: Path, line: str, start: str = "") -> None:
    lines = [
        line.format(
            sum=known, SUM=known.upper(), name=name, NAME=name.upper(), dotted=name.replace("-", "."), zeros="0" * 64
        )
        for name, known in WANTED.items()
    ]
    (folder / SUMS).write_text(start + "".join(lines), encoding="utf-8", newline="")


@pytest.mark.parametrize(
    "line",
    ["{sum}  ./{name}\n", "{SUM} *{name}\n", "{sum}\t{name}\r\n", "\\{sum} *.\\{name}\r\n", "{sum}  images/{name}\n",
     "SHA256 ({name}) = {sum}\n", "SHA2-256(./{name})= {sum}\n", "{sum}  {NAME}\n", "{sum}  {dotted}\n",
     "{sum}  {name}\n0123  {name}.gz\nfour files:\n"],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "\ufeff# made by hand\n\n"])
def test_checksums_are_read_as_people_have_them(folder: Path, line: str, start: str) -> None:
    write_sums(folder, line, start)
    assert read_sums(folder) == WANTED


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no checksum of train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
         "t10k-labels-idx1-ubyte"),
        ("{sum}  {name}.gz\n", "no checksum of .*The checksum of a gzipped file"),
        ("MD5 ({name}) = {sum}\n", "no checksum of .*ubyte$"),
        ("0123  {name}\n", f"{FILES[0]}: expected SHA-256, 64 hexadecimal digits, got '0123'"),
        ("SHA256 ({name}) = x\n", f"{FILES[0]}: expected SHA-256, 64 hexadecimal digits, got 'x'"),
        ("{sum}  {name}\n{zeros}  ./{name}\n", f"{FILES[0]}: expected one checksum, got two"),
    ],
)  # fmt: skip
def test_other_checksums_are_refused_by_their_file(folder: Path, line: str, reason: str) -> None:
    write_sums(folder, line)
    with pytest.raises(InputError, match=f"^images/{SUMS}: {reason}"):
        fetch(folder)


def test_what_is_no_folder_or_no_text_is_refused_by_its_name(folder: Path) -> None:
    (folder / SUMS).write_bytes("0123  a".encode("utf-16"))
    assert refusal(folder).startswith(f"images/{SUMS}: not a text file of UTF-8")
    (folder / SUMS).unlink()
    assert refusal(folder).startswith(f"images/{SUMS}: missing. `sha256sum")
    assert refusal(Path("none")) == "params.yaml: data.source: expected a folder, got 'none'"


@pytest.mark.parametrize(
    "rename",
    [str, lambda name: name.replace("-idx", ".idx"), str.upper, lambda name: name.replace("-", "_") + ".GZ",
     lambda name: f"{name}.gz"],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_found_by_usual_names_zipped_or_not(folder: Path, rename: Callable[[str], str], zipped: bool) -> None:
    for name in FILES:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        (folder / rename(name)).write_bytes(gzip.compress(content) if zipped else content)
    fetch(folder)
    assert stored() == CONTENT


def test_a_file_with_the_exact_name_comes_first(folder: Path) -> None:
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(WRONG))
    (folder / TRAIN_LABELS.upper()).write_bytes(WRONG)
    fetch(folder)
    assert stored() == CONTENT


def test_sha256sums_says_that_a_data_set_has_colour(folder: Path) -> None:
    fetch(folder)
    colour = Path("colour")
    colour.mkdir()
    for name in COLOUR_FILES:
        shape = (3, 4, 5, 3) if "idx4" in name else (3,)
        write_idx(colour / name, np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    sums = [f"{hashlib.sha256((colour / name).read_bytes()).hexdigest()}  {name}\n" for name in COLOUR_FILES]
    (colour / SUMS).write_text("".join(sums))
    fetch(colour)
    assert stored() == {name: (colour / name).read_bytes() for name in COLOUR_FILES}, (
        "and no file of the other data set"
    )
    (colour / in_colour(TRAIN_IMAGES)).rename(colour / TRAIN_IMAGES)
    shutil.rmtree(RAW)
    with pytest.raises(InputError, match=f"colour/{in_colour(TRAIN_IMAGES)}: missing"):
        fetch(colour)


ZIPPED = gzip.compress(LABELS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WRONG, f": expected SHA-256 {WANTED[TRAIN_LABELS]}, got {hashlib.sha256(WRONG).hexdigest()}"),
        (gzip.compress(WRONG), f": expected SHA-256 {WANTED[TRAIN_LABELS]}, got "),
        (LABELS[:-1], ": expected SHA-256 "),
        (b"", ": not an IDX file of this kind: expected header 00000801, got an empty file"),
        (b"<!DOCTYPE html>", ": not an IDX file of this kind: expected header 00000801, got 3c21444f"),
        (ZIPPED[:-30], ": damaged gzip file ("),
        (ZIPPED[:10] + b"\xff" * 30 + ZIPPED[40:], ": damaged gzip file ("),
        (b"\x1f\x8b\x63" + ZIPPED[3:], ": damaged gzip file ("),
        (None, ": missing"),
    ],
)  # fmt: skip
def test_other_bytes_are_refused_with_their_reason(folder: Path, content: bytes | None, reason: str) -> None:
    (folder / TRAIN_LABELS).unlink()
    if content is not None:
        (folder / TRAIN_LABELS).write_bytes(content)
    assert refusal(folder).startswith(f"images/{TRAIN_LABELS}{reason}")
    assert TRAIN_LABELS not in stored()


def test_no_more_is_unzipped_than_the_header_announces(folder: Path) -> None:
    (folder / TRAIN_IMAGES).unlink()
    bomb = gzip.compress(CONTENT[TRAIN_IMAGES][:-1] + b"\xff" * 200_000_000, compresslevel=1)
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(bomb)
    began = time.process_time()
    assert f"{TRAIN_IMAGES}.gz: expected SHA-256" in refusal(folder)
    assert time.process_time() - began < 0.1


def move_files(folder: Path, place: Path) -> None:
    """Take the four files out of the data set's folder, some of them gzipped."""
    place.mkdir(parents=True)
    for number, name in enumerate(FILES):
        content = (folder / name).read_bytes()
        (place / (name + ".gz" * (number % 2))).write_bytes(gzip.compress(content) if number % 2 else content)
        (folder / name).unlink()


def test_sources_are_tried_in_order_and_every_reason_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / SOURCES).write_text("\ufeff# words\n\n  https://127.0.0.1:1/\r\napt:dataset-none\n", encoding="utf-8")
    assert read_sources(folder) == ["images", "https://127.0.0.1:1/", "apt:dataset-none"]
    move_files(folder, BY_HAND)
    assert read_sources(folder) == [str(BY_HAND), "https://127.0.0.1:1/", "apt:dataset-none"]
    fetch(folder)
    assert capsys.readouterr().out == f"fetch: from {BY_HAND}\n"
    assert stored() == CONTENT
    (BY_HAND / f"{TRAIN_LABELS}.gz").unlink()
    (RAW / TRAIN_LABELS).unlink()
    (RAW / TRAIN_IMAGES).write_bytes(b"damaged")
    (folder / SOURCES).write_text("https://127.0.0.1:1/\n")
    for reason in (
        f"{BY_HAND}/{TRAIN_LABELS}: missing; ",
        f"; https://127.0.0.1:1/{TRAIN_LABELS}",
        f" into {BY_HAND}/",
    ):
        assert reason in refusal(folder) + " "
    assert stored()[TRAIN_IMAGES] == CONTENT[TRAIN_IMAGES], "the first source had it"
    (folder / SOURCES).unlink()
    assert refusal(folder).startswith(f"images/{TRAIN_LABELS}: missing")


@pytest.mark.parametrize("line", ["http://example.org/", "file:///etc/", "apt:-o=x", "apt:a b", "https://a b"])
def test_a_line_that_is_no_source_is_refused(folder: Path, line: str) -> None:
    (folder / SOURCES).write_text(f"{line}\n", encoding="utf-8")
    assert refusal(folder) == f"images/{SOURCES}: expected https://ADDRESS/ or apt:PACKAGE, got {line!r}"


def test_fashion_mnist_is_such_a_folder_without_data() -> None:
    place = ROOT / "fashion-mnist"
    assert {path.name for path in place.iterdir()} == {SUMS, SOURCES}
    assert list(read_sums(place)) == list(FILES)
    assert len(read_sources(place)) == 3


@pytest.mark.parametrize("lacking", [SUMS, TRAIN_LABELS, CLASS_NAMES])
def test_an_experiment_s_copy_that_lacks_an_untracked_file_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    (folder / CLASS_NAMES).write_text("a\nb\n")
    copy = tmp_path / ".dvc/tmp/exps/tmpabc"
    shutil.copytree(folder, copy / folder)
    monkeypatch.chdir(copy)
    fetch(folder)
    (folder / lacking).unlink()
    assert refusal(folder).endswith(f"lacks {lacking}. Run `git add images`, or `dvc add images` for large files")


FAKE_APT = """#!/bin/sh
for last; do :; done
[ "$last" = update ] && exit
[ "$last" = slow ] && : > begun && exec sleep 60
[ "$last" = dataset-some ] || { echo "E: no such package" >&2; exit 100; }
cp ../../some.deb dataset-some_1_all.deb
"""


@pytest.fixture
def fake_apt(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package made here, and instead of apt-get, which would need the network, a copy of it."""
    data = tmp_path / "package/usr/share/datasets/some"
    data.mkdir(parents=True)
    for name in FILES:
        (data / f"{name}.gz").write_bytes(gzip.compress(CONTENT[name]))
        (folder / name).unlink()
    (tmp_path / "package/DEBIAN").mkdir()
    control = "Package: dataset-some\nVersion: 1\nArchitecture: all\nMaintainer: x <a@example.org>\nDescription: x\n"
    (tmp_path / "package/DEBIAN/control").write_text(control)
    subprocess.run(["dpkg-deb", "--build", "package", "some.deb"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/apt-get").write_text(FAKE_APT)
    (tmp_path / "bin/apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")


needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs Debian's dpkg-deb")


@needs_dpkg
def test_a_debian_package_is_unpacked_without_root(folder: Path, fake_apt: None) -> None:
    (folder / SOURCES).write_text("apt:dataset-other\n")
    assert refusal(folder).startswith("apt-get: E: no such package; put the four files")
    (folder / SOURCES).write_text("apt:dataset-some\n")
    fetch(folder)
    assert stored() == CONTENT
    assert not SCRATCH.exists()


@needs_dpkg
def test_the_next_run_removes_what_ctrl_c_left(folder: Path, fake_apt: None) -> None:
    (folder / SOURCES).write_text("apt:slow\n")
    command = [sys.executable, "-m", "stages.fetch"]
    process = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not (SCRATCH / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(timeout=10) == 128 + signal.SIGINT
    (folder / SOURCES).write_text("apt:dataset-some\n")
    fetch(folder)
    assert {path.name for path in Path("data").iterdir()} == {"raw"}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by the first folder of the address."""

    def do_GET(self) -> None:
        _, kind, name = self.path.split("/")
        body = gzip.compress(CONTENT[name.removesuffix(".gz")])
        self.send_response({"absent": 404, "unwell": 503}.get(kind, 200))
        if kind not in ("endless", "page"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            match kind:
                case "good" | "endless":
                    self.wfile.write(body)
                case "cut":
                    self.wfile.write(body[:-30])
            while kind in ("page", "endless"):
                self.wfile.write(b"<html>" * 10_000)
        except OSError:
            pass  # the client has had enough
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def write_certificate(path: Path) -> None:
    """Write a key and a certificate for 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(pem))


@pytest.fixture
def address(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a running HTTPS server, whose certificate the client trusts."""
    write_certificate(tmp_path / "server.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in FILES:
        (folder / name).unlink()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["good", "endless"])
def test_files_are_downloaded_and_unzipped(folder: Path, address: str, kind: str) -> None:
    (folder / SOURCES).write_text(f"{address}/{kind}\n")
    fetch(folder)
    assert stored() == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("absent", "404 Client Error: Not Found"),
        ("unwell", "503 Server Error"),
        ("cut", "IncompleteRead"),
        ("page", "not an IDX file of this kind: expected header 00000803, got 3c68746d"),
    ],
)
def test_a_server_that_fails_is_named_with_its_reason(folder: Path, address: str, kind: str, reason: str) -> None:
    (folder / SOURCES).write_text(f"{address}/{kind}/\n")
    assert refusal(folder).startswith(f"{address}/{kind}/{TRAIN_IMAGES}.gz: {reason}")
    assert stored() == {}


def test_a_certificate_that_nobody_vouches_for_is_refused(
    folder: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    (folder / SOURCES).write_text(f"{address}/good/\n")
    assert "certificate verify failed" in refusal(folder)


@pytest.mark.parametrize(
    ("place", "proxy", "reason"),
    [
        ("127.0.0.1:CLOSED", "", "Connection refused"),
        ("no-such-host.invalid", "", "[Errno "),
        ("files.example", "http://127.0.0.1:CLOSED", "Connection refused"),
    ],
)
def test_a_place_where_nobody_answers_is_named_with_the_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, proxy: str, reason: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    (folder / TRAIN_LABELS).unlink()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        port = str(bound.getsockname()[1])
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("CLOSED", port))
        (folder / SOURCES).write_text(f"https://{place.replace('CLOSED', port)}/\n")
        line = refusal(folder).partition("; ")[2]
    assert line.startswith("https://")
    assert reason in line
