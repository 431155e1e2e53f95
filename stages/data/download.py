"""Bring the four IDX files of a data set into data/raw, each checked by SHA-256 before it gets its name.

A data set is a folder with SHA256SUMS and either the files or SOURCES, which lists where to get them.
"""

import gzip
import hashlib
import math
import re
import shutil
import subprocess
import zlib
from io import BufferedReader
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from stages.common import DATA, RAW, InputError
from stages.data.class_names import CLASS_NAMES
from stages.data.idx import COLOUR_FILES, FILES, dimensions_of, header_bytes, read_header
from stages.training.files import sha256, whole_file

BY_HAND = DATA / "downloads"  # not data/raw, which DVC empties before this stage runs
SCRATCH = DATA / ".apt"  # Ctrl-C leaves it; its fixed name lets the next run remove it
SUMS, SOURCES = "SHA256SUMS", "SOURCES"
NAMES = {*FILES, *COLOUR_FILES}
SUM = r"\\?(?P<sum>[0-9A-Fa-f]+)\s+\*?(?P<name>\S.*)"  # of sha256sum and shasum
TAGGED_SUM = r"SHA(2-)?256 ?\((?P<name>.+)\) ?= ?(?P<sum>\S+)"  # of `sha256sum --tag`, BSD's sha256 and openssl
SOURCE = r"https://\S+|apt:[a-z0-9][a-z0-9+.-]+"
HINT = ". The checksum of a gzipped file is that of its uncompressed bytes"
RETRY = Retry(3, connect=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)


def fetch(folder: Path) -> None:
    """Fill data/raw from the data set `folder`. Raises InputError, with the reason of every source, if none has all."""
    _check_copied(folder)
    sums, reasons = read_sums(folder), []
    for name in NAMES - sums.keys():  # of another data set
        (RAW / name).unlink(missing_ok=True)
    for source in read_sources(folder):
        missing = {name: sums[name] for name in sums if not (RAW / name).is_file() or sha256(RAW / name) != sums[name]}
        try:
            if missing:
                copy = {"https": _from_address, "apt": _from_debian}.get(source.partition(":")[0], _from_folder)
                copy(source, missing)
                print(f"fetch: from {source}", flush=True)
            return
        except (InputError, OSError, subprocess.SubprocessError) as error:
            reasons.append(str(error))
    by_hand = f"put the four files (or the same with .gz) into {BY_HAND}/"
    raise InputError("; ".join([*reasons, *([by_hand] if (folder / SOURCES).exists() else [])]))


def read_sums(folder: Path) -> dict[str, str]:
    """Read the SHA-256 of the four files' uncompressed bytes.

    Raises InputError if SHA256SUMS lacks one, or has it in no known form.
    """
    if not folder.is_dir():
        raise InputError(f"params.yaml: data.source: expected a folder, got {str(folder)!r}")
    path, sums = folder / SUMS, dict[str, str]()
    if not path.exists():
        raise InputError(f"{path}: missing. `sha256sum *-ubyte > {SUMS}` in that folder writes it")
    lines = _lines(path)
    for found in filter(None, (re.fullmatch(SUM, line) or re.fullmatch(TAGGED_SUM, line) for line in lines)):
        name, value = re.split(r"[/\\]", found["name"])[-1].lower(), found["sum"].lower()
        if _usual_name(name) not in NAMES or name.endswith(".gz"):
            continue
        if not re.fullmatch(r"[0-9a-f]{64}", value):
            raise InputError(f"{path}: {name}: expected SHA-256, 64 hexadecimal digits, got {value[:80]!r}")
        if sums.setdefault(_usual_name(name), value) != value:
            raise InputError(f"{path}: {name}: expected one checksum, got two")
    files = COLOUR_FILES if sums.keys() & set(COLOUR_FILES[::2]) else FILES
    if missing := [name for name in files if name not in sums]:
        hint = HINT if any(".gz" in line.lower() for line in lines) else ""
        raise InputError(f"{path}: no checksum of {', '.join(missing)}{hint}")
    return {name: sums[name] for name in files}


def read_sources(folder: Path) -> list[str]:
    """Return the sources in the order to try them: the folder alone, or also those that its SOURCES lists."""
    if not (folder / SOURCES).exists():
        return [str(folder)]
    lines = [line for line in _lines(folder / SOURCES) if line and not line.startswith("#")]
    if wrong := [line for line in lines if not re.fullmatch(SOURCE, line)]:
        raise InputError(f"{folder / SOURCES}: expected https://ADDRESS/ or apt:PACKAGE, got {wrong[0][:60]!r}")
    return [*(str(place) for place in (folder, BY_HAND) if any(_find(place, name) for name in NAMES)), *lines]


