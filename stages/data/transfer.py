"""Files brought into data/raw from a folder, a web server or a package of Debian's.

Each is held against its checksum before it gets its name there.
"""

import gzip
import hashlib
import math
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from stages.common import RAW, InputError
from stages.data.idx import DIMENSIONS, header_bytes, read_header
from stages.training.files import sha256, whole_file

CHUNK = 1 << 20  # bytes
HEADER_READ = header_bytes(max(DIMENSIONS.values()))  # bytes
GZIP_MAGIC = b"\x1f\x8b"

Wanted = Mapping[str, str]  # the SHA-256 of the uncompressed bytes, by file name
FAILURES = (OSError, subprocess.SubprocessError, InputError)  # of what is below; requests' are OSErrors


def store(path: Path, name: str, expected: str, called: str) -> None:
    """Write what `path` holds, unzipped where it is gzipped, to data/raw/NAME.

    Raises InputError, which names the file as the user knows it, `called`, and leaves no file, where the bytes are not
    as expected; no more is read than their header promises.
    """
    digest, size, promised = hashlib.sha256(), 0, 0
    with path.open("rb") as file, whole_file(RAW / name) as unfinished, unfinished.open("wb") as stored:
        for chunk in unzipped(path, file):
            promised = promised or promised_bytes(name, chunk, called)
            size += len(chunk)
            if size > promised:
                raise InputError(f"{called}: holds more than the {promised} bytes that its header promises")
            digest.update(chunk)
            stored.write(chunk)
        if digest.hexdigest() != expected:
            as_it_is = "; that is of the gzipped file, may be of what is in it" if sha256(path) == expected else ""
            raise InputError(f"{called}: SHA-256 is {digest.hexdigest()}, expected {expected}{as_it_is}")


def unzipped(path: Path, file: BinaryIO, chunk_bytes: int = CHUNK) -> Iterator[bytes]:
    """The bytes of `path`, opened as `file`, unzipped where they are gzipped. Raises InputError where that fails."""
    zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if zipped else file
    try:
        while chunk := stream.read(chunk_bytes):
            yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged, not a whole gzip file ({error})") from None


def promised_bytes(name: str, start: bytes, called: str) -> int:
    """How long the file is by the header that it starts with. Raises InputError where that is none."""
    dimensions = DIMENSIONS[name]
    return header_bytes(dimensions) + math.prod(read_header(start, dimensions, called))


def from_folder(folder: Path, wanted: Wanted, called: str = "") -> None:
    """From `folder`, which the user knows as `called`; each file may be gzipped, and named as `usual_name` reads it."""
    for name, expected in wanted.items():
        path = file_of(folder, name)
        if not path:
            raise InputError(f"{called or folder}/{name}: missing, or not a file")
        store(path, name, expected, f"{called or folder}/{path.name}")


def file_of(folder: Path, name: str) -> Path | None:
    """The folder's file of that usual name: rather one that is called just so, and rather one that is not zipped."""
    paths = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in paths if usual_name(path.name) == name and path.is_file()]
    return min(found, key=lambda path: (path.name != name, is_zipped(path.name), path.name), default=None)


def usual_name(name: str) -> str:
    """What MNIST calls a file of this name: in small letters, with `-` where others have `.` or `_`, without `.gz`."""
    return re.sub(r"\.gz$", "", name.lower()).replace(".", "-").replace("_", "-")


def is_zipped(name: str) -> bool:
    return name.lower().endswith(".gz")


def from_address(address: str, wanted: Wanted) -> None:
    """From a web server, over TLS, with time-outs and retries; little more than what a file's header promises."""
    retry = Retry(
        total=3, connect=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False
    )
    with requests.Session() as session, TemporaryDirectory() as scratch:
        session.mount("https://", HTTPAdapter(max_retries=retry))
        for name, expected in wanted.items():
            download = Path(scratch, f"{name}.gz")
            with session.get(f"{address}{name}.gz", stream=True, timeout=(10, 60)) as response:
                response.raise_for_status()
                _download(response.iter_content(CHUNK), download, name)
            store(download, name, expected, name)


def _download(chunks: Iterable[bytes], download: Path, name: str) -> None:
    most = CHUNK  # until the header is there; then as much more than it promises, as zipping may make bytes more
    with download.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            if file.tell() > most:
                file.flush()
                with download.open("rb") as begun:
                    most = CHUNK + promised_bytes(name, next(unzipped(download, begun, HEADER_READ), b""), name)
                if file.tell() > most:
                    raise InputError(f"{name}.gz: the server sends more than {most} bytes")


def from_debian(package: str, wanted: Wanted) -> None:
    """From a package of Debian's, downloaded and unpacked without root, with the package lists in their own folder."""
    with TemporaryDirectory() as scratch:
        here = Path(scratch)
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (here / folder).mkdir(parents=True)
        options = (f"Dir::State={here}/state", f"Dir::Cache={here}/cache", "Dir::State::status=/var/lib/dpkg/status")
        apt = ["apt-get", "--quiet", *(f"--option={option}" for option in options)]
        _run([*apt, "update"], here)
        _run([*apt, "download", package], here)
        (archive,) = here.glob("*.deb")
        _run(["dpkg-deb", "--extract", archive.name, "content"], here)
        found = sorted((here / "content").rglob(f"{next(iter(wanted))}*"))
        if not found:
            raise InputError(f"{package}: holds no {next(iter(wanted))}")
        from_folder(found[0].parent, wanted, package)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=600, check=False)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip() or "no reason given").splitlines()[-1]
        raise InputError(f"{command[0]}: {reason}")
