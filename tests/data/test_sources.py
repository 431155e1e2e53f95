import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from stages.common import RAW, InputError
from stages.data.class_names import CLASS_NAMES
from stages.data.idx import FILES, TRAIN_IMAGES, TRAIN_LABELS
from stages.data.sources import BY_HAND, SOURCES, SUMS, check_copied, fetch, missing, sources_of, sums_of
from stages.data.transfer import Wanted, from_folder
from stages.params import PARAMS_FILE
from tests.conftest import ROOT

SAMPLE = ROOT / "tests/sample"
WANTED = {name: hashlib.sha256((SAMPLE / name).read_bytes()).hexdigest() for name in FILES}
LABELS = (SAMPLE / TRAIN_LABELS).read_bytes()
WRONG = LABELS[:-1] + b"\xff"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the sample in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, "images")
    text = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
    PARAMS_FILE.write_text(text.replace("source: fashion-mnist", "source: images"), encoding="utf-8")
    return Path("images")


def stored() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in RAW.iterdir()} if RAW.exists() else {}


def run() -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "stages.fetch"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused() -> str:
    """The one line with which `fetch` ends."""
    done = run()
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    return done.stderr


def move_files(folder: Path, place: Path) -> None:
    """Take the four files, some of them gzipped, out of the data set's folder."""
    place.mkdir(parents=True)
    for name in FILES[:2]:
        (folder / name).rename(place / name)
    for name in FILES[2:]:
        (place / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()


def test_a_folder_with_right_checksums_is_stored_whole(folder: Path) -> None:
    assert sums_of(folder) == WANTED
    assert run().returncode == 0
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}


def test_a_damaged_file_stops_the_command_in_one_line(folder: Path) -> None:
    (folder / TRAIN_LABELS).write_bytes(WRONG)
    assert refused().startswith(f"fetch: images/{TRAIN_LABELS}: SHA-256 is ")
    assert TRAIN_LABELS not in stored()


def test_a_folder_that_is_not_there_is_named_with_its_parameter(folder: Path) -> None:
    folder.rename("elsewhere")
    assert refused().startswith("fetch: params.yaml: data.source holds 'images', which is no folder here")


def test_files_put_in_by_hand_are_taken_for_a_folder_that_has_none(folder: Path) -> None:
    (folder / SOURCES).write_text("https://127.0.0.1:1/\n", encoding="utf-8")  # where nobody listens
    move_files(folder, BY_HAND)
    done = run()
    assert (done.returncode, done.stdout) == (0, f"fetch: from {BY_HAND}\n")
    assert stored() == {name: (SAMPLE / name).read_bytes() for name in FILES}


def test_without_sources_the_files_must_lie_in_the_folder(folder: Path) -> None:
    move_files(folder, BY_HAND)
    assert refused().startswith(f"fetch: images/{TRAIN_IMAGES}: missing, or not a file")


def test_sources_are_tried_as_the_folder_lists_them(folder: Path) -> None:
    text = "# words\n\nhttps://example.org/a\n  https://example.org/b/ \napt:dataset-fashion-mnist\n"
    (folder / SOURCES).write_text(text, encoding="utf-8")
    addresses = ["https://example.org/a", "https://example.org/b/", "Debian's package dataset-fashion-mnist"]
    assert list(sources_of(folder)) == ["images", *addresses]
    move_files(folder, BY_HAND)
    assert list(sources_of(folder)) == [str(BY_HAND), *addresses]


@pytest.mark.parametrize(
    "line", ["http://example.org/", "file:///etc/", "apt:", "apt:-o=x", "apt:a b", "ftp://x", "a\tb", "https://a b"]
)
def test_a_line_that_is_no_source_is_refused(folder: Path, line: str) -> None:
    (folder / SOURCES).write_text(f"{line}\n", encoding="utf-8")
    assert refused().startswith(f"fetch: images/{SOURCES}: holds {line!r}, a line may hold https://ADDRESS/ or apt:")


def test_sources_that_are_no_text_are_refused(folder: Path) -> None:
    (folder / SOURCES).write_bytes(b"\xff\xfe")
    assert refused().startswith(f"fetch: images/{SOURCES}: not a text file")


def test_fashion_mnist_is_such_a_folder_and_holds_no_data() -> None:
    place = ROOT / "fashion-mnist"
    assert {path.name for path in place.iterdir()} == {SUMS, SOURCES}
    assert sums_of(place) == {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    }
    assert list(sources_of(place)) == [
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        "Debian's package dataset-fashion-mnist",
    ]


@pytest.mark.parametrize("start", ["\ufeff", ""])
def test_sources_may_begin_with_a_mark_of_their_order_of_bytes(folder: Path, start: str) -> None:
    (folder / SOURCES).write_text(f"{start}https://example.org/a\r\n", encoding="utf-8")
    assert list(sources_of(folder)) == ["images", "https://example.org/a"]


@pytest.mark.parametrize("lacking", [SUMS, TRAIN_LABELS, CLASS_NAMES])
def test_copy_of_an_experiment_that_lacks_what_the_working_tree_has_says_that_nobody_tracks_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    (folder / CLASS_NAMES).write_text("a\nb\n")
    copy = tmp_path / ".dvc/tmp/exps/tmpabc"
    shutil.copytree(folder, copy / folder)
    shutil.copyfile(PARAMS_FILE, copy / PARAMS_FILE)
    check_copied(folder)
    monkeypatch.chdir(copy)
    check_copied(folder)
    (folder / lacking).unlink()
    assert refused().startswith(
        f"fetch: images: lacks {lacking} in this experiment's copy of the project, which has what Git or DVC tracks: "
        "`git add images`, or `dvc add images` where it is large"
    )


def test_every_source_that_fails_is_named_with_its_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folder, "damaged")
    Path("damaged", TRAIN_LABELS).write_bytes(WRONG)
    with pytest.raises(InputError) as caught:
        fetch(WANTED, {"an empty one": partial(from_folder, Path("none")), "b": partial(from_folder, Path("damaged"))})
    assert all(name in str(caught.value) for name in (*FILES, str(BY_HAND)))
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"fetch: not from an empty one: none/{TRAIN_IMAGES}: missing, or not a file"
    assert second.startswith(f"fetch: not from b: damaged/{TRAIN_LABELS}: SHA-256 is ")


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
