"""Where the four raw files come from, each held against its checksum before it gets its name in data/raw."""

import gzip
import hashlib
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from stages.common.errors import InputError
from stages.common.files import sha256, whole_file
from stages.common.places import DATA, RAW
from stages.data.idx import FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before it runs this stage
SUMS = "SHA256SUMS"
ADDRESSES = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",  # as Keras publishes it
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",  # as its authors publish it
)
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")
CHUNK = 1 << 20  # bytes
GZIP_MAGIC = b"\x1f\x8b"


class Expected(NamedTuple):
    """What a file must be, uncompressed."""

    size: int  # bytes
    sha256: str


PUBLISHED = {
    TRAIN_IMAGES: Expected(47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    TRAIN_LABELS: Expected(60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    TEST_IMAGES: Expected(7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    TEST_LABELS: Expected(10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}

Wanted = Mapping[str, Expected]  # by file name
Source = Callable[[Wanted], None]  # stores the files in data/raw, or raises one of FAILURES
FAILURES = (OSError, subprocess.SubprocessError, InputError)  # requests' are OSErrors


def store(name: str, chunks: Iterable[bytes], expected: Expected) -> None:
    """Write the bytes to data/raw/NAME. Raises InputError, and leaves no file, where the bytes are not as expected."""
    digest, size = hashlib.sha256(), 0
    with whole_file(RAW / name) as unfinished, unfinished.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > expected.size:
                raise InputError(f"{name}: holds more than its {expected.size} bytes")
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != expected.sha256:
            raise InputError(f"{name}: SHA-256 is {digest.hexdigest()}, expected {expected.sha256}")


def store_local(path: Path, name: str, expected: Expected) -> None:
    """`store` from a file that may be gzipped."""
    with path.open("rb") as file:
        store(name, unzipped(path, file), expected)


def unzipped(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """The bytes of `path`, opened as `file`, unzipped where they are gzipped. Raises InputError where that fails."""
    zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if zipped else file
    try:
        while chunk := stream.read(CHUNK):
            yield chunk
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: damaged, not a whole gzip file ({error})") from None


def from_folder(folder: Path, wanted: Wanted) -> None:
    """From `folder`, where each file may be gzipped and named so."""
    for name, expected in wanted.items():
        zipped = folder / f"{name}.gz"
        store_local(zipped if zipped.exists() else folder / name, name, expected)


def from_address(address: str, wanted: Wanted) -> None:
    """From a web server, over TLS, with time-outs and retries; never more bytes than a file has uncompressed."""
    retry = Retry(total=3, connect=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    with requests.Session() as session, TemporaryDirectory() as scratch:
        session.mount("https://", HTTPAdapter(max_retries=retry))
        for name, expected in wanted.items():
            download = Path(scratch, name)
            with session.get(f"{address}{name}.gz", stream=True, timeout=(10, 60)) as response:
                response.raise_for_status()
                with download.open("wb") as file:
                    for chunk in response.iter_content(CHUNK):
                        if file.tell() + len(chunk) > expected.size:
                            raise InputError(f"{name}.gz: the server sends more than {expected.size} bytes")
                        file.write(chunk)
            store_local(download, name, expected)


def from_debian(wanted: Wanted) -> None:
    """From Debian's package, downloaded and unpacked without root, with the package lists in a folder of their own."""
    with TemporaryDirectory() as scratch:
        here = Path(scratch)
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (here / folder).mkdir(parents=True)
        options = (f"Dir::State={here}/state", f"Dir::Cache={here}/cache", "Dir::State::status=/var/lib/dpkg/status")
        apt = ["apt-get", "--quiet", *(f"--option={option}" for option in options)]
        _run([*apt, "update"], here)
        _run([*apt, "download", DEBIAN_PACKAGE], here)
        (package,) = here.glob("*.deb")
        _run(["dpkg-deb", "--extract", package.name, "content"], here)
        from_folder(here / "content" / DEBIAN_FOLDER, wanted)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise InputError(f"{command[0]}: {reason}")


def sums_of(folder: Path) -> dict[str, Expected]:
    """What the folder's SHA256SUMS says of the four files, with their sizes as they lie there."""
    try:
        lines = [line.split(maxsplit=1) for line in (folder / SUMS).read_text(encoding="utf-8").splitlines()]
    except FileNotFoundError:
        raise InputError(f"{folder / SUMS}: missing; `sha256sum *-ubyte > {SUMS}` in that folder makes it") from None
    except UnicodeDecodeError:
        raise InputError(f"{folder / SUMS}: not a text file") from None
    sums = {line[1].lstrip("*"): line[0].lower() for line in lines if len(line) == 2}
    for name in FILES:
        if name not in sums:
            raise InputError(f"{folder / SUMS}: names no {name}; the four files are {', '.join(FILES)}")
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: missing, or not a file")
    return {name: Expected((folder / name).stat().st_size, sums[name]) for name in FILES}


def missing(wanted: Wanted) -> dict[str, Expected]:
    """Those of the files that data/raw does not hold yet, whole and right."""
    return {
        name: expected
        for name, expected in wanted.items()
        if not (RAW / name).is_file() or sha256(RAW / name) != expected.sha256
    }


def fetch(wanted: Wanted, sources: Mapping[str, Source]) -> None:
    """Fill data/raw from the first source that can; name every one that fails, with its reason."""
    for name, source in sources.items():
        still_missing = missing(wanted)
        if not still_missing:
            break
        try:
            source(still_missing)
            print(f"fetch: from {name}", flush=True)
        except FAILURES as error:
            print(f"fetch: not from {name}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    if missing(wanted):
        raise InputError(
            f"no source gave all files; put {', '.join(FILES)} (or the same with .gz) into {BY_HAND}/ and run again"
        )
