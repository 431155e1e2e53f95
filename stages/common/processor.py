"""The kind of processor, as far as rounding follows from it."""

import platform
from pathlib import Path

VECTORS = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}  # by Linux's flag, the widest first


def processor_flags(cpuinfo: str) -> list[str]:
    """The flags of the first processor in Linux's /proc/cpuinfo; none on an architecture that has no such line."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.split() for key, _, value in lines if key.strip() in ("flags", "Features")), [])


def processor_kind(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The architecture, and the vectors by which oneDNN chooses its kernels there."""
    flags = processor_flags(cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else []
    widest = next((name for flag, name in VECTORS.items() if flag in flags), "")
    return f"{platform.machine()} {widest}".strip()
