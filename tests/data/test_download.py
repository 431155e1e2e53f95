"""Files are copied into data/raw from every kind of source if SHA256SUMS has them, or refused in one line."""

import gzip
import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stages.common import RAW, InputError
from stages.data import download
from stages.data.download import BY_HAND, SOURCES, SUMS, fetch, read_sums
from stages.data.idx import COLOUR_FILES, FILES, TRAIN_IMAGES, TRAIN_LABELS, write_idx
from stages.training.files import sha256
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
CONTENT = {name: (SAMPLE / name).read_bytes() for name in FILES}
WANTED = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
LABELS = CONTENT[TRAIN_LABELS]
WRONG = LABELS[:-1] + b"\xff"
ZIPPED = gzip.compress(LABELS, mtime=0)  # without a date: it is part of the names of tests
NOT_EXPECTED = f": expected SHA-256 {WANTED[TRAIN_LABELS]}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the sample in a new project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "RETRY", download.RETRY.new(backoff_factor=0))
    return Path(shutil.copytree(SAMPLE, "images"))


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW.iterdir()} if RAW.exists() else {}


def refusal(folder: Path) -> str:
    """Return the one line that refuses the data set; neither an unfinished file nor a wrong one is left."""
    with pytest.raises(InputError) as caught:
        fetch(folder)
    assert stored().items() <= CONTENT.items()
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def move_files(folder: Path, place: Path) -> None:
    """Move the four files from the data set's folder to `place`, gzipped."""
    place.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (place / f"{name}.gz").write_bytes(gzip.compress(CONTENT[name], 1))
        (folder / name).unlink()


@pytest.mark.parametrize(
    "line",
    ["{sum}  ./{name}\n", "{sum} *{name}\r\n", "\\{sum} *.\\{name}\n", "{sum}  {dotted}\n{sum}  x\n0123  {name}.gz\n"],
)
def test_checksums_are_read_as_people_have_them(folder: Path, line: str) -> None:
    dotted = [line.format(sum=known, name=name, dotted=name.replace("-idx", ".IDX")) for name, known in WANTED.items()]
    (folder / SUMS).write_text("\ufeff# made by hand\n\n" + "".join(dotted), encoding="utf-8", newline="")
    assert read_sums(folder) == WANTED


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"{'0' * 64}  {TRAIN_IMAGES}.gz\n{'0' * 63}  {TRAIN_IMAGES}\n".encode(),
         f"expected the SHA-256 of {', '.join(FILES)}, got others. Run `sha256sum "),
        ("0123  a".encode("utf-16"), "expected text in UTF-8"),
        (None, "expected the SHA-256 of "),
    ],
)  # fmt: skip
def test_folder_without_checksums_is_refused(folder: Path, content: bytes | None, reason: str) -> None:
    (folder / SUMS).unlink()
    if content is not None:
        (folder / SUMS).write_bytes(content)
    assert refusal(folder).startswith(f"images/{SUMS}: {reason}")


@pytest.mark.parametrize("name", ["{}", "{}.GZ"])
@pytest.mark.parametrize("zipped", [False, True])
def test_files_are_found_by_usual_names_zipped_or_not(folder: Path, name: str, zipped: bool) -> None:
    for usual, content in CONTENT.items():
        (folder / usual).unlink()
        other = name.format(usual.replace("-idx", ".IDX").replace("-", "_"))
        (folder / other).write_bytes(gzip.compress(content, 1) if zipped else content)
    fetch(folder)
    assert stored() == CONTENT


