import gzip
import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.common import InputError
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, read_idx

SAMPLE = Path(__file__).parents[1] / "sample"


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def refusal(path: Path, dimensions: int) -> str:
    """The one line that refuses the file."""
    with pytest.raises(InputError) as caught:
        read_idx(path, dimensions)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert len(line.splitlines()) == 1
    return line


def is_idx(content: bytes, dimensions: int) -> bool:
    """The format, said once more: header, then as many bytes as the dimensions ask for, at least one."""
    header = 4 + 4 * dimensions
    if content[:4] != bytes([0, 0, 8, dimensions]) or len(content) < header:
        return False
    sizes = [int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4)]
    return len(content) - header == math.prod(sizes) > 0


def test_the_sample_is_read_to_the_value() -> None:
    images, labels = read_idx(SAMPLE / TRAIN_IMAGES, 3), read_idx(SAMPLE / TRAIN_LABELS, 1)
    test_images, test_labels = read_idx(SAMPLE / TEST_IMAGES, 3), read_idx(SAMPLE / TEST_LABELS, 1)
    assert [part.shape for part in (images, labels, test_images, test_labels)] == [
        (1000, 28, 28),
        (1000,),
        (200, 28, 28),
        (200,),
    ]
    assert {part.dtype for part in (images, labels, test_images, test_labels)} == {np.dtype(np.uint8)}
    assert np.bincount(labels).tolist() == [100] * 10
    assert np.bincount(test_labels).tolist() == [20] * 10
    assert labels[:8].tolist() == [9, 0, 0, 3, 0, 2, 7, 2]
    assert test_labels[:8].tolist() == [9, 2, 1, 1, 6, 1, 4, 6]
    assert images[0, 14, 10:16].tolist() == [0, 0, 237, 226, 217, 223]
    assert (int(images.sum()), int(test_images.sum())) == (57_441_455, 11_507_138)


def test_rows_come_before_columns(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
    (tmp_path / "images").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "images", 3), array)


@pytest.mark.parametrize("dimensions", [1, 3])
@pytest.mark.parametrize("extra", [b"", b"\0", bytes(1000)])
def test_a_header_that_promises_the_most_costs_nothing(tmp_path: Path, dimensions: int, extra: bytes) -> None:
    path = tmp_path / "images"
    path.write_bytes(bytes([0, 0, 8, dimensions]) + b"\xff" * 4 * dimensions + extra)
    tracemalloc.start()
    line = refusal(path, dimensions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert str((2**32 - 1) ** dimensions + 4 + 4 * dimensions) in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "labels", 1).endswith("labels: missing")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "nothing"),
        (b"\0\0", "0000"),
        (b"\0\0\x08\x01", "less than an IDX header"),
        (b"\0\0\x08\x01\0\0\0", "less than an IDX header"),
        (b"\0\0\x08\x01\0\0\0\0", "no data"),
        (b"\0\0\x08\x01\0\0\0\x02a", "holds 9 bytes"),
        (b"\0\0\x08\x01\0\0\0\x02abc", "holds 11 bytes"),
        (b"\0\0\x0d\x01\0\0\0\x01abcd", "00000d01"),
        (b"\0\0\x08\x03\0\0\0\x01abcd", "00000803"),
        (b"\x01\0\x08\x01\0\0\0\x01a", "01000801"),
        (gzip.compress(idx(np.ones(9, np.uint8)), mtime=0), "1f8b"),
    ],
)
def test_the_reason_is_given(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    assert reason in refusal(path, 1)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """IDX files whole and damaged: each part of one drawn right or wrong, then perhaps cut, lengthened or zipped."""
    length = draw(st.sampled_from([1, 1, 3, 3, 2, 4]))
    sizes = draw(st.lists(st.integers(0, 6), min_size=length, max_size=length))
    magic = draw(st.sampled_from([b"\0\0"] * 6 + [b"\0\1", b"\x1f\x8b"]))
    kind = draw(st.sampled_from([8] * 6 + [0x09, 0x0B, 0x0D, 0]))
    count = draw(st.sampled_from([len(sizes)] * 6 + [0, 1, 3, 255]))
    claimed = draw(st.sampled_from([sizes] * 4 + [[2**32 - 1] * len(sizes), [2**16] * len(sizes), sizes[::-1]]))
    data = draw(st.binary(min_size=math.prod(sizes), max_size=math.prod(sizes)))
    content = magic + bytes([kind, count]) + struct.pack(f">{len(claimed)}I", *claimed) + data
    match draw(st.sampled_from(["whole"] * 4 + ["cut", "longer", "zipped", "any"])):
        case "cut":
            return content[: draw(st.integers(0, len(content)))]
        case "longer":
            return content + draw(st.binary(min_size=1, max_size=5))
        case "zipped":
            return gzip.compress(content)
        case "any":
            return draw(st.binary(max_size=40))
    return content


@settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=files(), dimensions=st.sampled_from([1, 3]))
def test_a_file_is_read_exactly_when_it_is_valid(tmp_path: Path, content: bytes, dimensions: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    if is_idx(content, dimensions):
        assert idx(read_idx(path, dimensions)) == content
    else:
        refusal(path, dimensions)
