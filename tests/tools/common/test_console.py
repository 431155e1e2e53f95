"""What commands say while they run."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.common.console import tell


def test_lines_of_many_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: tell(f"stage {number}"), range(20_000)))
    finally:
        sys.setswitchinterval(interval)
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"stage {number}" for number in range(20_000))
