"""The kind of processor, from made-up flags."""

import pytest

from stages.processor import kind_of, processor_flags, processor_kind


@pytest.mark.parametrize(
    ("architecture", "flags", "kind"),
    [
        ("x86_64", "fpu sse4_1 avx", "x86_64 with none"),
        ("x86_64", "fpu avx avx2 fma", "x86_64 with AVX2"),
        ("x86_64", "fpu avx avx2 avx_vnni", "x86_64 with AVX2"),
        ("x86_64", "fpu avx avx2 avx512f avx512cd avx512er avx512pf", "x86_64 with AVX2"),  # Knights Landing
        ("x86_64", "fpu avx avx2 avx512f avx512bw avx512dq avx512vl", "x86_64 with AVX-512"),
        (
            "x86_64",
            "fpu avx avx2 avx512f avx512bw avx512dq avx512vl avx512_vnni avx512_bf16",  # Zen 4
            "x86_64 with AVX-512",
        ),
        (
            "x86_64",
            "fpu avx avx2 avx512f avx512bw avx512dq avx512vl avx_vnni avx512_vnni avx512_bf16 avx512_fp16 amx_tile "
            "amx_int8 amx_bf16",  # Sapphire Rapids
            "x86_64 with AMX",
        ),
        (
            "x86_64",
            "fpu avx avx2 avx512f avx512bw avx512dq avx512vl avx_vnni avx512_vnni avx512_bf16 avx512_fp16",
            "x86_64 with AVX-512",  # the same, where a hypervisor hides its AMX
        ),
        ("aarch64", "", "aarch64"),
    ],
)
def test_kind_of_processor_is_what_onednn_chooses_its_kernels_by(architecture: str, flags: str, kind: str) -> None:
    cpuinfo = f"processor\t: 0\nmodel name\t: Made Up avx512f amx_tile\nflags\t\t: {flags}\n\nprocessor\t: 1\n"
    assert kind_of(architecture, cpuinfo) == kind


def test_kind_of_processor_is_the_architecture_alone_where_nothing_tells_its_flags() -> None:
    assert kind_of("x86_64", "") == "x86_64"
    assert kind_of("arm64", "") == "arm64"


def test_flags_are_those_of_the_first_processor() -> None:
    cpuinfo = (
        "processor\t: 0\nmodel name\t: X: flags\nflags\t\t: fpu avx2\nbugs\t\t: a\n\nprocessor\t: 1\nflags\t\t: fpu\n"
    )
    assert processor_flags(cpuinfo) == ["fpu", "avx2"]
    assert processor_flags("Features\t: asimd sve\n") == ["asimd", "sve"]
    assert processor_flags("model name\t: X\n") == []


def test_this_machine_is_of_some_kind() -> None:
    assert processor_kind()