def test_another_data_set_in_colour_replaces_all_files(folder: Path) -> None:
    fetch(folder)
    for name in COLOUR_FILES:
        write_idx(Path("colour", name), np.zeros((3, 4, 5, 3) if "idx4" in name else 3, np.uint8))
    colour = {path.name: path.read_bytes() for path in Path("colour").iterdir()}
    Path("colour", SUMS).write_text("".join(f"{sha256(Path('colour', name))}  {name}\n" for name in colour))
    fetch(Path("colour"))
    assert stored() == colour


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (WRONG, f"{NOT_EXPECTED}, got {hashlib.sha256(WRONG).hexdigest()}"),
        (gzip.compress(WRONG, mtime=0), f"{NOT_EXPECTED} of the uncompressed bytes, got "),
        (b"", NOT_EXPECTED),
        (ZIPPED[:-30], ": damaged gzip file ("),
        (ZIPPED[:10] + b"\xff" * 30 + ZIPPED[40:], ": damaged gzip file ("),
        (b"\x1f\x8b\x63" + ZIPPED[3:], ": damaged gzip file ("),
        (None, ": missing"),
    ],
)
def test_other_bytes_are_refused_with_their_reason(folder: Path, content: bytes | None, reason: str) -> None:
    (folder / TRAIN_LABELS).unlink()
    if content is not None:
        (folder / TRAIN_LABELS).write_bytes(content)
    assert refusal(folder).startswith(f"images/{TRAIN_LABELS}{reason}")
    assert TRAIN_LABELS not in stored()


def test_sources_are_tried_in_order_and_every_reason_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / SOURCES).write_text("\ufeff# words\n\n  https://127.0.0.1:1/\r\nhttp://x/\n", encoding="utf-8")
    move_files(folder, BY_HAND)
    fetch(folder)
    assert (stored(), capsys.readouterr().out) == (CONTENT, f"fetch: from {BY_HAND}\n")
    (BY_HAND / f"{TRAIN_LABELS}.gz").unlink()
    first, by_hand, address, *rest = refusal(folder).split("; ")
    assert (first, by_hand) == (f"images/{TRAIN_IMAGES}: missing", f"{BY_HAND}/{TRAIN_LABELS}: missing")
    assert address.startswith(f"https://127.0.0.1:1/{TRAIN_IMAGES}.gz: ")
    assert "Connection refused" in address
    assert rest == [f"http://x//{TRAIN_IMAGES}: missing"], "an address without encryption is none"


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs Debian's dpkg-deb")
def test_debian_package_is_unpacked_without_root(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy a package by a script, as apt-get needs the network."""
    move_files(folder, tmp_path / "package/usr/share/datasets/some")
    (tmp_path / "package/DEBIAN").mkdir()
    control = "Package: dataset-some\nVersion: 1\nArchitecture: all\nMaintainer: x <a@example.org>\nDescription: x\n"
    (tmp_path / "package/DEBIAN/control").write_text(control)
    subprocess.run(["dpkg-deb", "--build", "package", "some.deb"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "bin").mkdir()
    apt = 'case "$*" in *update) ;; *-some) cp ../../some.deb . ;; *) echo "E: no such package" >&2; exit 1; esac'
    (tmp_path / "bin/apt-get").write_text(f"#!/bin/sh\n{apt}\n")
    (tmp_path / "bin/apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    (folder / SOURCES).write_text("apt:dataset-other\n")
    assert refusal(folder).endswith("apt:dataset-other: E: no such package")
    (folder / SOURCES).write_text("apt:dataset-some\n")
    fetch(folder)
    assert stored() == CONTENT
    assert [path.name for path in Path("data").iterdir()] == ["raw"]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answer by the first folder of the address."""

    def do_GET(self) -> None:
        _, kind, name = self.path.split("/")
        body = b"<html>" if kind == "page" else gzip.compress(CONTENT[name.removesuffix(".gz")], 1)
        self.send_response({"absent": 404, "unwell": 503}.get(kind, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:-30] if kind == "cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a running server."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_are_downloaded_and_unzipped(address: str) -> None:
    download.download(f"{address}/good/", WANTED)
    assert stored() == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("absent", "404 Client Error"), ("unwell", ".*503 error"), ("cut", ".*IncompleteRead"),
        ("page", "expected SHA-256"),
    ],
)  # fmt: skip
def test_server_that_fails_is_named_with_its_reason(address: str, kind: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"^{address}/{kind}/{TRAIN_IMAGES}.gz: {reason}"):
        download.download(f"{address}/{kind}", WANTED)
    assert stored() == {}
