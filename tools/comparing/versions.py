"""Versions of the project: the one that a dvc.lock names, out of Git, and the one that lies here."""

import hashlib
import io
import re
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from stages.checkpoints import cpu_kind as processor_kind
from stages.common import LIBRARIES, REPORT_LIBRARIES, InputError, read_libraries, read_yaml
from stages.params import PARAMS_FILE
from tools.common.git import file_at, git, git_bytes
from tools.comparing.lock import Lock, named_code, named_params, other_keys

SETTINGS = {  # of the repository that a version gets
    "user.name": "quick",
    "user.email": "quick@localhost",
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
}
NO_SAY = re.compile(r"^tools/|^docs/|^tests/.*\.py$|\.md$|^dvc\.lock$")  # files that no stage reads


@dataclass
class Version:
    """The project's files at one moment."""

    name: str  # for who reads what is done
    files: dict[str, bytes]  # by path from the project's folder

    @property
    def identity(self) -> str:
        """Tells what one version writes here from what another does, or this one on another machine.

        By its files, but for tests and pages, by the libraries of today, and by the kind of processor.
        """
        libraries = read_libraries(LIBRARIES) | read_libraries(REPORT_LIBRARIES)
        digest = hashlib.sha256(f"{processor_kind()} {libraries}".encode())
        for path, content in sorted(self.files.items()):
            if not NO_SAY.search(path):
                digest.update(f"\n{path} {hashlib.sha256(content).hexdigest()}".encode())
        return digest.hexdigest()[:16]

    def export(self, folder: Path) -> None:
        """Write the files below `folder`."""
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)


def committed(version: Version, folder: Path) -> Path:
    """The folder, with the version's files in a repository of its own."""
    version.export(folder)
    there = ("-C", str(folder))
    git(*there, "init", "--quiet", "--initial-branch=main")
    for key, value in SETTINGS.items():
        git(*there, "config", key, value)
    git(*there, "add", "--all", "--force")
    git(*there, "commit", "--quiet", "--no-verify", "--message", version.name)
    return folder


def working_tree() -> Version:
    """The files that lie here, but for what Git ignores."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    return Version("the code here", {name: Path(name).read_bytes() for name in listed if name and Path(name).is_file()})


def version_of(lock: Lock) -> Version:
    """The newest commit whose code and parameters are those that the lock names. Raises InputError where none is."""
    checksums, params = named_code(lock), named_params(lock)
    for commit in git("rev-list", "HEAD", "--", "dvc.lock", str(PARAMS_FILE), *checksums).split():
        held = file_at(commit, str(PARAMS_FILE))
        if held is None or _code_at(commit, checksums) != checksums:
            continue
        if not other_keys(params, _flat(read_yaml(held.decode(errors="replace"), str(PARAMS_FILE)), list(params))):
            return Version(commit[:7], files_at(commit))
    raise InputError("dvc.lock: no commit has the code and the parameters that it names; `make repro` makes it anew")


def _flat(content: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The values at dotted keys, as a lock has them."""
    flat: dict[str, Any] = {}
    for key in keys:
        value: Any = content
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        flat[key] = value
    return flat


def _code_at(commit: str, paths: dict[str, str]) -> dict[str, str]:
    entries = git("ls-tree", "-r", "-z", commit, "--", *paths).split("\0")
    blobs = {entry.partition("\t")[2]: entry.split()[2] for entry in entries if entry}
    return {path: _md5_of(blob) for path, blob in blobs.items()}


@cache
def _md5_of(blob: str) -> str:
    return hashlib.md5(git_bytes("cat-file", "blob", blob), usedforsecurity=False).hexdigest()


def files_at(commit: str) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(git_bytes("archive", commit))) as members:
        return {member.name: members.extractfile(member).read() for member in members if member.isfile()}  # type: ignore[union-attr]


@cache
def sha256_at(revision: str | None, path: str) -> str | None:
    """The SHA-256 of a file at a revision, or as it lies here; None where there is none."""
    content = file_at(revision, path) if revision else _file_here(path)
    return None if content is None else hashlib.sha256(content).hexdigest()


def _file_here(path: str) -> bytes | None:
    return Path(path).read_bytes() if Path(path).is_file() else None
