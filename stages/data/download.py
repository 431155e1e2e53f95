"""Copy the four IDX files of a data set into data/raw, each checked by SHA-256 before it gets its final name.

A data set is a folder with SHA256SUMS and either the files or SOURCES, a list of places that have them.
"""

import gzip
import re
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from stages.common import DATA, RAW, InputError, read_text, scratch_folder
from stages.data.idx import COLOUR_FILES, FILES
from stages.training.files import whole_file

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before this stage runs
SUMS, SOURCES = "SHA256SUMS", "SOURCES"
SUM = r"(?m)^\s*\\?([0-9A-Fa-f]{64})\s+\*?(?:.*[/\\])?([^/\\\s]+)\s*$"  # a line of sha256sum or shasum
SOURCE = r"(?m)^\s*([^#\s].*?)\s*$"  # a line that is not a comment
RETRY = Retry(3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
UNPACK = """
set -e
mkdir -p state/lists/partial cache/archives/partial
apt() {
  apt-get --quiet -o Dir::State="$PWD/state" -o Dir::Cache="$PWD/cache" -o Dir::State::status=/var/lib/dpkg/status "$@"
}
apt update
apt download -- "$1"
dpkg-deb --extract *.deb content
find content -name '*-ubyte*' -exec mv {} . ";"
"""  # needs no root, because apt's lists are in this folder


def fetch(folder: Path) -> None:
    """Fill data/raw from the data set `folder`. Raises InputError, with the reason of every source, if all fail."""
    sums, reasons, sources = read_sums(folder), [], [str(folder)]
    if (folder / SOURCES).exists():
        sources += [str(BY_HAND), *re.findall(SOURCE, read_text(folder / SOURCES))]
    shutil.rmtree(RAW, ignore_errors=True)  # it may have the files of another data set
    for source in sources:
        copy = {"https": download, "apt": _from_debian}.get(source.partition(":")[0], _from_folder)
        try:
            copy(source, sums)
            print(f"fetch: from {source}", flush=True)
            return
        except (InputError, OSError, subprocess.SubprocessError) as error:
            reasons.append(str(error))
    raise InputError("; ".join(reasons))


def read_sums(folder: Path) -> dict[str, str]:
    """Read the SHA-256 of the four files' uncompressed bytes. Raises InputError if SHA256SUMS lacks one."""
    path = folder / SUMS
    found = re.findall(SUM, read_text(path)) if path.exists() else []
    sums = {_usual_name(name): known.lower() for known, name in found}
    files = COLOUR_FILES if sums.keys() & set(COLOUR_FILES[::2]) else FILES
    if missing := [name for name in files if name not in sums]:
        fix = f"Run `sha256sum *-ubyte > {SUMS}` there, on files that are not gzipped."
        raise InputError(f"{path}: expected the SHA-256 of {', '.join(missing)}, got others. {fix}")
    return {name: sums[name] for name in files}


def _from_folder(folder: str, sums: Mapping[str, str]) -> None:
    places = {_usual_name(path.name): path for path in Path(folder).glob("*")}
    for name, expected in sums.items():
        path = places.get(name) or places.get(f"{name}-gz")
        if not path:
            raise InputError(f"{folder}/{name}: missing")
        _store(path.read_bytes(), name, expected, str(path))


def download(address: str, sums: Mapping[str, str]) -> None:
    """Download ADDRESS/NAME.gz for every name. Raises InputError if the server or its certificate fails, OSError."""
    with requests.Session() as session:
        session.mount(address, HTTPAdapter(max_retries=RETRY))
        for name, expected in sums.items():
            url = f"{address.rstrip('/')}/{name}.gz"
            try:
                response = session.get(url, timeout=(10, 60))
                response.raise_for_status()
            except requests.RequestException as error:
                raise InputError(f"{url}: {error}") from None
            _store(response.content, name, expected, url)


def _from_debian(source: str, sums: Mapping[str, str]) -> None:
    """Copy the files of a Debian package; `source` is apt:PACKAGE."""
    DATA.mkdir(exist_ok=True)
    with scratch_folder(DATA) as scratch:
        command = ["sh", "-c", UNPACK, "sh", source.removeprefix("apt:")]
        done = subprocess.run(command, cwd=scratch, capture_output=True, timeout=600, check=False)
        if done.returncode:
            raise InputError(f"{source}: {' '.join(done.stderr.decode(errors='replace').split())}")
        _from_folder(str(scratch), sums)


def _store(content: bytes, name: str, expected: str, called: str) -> None:
    """Store the content, unzipped, as data/raw/NAME. Raises InputError if its checksum is not as expected."""
    unzipped = ""
    if content.startswith(b"\x1f\x8b"):
        unzipped = " of the uncompressed bytes"
        try:
            content = gzip.decompress(content)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{called}: damaged gzip file ({error})") from None
    if (got := sha256(content).hexdigest()) != expected:
        raise InputError(f"{called}: expected SHA-256 {expected}{unzipped}, got {got}")
    with whole_file(RAW / name) as partial:
        partial.write_bytes(content)


def _usual_name(name: str) -> str:
    """Return a file name in MNIST's form: lower case, with `-` instead of `.` and `_`."""
    return re.sub("[._]", "-", name.lower())
