import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.common import InputError
from stages.data.idx import TRAIN_IMAGES, TRAIN_LABELS, as_idx, read_idx, write_idx
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"


def refusal(path: Path, dimensions: int) -> str:
    """Return the one line that refuses the file."""
    with pytest.raises(InputError) as caught:
        read_idx(path, dimensions)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_the_sample_is_read() -> None:
    images, labels = read_idx(SAMPLE / TRAIN_IMAGES, 3), read_idx(SAMPLE / TRAIN_LABELS, 1)
    assert (images.shape, str(images.dtype)) == ((1000, 28, 28), "uint8")
    assert np.bincount(labels).tolist() == [100] * 10
    assert images[0, 14, 10:16].tolist() == [0, 0, 237, 226, 217, 223]
    assert int(images.sum()) == 57_441_455


@pytest.mark.parametrize("shape", [(6,), (2, 3, 5), (2, 3, 5, 3)])
def test_a_written_file_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape), dtype=np.uint8).reshape(shape)
    write_idx(tmp_path / "file", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "file", len(shape)), array)
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    assert (tmp_path / "file").read_bytes() == header + array.tobytes()


def test_a_header_that_announces_the_most_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(b"\0\0\x08\x03" + b"\xff" * 12 + bytes(1000))
    tracemalloc.start()
    assert f"need {(2**32 - 1) ** 3 + 16} bytes, got 1016" in refusal(path, 3)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "dimensions", "reason"),
    [
        (b"", 1, "expected header 00000801, got an empty file"),
        (b"\0\0\x08\x01\0\0\0", 1, "expected a header of 8 bytes, got 7"),
        (b"\0\0\x08\x01\0\0\0\0", 1, "expected dimensions above 0, got [0]"),
        (b"\0\0\x08\x01\0\0\0\x02abc", 1, "dimensions [2] need 10 bytes, got 11"),
        (b"\0\0\x0c\x01\0\0\0\x01abcd", 1, "got 00000c01. It has 32-bit integers: write them as unsigned bytes"),
        (b"\0\0\x08\x03\0\0\0\x01abcd", 1, "expected header 00000801, got 00000803"),
        (as_idx(np.ones((1, 2, 3, 4), np.uint8)), 4, "expected images [N, H, W, 3], got [1, 2, 3, 4]"),
    ],
)
def test_a_refusal_has_its_reason(tmp_path: Path, content: bytes, dimensions: int, reason: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert reason in refusal(tmp_path / "file", dimensions)


@given(data=st.data(), dimensions=st.sampled_from([1, 3, 4]))
def test_a_file_is_read_exactly_if_it_is_valid(tmp_path: Path, data: st.DataObject, dimensions: int) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=dimensions, max_size=dimensions))[:3] + [3] * (
        dimensions - 3
    )
    valid = as_idx(np.zeros(sizes, np.uint8))
    start, end = sorted(data.draw(st.lists(st.integers(0, len(valid)), min_size=2, max_size=2)))
    content = valid[:start] + data.draw(st.binary(max_size=4)) + valid[end:]
    (tmp_path / "file").write_bytes(content)
    header = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", content[4:header]) if len(content) >= header else (0,)
    whole = content[:4] == valid[:4] and len(content) - header == math.prod(shape) > 0
    if whole and shape[3:] in ((), (3,)):
        assert as_idx(read_idx(tmp_path / "file", dimensions)) == content
    else:
        refusal(tmp_path / "file", dimensions)