def _from_folder(folder: str, sums: dict[str, str]) -> None:
    for name, expected in sums.items():
        if not (path := _find(Path(folder), name)):
            raise InputError(f"{folder}/{name}: missing")
        with path.open("rb") as file:
            _store(file, name, expected, str(path))


def _from_address(address: str, sums: dict[str, str]) -> None:
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=RETRY))
        for name, expected in sums.items():
            url = f"{address.rstrip('/')}/{name}.gz"
            try:
                with session.get(url, stream=True, timeout=(10, 60)) as response:
                    response.raise_for_status()
                    _store(BufferedReader(response.raw), name, expected, url)
            except (requests.RequestException, HTTPError) as error:
                cause: BaseException = error
                while deeper := cause.__cause__ or cause.__context__:  # the socket's error is the clearest
                    cause = deeper
                raise InputError(f"{url}: {' '.join(str(cause).split())[:200]}") from None


def _from_debian(source: str, sums: dict[str, str]) -> None:
    """Download a package and unpack it without root, with apt's lists in a folder of their own."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    try:
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (SCRATCH / folder).mkdir(parents=True)
        here = SCRATCH.resolve()
        options = (f"Dir::State={here}/state", f"Dir::Cache={here}/cache", "Dir::State::status=/var/lib/dpkg/status")
        apt = ["apt-get", "--quiet", *(f"--option={option}" for option in options)]
        _run(*apt, "update")
        _run(*apt, "download", source.removeprefix("apt:"))
        _run("dpkg-deb", "--extract", next(SCRATCH.glob("*.deb")).name, "content")
        folders = [path.parent for path in SCRATCH.glob("content/**/*") if _usual_name(path.name) in sums]
        _from_folder(str(min(folders, default=SCRATCH)), sums)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=SCRATCH, capture_output=True, timeout=600, check=False)
    if done.returncode:
        raise InputError(f"{command[0]}: {' '.join(done.stderr.decode(errors='replace').split())[-200:] or 'failed'}")


def _store(file: BufferedReader, name: str, expected: str, called: str) -> None:
    """Store what the IDX header announces, unzipped, as data/raw/NAME. Raises InputError if it is not as expected."""
    zipped = file.peek(2)[:2] == b"\x1f\x8b"
    stream = gzip.GzipFile(fileobj=file) if zipped else file
    digest, dimensions = hashlib.sha256(), dimensions_of(name)
    with whole_file(RAW / name) as partial, partial.open("wb") as stored:
        try:
            chunk = stream.read(header_bytes(dimensions))
            left = math.prod(read_header(chunk, dimensions, called))
            while chunk:
                stored.write(chunk)
                digest.update(chunk)
                chunk = stream.read(min(left, 1 << 20))
                left -= len(chunk)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{called}: damaged gzip file ({error})") from None
        if digest.hexdigest() != expected:
            raise InputError(f"{called}: expected SHA-256 {expected}, got {digest.hexdigest()}{HINT if zipped else ''}")


def _find(folder: Path, name: str) -> Path | None:
    """Return the folder's file of this usual name; exact names come first, then files that are not gzipped."""
    paths = folder.iterdir() if folder.is_dir() else ()
    found = [path for path in paths if _usual_name(path.name) == name and path.is_file()]
    return min(found, key=lambda path: (path.name != name, path.name.lower().endswith(".gz"), path.name), default=None)


def _usual_name(name: str) -> str:
    """Return what MNIST calls this file: in small letters, with `-` where others have `.` or `_`, without `.gz`."""
    return re.sub(r"\.gz$", "", name.lower()).replace(".", "-").replace("_", "-")


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file of UTF-8; PowerShell's `>` may have written it") from None


def _check_copied(folder: Path) -> None:
    """Raise InputError if an experiment's copy of the project, below .dvc/tmp/exps, lacks files of the data set."""
    project, copied, _ = str(Path.cwd()).partition("/.dvc/tmp/exps/")
    names = {path.name for path in Path(project, folder).glob("*") if copied and not (folder / path.name).exists()}
    if missing := [name for name in names if name in (SUMS, SOURCES, CLASS_NAMES) or _usual_name(name) in NAMES]:
        raise InputError(
            f"{folder}: this experiment's copy of the project, which has what Git or DVC tracks, lacks "
            f"{', '.join(sorted(missing))}. Run `git add {folder}`, or `dvc add {folder}` for large files"
        )
