"""Errors in one line, signals, and scratch folders."""

import os
import signal
import sys
from pathlib import Path

import pytest

from stages.common import reported_in_one_line
from tests.conftest import ROOT, start


@pytest.mark.parametrize("name", ["a%2Fb", "a#b", "a?b"])
def test_path_that_dvc_misreads_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(SystemExit, match=r"^x: .*DVC misreads '\S+' in a path"), reported_in_one_line("x"):
        pass


def test_link_as_data_folder_is_refused(folder: Path) -> None:
    (folder / "data").symlink_to(folder)
    with pytest.raises(SystemExit, match=r"^x: data: DVC needs a folder, not a link"), reported_in_one_line("x"):
        pass


WAIT = (
    "import time\nfrom stages.common import reported_in_one_line, scratch_folder\n"
    "with reported_in_one_line('x'), scratch_folder() as folder:\n    print(folder, flush=True)\n    time.sleep({})"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_stage_in_one_line_and_leaves_no_scratch_folder(number: signal.Signals) -> None:
    with start(sys.executable, "-c", WAIT.format(600), cwd=ROOT) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert folder.is_dir()
        process.send_signal(number)
        assert process.communicate(timeout=60)[0] == "\nx: interrupted. Run the same command again.\n"
    assert process.returncode == 128 + number
    assert not folder.exists()


def test_ignored_hang_up_ends_nothing() -> None:
    with start("nohup", sys.executable, "-c", WAIT.format(1), cwd=ROOT) as process:
        assert process.stdout
        process.stdout.readline()
        os.kill(process.pid, signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
