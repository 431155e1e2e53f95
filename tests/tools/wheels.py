"""Packages so small that an environment of them is made in seconds, and a project that asks for them."""

import base64
import hashlib
import shlex
import shutil
import zipfile
from pathlib import Path

from tests.conftest import ENVIRONMENT, ROOT

SETUP = ("Makefile", "tools/environment.sh", "tools/python.sh", "tools/uv.py")
TINY = "import sys\ndef say():\n    print(sys.prefix)\n"


def wheels(folder: Path) -> Path:
    """`uv`, which is the one of the environment that the tests run in, and `tiny`, a command that says where it is."""
    folder.mkdir()
    uv = shutil.which("uv", path=ENVIRONMENT["PATH"])
    assert uv
    _wheel(folder, "uv", "9.9", {"uv-9.9.data/scripts/uv": f'#!/bin/sh\nexec {shlex.quote(uv)} "$@"\n'})
    entry = {"tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\ntiny = tiny:say\n"}
    _wheel(folder, "tiny", "1.0", {"tiny.py": TINY} | entry)
    return folder


def _wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    about = f"{name}-{version}.dist-info"
    files = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},sha256={_digest(text)},{len(text)}\n" for path, text in files.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in (files | {f"{about}/RECORD": f"{record}{about}/RECORD,,\n"}).items():
            about_file = zipfile.ZipInfo(path)
            about_file.external_attr = 0o100755 << 16
            archive.writestr(about_file, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def give_project(folder: Path, packages: Path) -> Path:
    """What `make setup` needs, and a lock file of these packages."""
    for name in SETUP:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    lock = ""
    for wheel in sorted(packages.iterdir()):
        name, version, *_ = wheel.name.split("-")
        lock += f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    (folder / "requirements.lock").write_text(lock)
    return folder
