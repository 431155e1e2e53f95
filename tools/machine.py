"""What a measurement belongs to: processor, system, versions, revision."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "numpy", "torch")
VECTORS = ("avx2", "avx512f", "amx_tile", "asimd", "sve")


def machine() -> dict[str, str]:
    cpu = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().replace("\t", "").splitlines() if ":" in line
    )
    flags = cpu.get("flags", cpu.get("Features", "")).split()
    revision = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True)
    return {
        "processor": f"{cpu.get('model name', platform.machine()).strip()}, {os.cpu_count()} cores",
        "vectors": ", ".join(flag for flag in VECTORS if flag in flags),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        **{package: _version(package) for package in PACKAGES},
        "revision": revision.stdout.strip(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
