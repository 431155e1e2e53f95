"""What a measurement belongs to: processor, system, versions, revision."""

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from stages.checkpoints import processor_flags
from stages.params import PARAMS_FILE
from tools.common.git import git

PACKAGES = ("tensorflow", "keras", "numpy", "torch")
RESULTS = ("dvc.lock", "metrics", "plots", "records", "search/dvc.lock")  # what Git holds and no measurement depends on
VECTORS = ("avx2", "avx512f", "amx_tile", "asimd", "sve")


def machine() -> dict[str, str]:
    """What there is to say, each by its name. Raises InputError where there is no commit."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, flags=re.MULTILINE)
    flags = processor_flags(cpuinfo)
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores",
        "vectors": ", ".join(flag for flag in VECTORS if flag in flags),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        **{package: _version(package) for package in PACKAGES},
        "revision": _revision(),
    }


def _revision() -> str:
    """The commit, and whether what decides a measurement differs from it: the parameters, or more than these."""
    commit = git("describe", "--always").strip()
    deciding = [".", *(f":!{path}" for path in RESULTS)]
    changed = git("diff", "--name-only", "--relative", "HEAD", "--", *deciding).splitlines()
    if changed == [str(PARAMS_FILE)]:
        return f"{commit}, with another {PARAMS_FILE}"
    return f"{commit}-dirty" if changed else commit


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
