"""The kind of processor, as far as rounding follows from it."""

import platform
from pathlib import Path

KINDS = (  # the flags of /proc/cpuinfo that oneDNN (cpu_isa_traits.hpp) asks for, the kind that it prefers first
    ("AMX", "amx_bf16 amx_int8 amx_tile avx512_bf16 avx512_fp16 avx512_vnni avx_vnni"),
    ("AVX-512", "avx512bw avx512dq avx512f avx512vl"),
    ("AVX2", "avx2"),
)


def processor_flags(cpuinfo: str) -> list[str]:
    """The flags of the first processor in Linux's /proc/cpuinfo; none on an architecture that has no such line."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.split() for key, _, value in lines if key.strip() in ("flags", "Features")), [])


def processor_kind() -> str:
    """What oneDNN chooses its float32 kernels by on this machine, such as "x86_64 with AVX-512".

    `with none` is an x86 processor with neither AVX2, AVX-512 nor AMX; another architecture is told by its name alone.
    """
    cpuinfo = Path("/proc/cpuinfo")  # Linux's: elsewhere the architecture's name is all that is told
    return kind_of(platform.machine(), cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else "")


def kind_of(architecture: str, cpuinfo: str) -> str:
    """As `processor_kind`, from the name of the architecture and what /proc/cpuinfo says of its first processor."""
    flags = set(processor_flags(cpuinfo))
    if architecture != "x86_64" or not flags:
        return architecture
    return f"{architecture} with {next((name for name, needed in KINDS if set(needed.split()) <= flags), 'none')}"
