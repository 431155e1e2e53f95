"""SHA256SUMS, as people have it."""

import hashlib
import shutil
from pathlib import Path

import pytest

from stages.common import InputError
from stages.data.idx import FILES
from stages.data.sources import SUMS, sums_of
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
WANTED = {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() for name in FILES}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, "images")
    return Path("images")


@pytest.mark.parametrize("name", FILES)
def test_checksums_must_be_complete(folder: Path, name: str) -> None:
    sums = (folder / SUMS).read_text(encoding="utf-8")
    (folder / SUMS).write_text("".join(line for line in sums.splitlines(True) if name not in line), encoding="utf-8")
    with pytest.raises(InputError, match=f"{SUMS}: names no {name}"):
        sums_of(folder)
    (folder / SUMS).unlink()
    with pytest.raises(InputError, match=f"{SUMS}: missing"):
        sums_of(folder)


def test_checksums_in_capitals_or_of_binary_mode_are_read(folder: Path) -> None:
    lines = [f"{expected.upper()} *{name}\n" for name, expected in WANTED.items()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    assert sums_of(folder) == WANTED


@pytest.mark.parametrize(
    "line",
    [
        "{sum}  ./{name}\n",
        "{sum}\t{name}\n",
        "{sum}  {name}\r\n",
        "\\{sum} *.\\{name}\r\n",
        "{sum}  images/{name}\n",
        "SHA256 ({name}) = {sum}\n",
        "SHA256({name})= {sum}\n",
        "SHA2-256(./{name})= {sum}\n",
        "{sum}  {upper}\n",
        "{sum}  {dotted}\n",
        "{sum}  {name}\n0123  {name}.gz\nfour files:\n",
    ],
)
def test_checksums_are_read_as_people_have_them(folder: Path, line: str) -> None:
    for start in ("", "\ufeff", "# made by hand\n\n"):
        text = start + "".join(
            line.format(sum=known, name=name, upper=name.upper(), dotted=name.replace("-idx", ".idx"))
            for name, known in WANTED.items()
        )
        (folder / SUMS).write_text(text, encoding="utf-8", newline="")
        assert sums_of(folder) == WANTED


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "{sum}  {name}.gz",
            f"names no {FILES[0]}; the four files are .*; of a gzipped file, the checksum of what",
        ),
        ("MD5 ({name}) = {sum}", f"names no {FILES[0]}; the four files are [^;]*$"),
        ("0123  {name}", f"holds '0123' for {FILES[0]}, may hold the 64 hexadecimal digits of SHA-256"),
        ("SHA256 ({name}) = x", f"holds 'x' for {FILES[0]}, may hold the 64 hexadecimal digits of SHA-256"),
        ("{sum}  {name}\n{other}  ./{name}", f"holds two checksums for {FILES[0]}, may hold one"),
    ],
)
def test_checksums_of_something_else_are_refused_in_words_that_name_it(folder: Path, line: str, said: str) -> None:
    lines = [line.format(sum=known, name=name, other="0" * 64) for name, known in WANTED.items()]
    (folder / SUMS).write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=f"^images/{SUMS}: {said}"):
        sums_of(folder)


def test_checksums_that_are_no_text_are_refused(folder: Path) -> None:
    for content in (b"\xff\xfe", "0123  a".encode("utf-16")):
        (folder / SUMS).write_bytes(content)
        with pytest.raises(InputError, match=f"{SUMS}: not a text file of UTF-8; PowerShell's `>` may have written it"):
            sums_of(folder)
