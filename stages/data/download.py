"""Bring the four IDX files of a data set into data/raw, each checked by SHA-256 before it gets its name.

A data set is a folder with SHA256SUMS and either the files or SOURCES, which lists where to get them.
"""

import gzip
import re
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from stages.common import DATA, RAW, InputError, read_text, scratch_folder
from stages.data.idx import COLOUR_FILES, FILES
from stages.training.files import sha256, whole_file

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before this stage runs
SUMS, SOURCES = "SHA256SUMS", "SOURCES"
SUM = r"\\?([0-9A-Fa-f]{64})\s+\*?(?:.*[/\\])?([^/\\\s]+)"  # a line of sha256sum or shasum
RETRY = Retry(3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))


def fetch(folder: Path) -> None:
    """Fill data/raw from the data set `folder`. Raises InputError, with the reason of every source, if none has all."""
    sums, reasons, sources = read_sums(folder), [], [str(folder)]
    if (folder / SOURCES).exists():
        lines = [line.strip() for line in read_text(folder / SOURCES).splitlines()]
        sources += [str(BY_HAND), *(line for line in lines if line and not line.startswith("#"))]
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
    lines = read_text(path).splitlines() if path.exists() else []
    found = [match.groups() for match in (re.fullmatch(SUM, line.strip()) for line in lines) if match]
    sums = {_usual_name(name): known.lower() for known, name in found}
    files = COLOUR_FILES if sums.keys() & set(COLOUR_FILES[::2]) else FILES
    if missing := [name for name in files if name not in sums]:
        fix = f"`sha256sum *-ubyte > {SUMS}` in that folder writes it, of files that are not gzipped"
        raise InputError(f"{path}: expected the SHA-256 of {', '.join(missing)}. {fix}")
    return {name: sums[name] for name in files}


def _from_folder(folder: str, sums: Mapping[str, str]) -> None:
    places = {_usual_name(path.name): path for path in Path(folder).glob("*")}
    for name, expected in sums.items():
        path = places.get(name) or places.get(f"{name}-gz")
        if not path:
            raise InputError(f"{folder}/{name}: missing")
        with path.open("rb") as file:
            _store(file, name, expected, str(path))


def download(address: str, sums: Mapping[str, str]) -> None:
    """Download ADDRESS/NAME.gz of every name. Raises InputError if the server or its certificate fails, OSError."""
    with requests.Session() as session:
        session.mount(address, HTTPAdapter(max_retries=RETRY))
        for name, expected in sums.items():
            url = f"{address.rstrip('/')}/{name}.gz"
            try:
                with session.get(url, stream=True, timeout=(10, 60)) as response:
                    response.raise_for_status()
                    response.raw.auto_close = False  # as a closed file cannot be asked for its end
                    _store(BufferedReader(response.raw), name, expected, url)
            except (requests.RequestException, HTTPError) as error:
                raise InputError(f"{url}: {error}") from None


def _from_debian(source: str, sums: Mapping[str, str]) -> None:
    """Download a package and unpack it without root, with apt's lists in a folder of their own."""
    DATA.mkdir(exist_ok=True)
    with scratch_folder(DATA) as scratch:
        here = scratch.resolve()
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (here / folder).mkdir(parents=True)
        options = (f"Dir::State={here}/state", f"Dir::Cache={here}/cache", "Dir::State::status=/var/lib/dpkg/status")
        apt = ["apt-get", "--quiet", *(f"--option={option}" for option in options)]
        for command in (
            [*apt, "update"],
            [*apt, "download", "--", source.removeprefix("apt:")],
            ["sh", "-c", "dpkg-deb --extract *.deb content"],
        ):
            done = subprocess.run(command, cwd=here, capture_output=True, timeout=600, check=False)
            if done.returncode:
                raise InputError(f"{source}: {' '.join(done.stderr.decode(errors='replace').split())}")
        folders = [path.parent for path in scratch.glob("content/**/*-ubyte*")]
        _from_folder(str(min(folders, default=scratch)), sums)


def _store(file: BufferedReader, name: str, expected: str, called: str) -> None:
    """Store the file, unzipped, as data/raw/NAME. Raises InputError if its checksum is not as expected."""
    zipped = file.peek(2)[:2] == b"\x1f\x8b"
    with whole_file(RAW / name) as partial:
        try:
            with partial.open("wb") as stored:
                shutil.copyfileobj(gzip.GzipFile(fileobj=file) if zipped else file, stored)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{called}: damaged gzip file ({error})") from None
        if (got := sha256(partial)) != expected:
            unzipped = " of the uncompressed bytes" if zipped else ""
            raise InputError(f"{called}: expected SHA-256 {expected}{unzipped}, got {got}")


def _usual_name(name: str) -> str:
    """Return what MNIST calls this file: in small letters, with `-` where others have `.` or `_`."""
    return re.sub("[._]", "-", name.lower())
