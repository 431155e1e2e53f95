"""Files that come into data/raw, or are refused; the download has a file of its own."""

import gzip
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.common import RAW, InputError
from stages.data.idx import FILES, TRAIN_IMAGES, TRAIN_LABELS
from stages.data.transfer import from_debian, from_folder
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
WANTED = {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() for name in FILES}
LABELS = (SAMPLE / TRAIN_LABELS).read_bytes()
WRONG = LABELS[:-1] + b"\xff"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, "images")
    return Path("images")


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW.iterdir()} if RAW.exists() else {}


def refusal(folder: Path) -> str:
    """The one line with which the folder is refused, after which nothing unfinished is left."""
    with pytest.raises(InputError) as caught:
        from_folder(folder, WANTED)
    assert not [name for name in stored() if name not in FILES]
    line = str(caught.value)
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize("content", [WRONG, LABELS[:-1], b"", gzip.compress(WRONG, mtime=0)])
def test_wrong_bytes_are_refused_with_both_checksums(folder: Path, content: bytes) -> None:
    (folder / TRAIN_LABELS).write_bytes(content)
    line = refusal(folder)
    plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert line.startswith(f"images/{TRAIN_LABELS}: SHA-256 is {hashlib.sha256(plain).hexdigest()}, ")
    assert line.endswith(f"expected {WANTED[TRAIN_LABELS]}")
    assert TRAIN_LABELS not in stored()


def test_a_longer_file_is_refused_by_what_its_header_promises(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(LABELS + b"\0")
    assert refusal(folder) == f"images/{TRAIN_LABELS}: holds more than the {len(LABELS)} bytes that its header promises"
    assert TRAIN_LABELS not in stored()


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", gzip.compress(b"<!DOCTYPE html>", mtime=0)])
def test_what_is_no_idx_file_is_refused_by_its_first_bytes(folder: Path, content: bytes) -> None:
    (folder / TRAIN_LABELS).write_bytes(content)
    assert refusal(folder) == f"images/{TRAIN_LABELS}: starts with 3c21444f, an IDX file of it with 00000801"


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / TRAIN_LABELS).unlink()
    assert refusal(folder) == f"images/{TRAIN_LABELS}: missing, or not a file"
    (folder / TRAIN_LABELS).mkdir()
    assert refusal(folder) == f"images/{TRAIN_LABELS}: missing, or not a file"


def test_a_gzipped_file_that_is_not_as_expected_is_told_from_one_whose_own_checksum_was_taken(folder: Path) -> None:
    zipped = gzip.compress(LABELS)
    (folder / TRAIN_LABELS).write_bytes(zipped)
    with pytest.raises(InputError, match=r"; that is of the gzipped file, may be of what is in it$"):
        from_folder(folder, WANTED | {TRAIN_LABELS: hashlib.sha256(zipped).hexdigest()})
    assert TRAIN_LABELS not in stored()


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("-idx", ".idx"),  # as unpackers, and MNIST on Kaggle, call them
        str.upper,
        lambda name: name.replace("-", "_") + ".GZ",
    ],
)
def test_files_are_found_by_the_names_that_people_have(folder: Path, rename: Callable[[str], str]) -> None:
    for name in FILES:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        other = rename(name)
        (folder / other).write_bytes(gzip.compress(content) if other.endswith(".GZ") else content)
    from_folder(folder, WANTED)
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}


def test_file_that_is_called_just_so_is_read_whatever_lies_beside_it(folder: Path) -> None:
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(gzip.compress(WRONG))
    for other in (TRAIN_LABELS.replace("-idx", ".idx"), TRAIN_LABELS.upper()):
        (folder / other).write_bytes(WRONG)
    from_folder(folder, WANTED)
    assert stored()[TRAIN_LABELS] == LABELS


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
    (folder / TRAIN_LABELS).unlink()
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(zipped)
    assert refusal(folder).startswith(f"images/{TRAIN_LABELS}.gz: damaged, not a whole gzip file (")


def test_a_gzip_bomb_is_stopped_at_what_its_header_promises(folder: Path) -> None:
    start = (SAMPLE / TRAIN_IMAGES).read_bytes()
    bomb = gzip.compress(start + bytes(200_000_000), compresslevel=1)
    assert len(bomb) < 2_000_000
    (folder / TRAIN_IMAGES).unlink()
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(bomb)
    assert (
        refusal(folder) == f"images/{TRAIN_IMAGES}.gz: holds more than the {len(start)} bytes that its header promises"
    )
    assert stored() == {}


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs Debian's dpkg-deb")
def test_a_package_of_debian_s_is_unpacked_wherever_it_has_the_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a package made here, and in the place of apt-get, which would need the network, a copy of it."""
    content = tmp_path / "package"
    data = content / "usr/share/datasets/some"
    data.mkdir(parents=True)
    for name in FILES:
        (data / f"{name}.gz").write_bytes(gzip.compress((SAMPLE / name).read_bytes()))
    (content / "DEBIAN").mkdir()
    control = (
        "Package: dataset-some\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@example.org>\nDescription: x\n"
    )
    (content / "DEBIAN/control").write_text(control)
    subprocess.run(["dpkg-deb", "--build", str(content), str(tmp_path / "some.deb")], check=True, capture_output=True)
    (tmp_path / "bin").mkdir()
    apt = tmp_path / "bin/apt-get"
    apt.write_text(
        f'#!/bin/sh\nfor last; do :; done\n[ "$last" = update ] && exit\n[ "$last" = dataset-some ] || exit 100\n'
        f"cp {tmp_path}/some.deb dataset-some_1_all.deb\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin", prepend=":")
    from_debian("dataset-some", WANTED)
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}
    with pytest.raises(InputError, match="apt-get: no reason given"):
        from_debian("dataset-other", WANTED)
