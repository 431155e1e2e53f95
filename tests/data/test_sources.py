import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from stages.common.errors import InputError
from stages.common.places import RAW
from stages.data.idx import FILES, TRAIN_IMAGES, TRAIN_LABELS
from stages.data.sources import BY_HAND, SUMS, Expected, Wanted, fetch, from_folder, missing, sums_of
from stages.params import PARAMS_FILE

REPOSITORY = Path(__file__).parents[2]
SAMPLE = Path(__file__).parents[1] / "sample"
WANTED = {
    name: Expected((SAMPLE / name).stat().st_size, hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest())
    for name in FILES
}
LABELS = (SAMPLE / TRAIN_LABELS).read_bytes()
WRONG = LABELS[:-1] + b"\xff"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the sample in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, "images")
    text = (REPOSITORY / PARAMS_FILE).read_text(encoding="utf-8")
    PARAMS_FILE.write_text(text.replace("source: fashion-mnist", "source: images"), encoding="utf-8")
    return Path("images")


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW.iterdir()} if RAW.exists() else {}


def refusal(folder: Path, wanted: Wanted = WANTED) -> str:
    """The one line with which the folder is refused, after which nothing unfinished is left."""
    with pytest.raises(InputError) as caught:
        from_folder(folder, wanted)
    assert not [name for name in stored() if name not in FILES]
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


def run() -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-m", "stages.fetch"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_folder_with_right_checksums_is_stored_whole(folder: Path) -> None:
    assert sums_of(folder) == WANTED
    assert run().returncode == 0
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}


def test_a_damaged_file_stops_the_command_in_one_line(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(WRONG)
    done = run()
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith(f"fetch: {TRAIN_LABELS}: SHA-256 is ")
    assert TRAIN_LABELS not in stored()


@pytest.mark.parametrize("content", [WRONG, LABELS[:-1], b"", gzip.compress(WRONG, mtime=0)])
def test_wrong_bytes_are_refused_with_both_checksums(folder: Path, content: bytes) -> None:
    (folder / TRAIN_LABELS).write_bytes(content)
    line = refusal(folder)
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert line.startswith(f"{TRAIN_LABELS}: SHA-256 is {hashlib.sha256(plain).hexdigest()}, ")
    assert line.endswith(f"expected {WANTED[TRAIN_LABELS].sha256}")
    assert TRAIN_LABELS not in stored()


def test_a_longer_file_is_refused_by_its_size(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(LABELS + b"\0")
    assert refusal(folder) == f"{TRAIN_LABELS}: holds more than its {len(LABELS)} bytes"
    assert TRAIN_LABELS not in stored()


@pytest.mark.parametrize("name", FILES)
def test_checksums_and_files_must_be_complete(folder: Path, name: str) -> None:
    sums = (folder / SUMS).read_text(encoding="utf-8")
    (folder / SUMS).write_text("".join(line for line in sums.splitlines(True) if name not in line), encoding="utf-8")
    with pytest.raises(InputError, match=f"{SUMS}: names no {name}"):
        sums_of(folder)
    (folder / SUMS).write_text(sums, encoding="utf-8")
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: missing"):
        sums_of(folder)
    (folder / SUMS).unlink()
    with pytest.raises(InputError, match=f"{SUMS}: missing"):
        sums_of(folder)


def test_checksums_in_capitals_or_of_binary_mode_are_read(folder: Path) -> None:
    lines = [f"{expected.sha256.upper()} *{name}\n" for name, expected in WANTED.items()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    assert sums_of(folder) == WANTED


def test_checksums_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / SUMS).write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=f"{SUMS}: not a text file"):
        sums_of(folder)


def test_gzipped_files_are_unzipped_whatever_they_are_called(folder: Path) -> None:
    for name in FILES[:3]:
        zipped = gzip.compress((folder / name).read_bytes())
        (folder / name).unlink()
        (folder / (name if name == FILES[0] else f"{name}.gz")).write_bytes(zipped)
    from_folder(folder, WANTED)
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("damage", ["cut", "checksum", "stream", "header"])
def test_a_damaged_gzip_file_is_refused_by_its_name(folder: Path, damage: str) -> None:
    zipped = bytearray(gzip.compress(LABELS))
    match damage:
        case "cut":
            del zipped[-20:]
        case "checksum":
            zipped[-8] ^= 1
        case "stream":
            zipped[10:40] = b"\xff" * 30
        case "header":
            zipped[2] = 99
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(zipped)
    assert refusal(folder).startswith(f"images/{TRAIN_LABELS}.gz: damaged, not a whole gzip file (")
    done = run()
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"images/{TRAIN_LABELS}.gz: damaged" in done.stderr


def test_a_gzip_bomb_is_stopped_at_the_expected_size(folder: Path) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    assert len(bomb) < 1_000_000
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(bomb)
    assert refusal(folder) == f"{TRAIN_IMAGES}: holds more than its {WANTED[TRAIN_IMAGES].size} bytes"
    assert stored() == {}


def test_every_source_that_fails_is_named_with_its_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folder, "damaged")
    Path("damaged", TRAIN_LABELS).write_bytes(WRONG)
    with pytest.raises(InputError) as caught:
        fetch(WANTED, {"an empty one": partial(from_folder, Path("none")), "b": partial(from_folder, Path("damaged"))})
    assert all(name in str(caught.value) for name in (*FILES, str(BY_HAND)))
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("fetch: not from an empty one: ")
    assert f"none/{TRAIN_IMAGES}" in first
    assert second.startswith(f"fetch: not from b: {TRAIN_LABELS}: SHA-256 is ")


def test_the_first_source_that_works_ends_the_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Wanted] = []
    fetch(WANTED, {"none": partial(from_folder, Path("none")), "a": partial(from_folder, folder), "b": asked.append})
    assert asked == []
    assert "fetch: from a\n" in capsys.readouterr().out
    assert missing(WANTED) == {}


def test_only_what_is_not_there_and_right_is_asked_for(folder: Path) -> None:
    from_folder(folder, WANTED)
    asked: list[Wanted] = []
    fetch(WANTED, {"a": asked.append})
    (RAW / TRAIN_LABELS).write_bytes(WRONG)
    (RAW / TRAIN_IMAGES).unlink()
    with pytest.raises(InputError, match="no source gave all files"):
        fetch(WANTED, {"a": asked.append})
    assert [list(wanted) for wanted in asked] == [[TRAIN_IMAGES, TRAIN_LABELS]]
