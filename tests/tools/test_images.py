"""`make images`: images as people have them become a folder that the pipeline reads."""

import os
import pty
import resource
import shutil
import signal
import struct
import subprocess
import sys
import termios
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, class_names
from stages.data.holdout import read_split
from stages.data.idx import COLOUR_FILES, FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.training.dataset import Split
from tests.conftest import ROOT, run
from tools import images
from tools.image_sources import Options, read_pictures

EMOJI = ROOT / "tests/emoji"
RED, BLUE, WHITE, BLACK = (250, 10, 20), (10, 30, 240), (255, 255, 255), (0, 0, 0)
Colour = tuple[int, ...]
RANDOM = np.random.default_rng(0)


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for images, outside the empty one that stands for the project and is the current one."""
    (tmp_path / "project").mkdir()
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "mine"


def make(source: Path, to: str = "own", **options: Any) -> tuple[Split, Split]:
    """Make the folder and read both parts of it, as the pipeline does."""
    options = {"FROM": source, "TO": to} | options
    images.make_folder(images.read_options([f"{name}={value}" for name, value in options.items()]))
    return read_split(Path(to), TRAIN_IMAGES, TRAIN_LABELS), read_split(Path(to), TEST_IMAGES, TEST_LABELS)


def refusal(source: Path, **options: Any) -> str:
    """Return the error of input that must be refused, without leaving anything."""
    with pytest.raises(InputError) as refused:
        make(source, **options)
    assert list(Path.cwd().iterdir()) == []
    return str(refused.value).replace(f"{source}/", "")


def content(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def halves(left: Colour = RED, right: Colour = BLUE) -> Image.Image:
    """Return a picture of 32 x 16 pixels in two colours, with an opacity if they have four values."""
    pixels = np.zeros((16, 32, len(left)), dtype=np.uint8)
    pixels[:, :16], pixels[:, 16:] = left, right
    return Image.fromarray(pixels)


def pixels_of(path: Path, **look: Any) -> np.ndarray:
    """Return the pixels of a picture, uint8 `[H, W, C]`."""
    (pixels,) = read_pictures([path], Options(FROM="x", TO="y", **look))
    return np.asarray(pixels)


def noise(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def fill(folder: Path, *classes: str, each: int = 4) -> Path:
    """Give the folder different pictures of 8 x 6 pixels."""
    for name in classes:
        for number in range(each):
            save(noise(6, 8, 3), folder / name / f"{number}.png")
    return folder


def test_emoji_become_a_folder_in_colour(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train, test = make(EMOJI, TEST=0.25)
    assert train.images.shape == (270, 28, 28, 3)
    assert Counter(test.labels.tolist()) == dict.fromkeys(range(9), 10)
    assert class_names(Path("own"), range(9)) == sorted(path.name for path in EMOJI.iterdir() if path.is_dir())
    assert set(content("own")) == {*COLOUR_FILES, CLASS_NAMES, "SHA256SUMS"}
    output, notes = capfd.readouterr()
    assert output.splitlines() == [
        "images: 270 training and 90 test images of 28 x 28 pixels, in colour",
        "images: 9 classes: Activities, Animals & Nature, Flags, Food & Drink, Objects and 4 more",
        "images: dvc exp run -S data.source=own -S data.validation=27 -S train.batch_size=16",
    ]
    assert notes == f"images: files outside class folders, left out: 1 ({EMOJI}/SOURCE.md)\n"
    make(EMOJI, "again", TEST=0.25, SEED=0)
    make(EMOJI, "other", TEST=0.25, SEED=1)
    assert content("own") == content("again")
    assert content("own") != content("other")


SECOND = {"save_all": True, "append_images": [halves(BLUE, RED)]}
ROTATED = Image.Exif()
ROTATED[0x0112] = 8


@pytest.mark.parametrize(
    ("name", "picture", "options"),
    [
        ("x.PNG", halves(), {}),
        ("x.jpeg", halves(), {}),
        ("x.webp", halves(), SECOND),
        ("x.bmp", halves(), {}),
        ("x.Tif", halves(), SECOND),
        ("x.gif", halves(), SECOND),
        ("x.mpo", halves(), SECOND),
        ("no-extension", halves(), {"format": "PNG"}),
        ("cmyk.jpg", halves().convert("CMYK"), {}),
        ("palette.png", halves().convert("P", palette=Image.Palette.ADAPTIVE), {}),
        ("rotated.jpg", halves().rotate(-90, expand=True), {"exif": ROTATED}),
    ],
)
def test_first_picture_of_every_format_is_read(
    mine: Path, name: str, picture: Image.Image, options: dict[str, Any]
) -> None:
    picture.save(mine / name, quality=95, **options)
    pixels = pixels_of(mine / name).astype(int)
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels[8, [4, 28]] - [RED, BLUE]).max() < 20


def test_transparent_pixels_get_the_background(mine: Path) -> None:
    halves((*RED, 0), (*BLUE, 128)).save(mine / "clear.png")
    palette = halves().convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(mine / "clear.gif", transparency=palette.getpixel((0, 0)))
    assert pixels_of(mine / "clear.gif")[8, [4, 28]].tolist() == [list(WHITE), list(BLUE)]
    assert pixels_of(mine / "clear.png", BACKGROUND="black")[8, [4, 28]].tolist() == [list(BLACK), [5, 15, 120]]


def test_colour_is_kept_if_one_pixel_has_it_and_grey_keeps_its_values(mine: Path) -> None:
    grey = noise(8, 6, 8)
    for number, pixels in enumerate(grey):
        save(np.stack([pixels] * 3, axis=-1), mine / f"train/{number // 4}/{number}.png")
    shutil.copytree(mine / "train", mine / "test")
    assert np.array_equal(make(mine)[0].images, grey)
    assert set(content("own")) == {*FILES, CLASS_NAMES, "SHA256SUMS"}
    coloured = np.stack([grey[7]] * 3, axis=-1)
    coloured[2, 3] = (90, 90, 91)
    save(coloured, mine / "test/1/7.png")
    train, test = make(mine)
    assert np.array_equal(train.images[..., 2], grey)
    assert np.array_equal(test.images[7], coloured)
    assert make(mine, GREY=1)[1].images.shape == (8, 6, 8)


def save_16_bits(values: np.ndarray, path: Path) -> None:
    """Write uint16 `[6, 8, 3]`, as Pillow does not: a TIFF file of bytes with another header, or a PNG file."""
    if path.suffix == ".tif":
        save(values.view(np.uint8).reshape(6, 16, 3), path)
        written = path.read_bytes().replace(struct.pack("<HHII", 256, 4, 1, 16), struct.pack("<HHII", 256, 4, 1, 8))
        path.write_bytes(written.replace(struct.pack("<3H", 8, 8, 8), struct.pack("<3H", 16, 16, 16)))
        return
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = (b"IHDR" + struct.pack(">II5B", 8, 6, 16, 2, 0, 0, 0), b"IDAT" + zlib.compress(lines), b"IEND")
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(framed))


@pytest.mark.parametrize(("channels", "write"), [((), save), ((3,), save_16_bits)])
def test_sixteen_bits_become_eight_by_the_range_that_all_use(
    mine: Path, channels: Colour, write: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    values = RANDOM.integers(300, 4096, (8, 6, 8, *channels), dtype=np.uint16)
    values[0, 0, 0], values[7, 1, 1] = 300, 4095
    fill(mine / "test", "0", "1")
    save(np.full((6, 8), 65535, np.uint16), mine / "loose.png")
    for number, pixels in enumerate(values):
        (mine / f"train/{number // 4}").mkdir(parents=True, exist_ok=True)
        write(pixels, mine / f"train/{number // 4}/{number}.{('png', 'tif')[number % 2]}")
    scaled = np.rint((values.astype(float) - 300) * 255 / 3795)
    assert np.array_equal(make(mine)[0].images.T, scaled.T if channels else [scaled.T] * 3)
    assert "more than 8 bits: 8; their values 300 to 4095 became 0 to 255" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("look", "left", "top"),
    [
        ({"SIZE": "16"}, RED, RED),
        ({"SIZE": "16", "FIT": "pad"}, RED, WHITE),
        ({"SIZE": "16x16", "FIT": "pad", "BACKGROUND": "black"}, RED, BLACK),
        ({"SIZE": "64x16", "FIT": "pad"}, WHITE, RED),
    ],
)
def test_other_shapes_are_cropped_or_padded(mine: Path, look: dict[str, Any], left: Colour, top: Colour) -> None:
    halves().save(mine / "x.png")
    pixels = pixels_of(mine / "x.png", **look)
    height, width, _ = pixels.shape
    assert (height, width) == (16, 64 if left == WHITE else 16)
    found = [tuple(pixels[y, x]) for y, x in ((8, 0), (0, width // 2 - 4), (8, width // 2 + 4))]
    assert found == [left, top, BLUE]


def test_damaged_pictures_are_all_named_and_left_out_on_request(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(mine, "a", "b")
    whole = (mine / "a/0.png").read_bytes()
    halves().save(mine / "a/cut.jpg")
    (mine / "a/cut.jpg").write_bytes((mine / "a/cut.jpg").read_bytes()[:-200])
    (mine / "a/flipped.png").write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    save(np.full((6, 8), np.nan, np.float32), mine / "a/nan.tif")
    (mine / "b/page.jpg").write_text("<html>")
    (mine / "b/gone.png").symlink_to("nowhere.png")
    save(noise(6, 8, 3), mine / "loose.png")
    for name in ("Thumbs.db", ".DS_Store", "._0.png"):
        (mine / "a" / name).write_bytes(b"P3 no picture")
    os.mkfifo(mine / "a/pipe.png")
    assert "damaged pictures: 5, listed above" in refusal(mine)
    notes = capfd.readouterr().err.replace(f"{mine}/", "").splitlines()
    assert notes[:2] == [
        "images: files outside class folders, left out: 1 (loose.png)",
        "images: files in no known picture format, left out: 4 (a/.DS_Store, a/._0.png, a/Thumbs.db, a/pipe.png)",
    ]
    damaged = ["a/cut.jpg", "a/flipped.png", "a/nan.tif", "b/gone.png", "b/page.jpg"]
    assert [line.split(": ")[1] for line in notes[2:]] == damaged
    assert "runcated" in notes[2]
    assert "No such file" in notes[5]
    assert sum(len(part.labels) for part in make(mine, SKIP=1)) == 8


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda mine: [fill(mine, "a", "b"), fill(mine, "c", each=1)], "class c: expected at least 2 training"),
        (lambda mine: fill(mine, "a"), "expected at least two classes, got a"),
        (lambda mine: [fill(mine / "train", "a", "b"), fill(mine / "test", "a", "B")], "B: expected at least 1"),
        (lambda mine: [fill(mine / "train", "a", "b"), fill(mine / "val", "a")], "Name it test, or move its pictures"),
        (lambda mine: [fill(mine / "train", "a", "b"), fill(mine / "Train", "a")], "rain: expected only folders"),
        (lambda mine: fill(mine / "more", "a", "b"), "more/a: a folder inside a class"),
        (lambda mine: halves().save(fill(mine, "a", "b") / "a/x.png"), "b/3.png has 8 x 6, a/x.png has 32 x 16"),
        (lambda mine: Image.new("L", (1025, 9)).save(fill(mine, "a", "b") / "a/x.png"), "damaged pictures: 1"),
        (lambda mine: (mine / "train-images.idx3-ubyte").touch(), "a folder of IDX files is already a data.source"),
    ],
)  # fmt: skip
def test_folders_that_do_not_fit_are_refused(mine: Path, build: Callable[[Path], object], error: str) -> None:
    build(mine)
    assert error in refusal(mine)


def test_parts_that_overlap_or_lack_a_class_are_named(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(mine / "Train", "a", "b", "c")
    fill(mine / "Train", "d", each=1)
    fill(mine / "Test", "a", "b", "d")
    shutil.copy(mine / "Train/a/1.png", mine / "Test/b/copy.png")
    assert [len(part.labels) for part in make(mine)] == [13, 13]
    notes = capfd.readouterr().err.replace(f"{mine}/", "")
    assert "one training picture of class d, so none can be held out for validation" in notes
    assert "no test picture of class c, so it is trained but not tested" in notes
    assert "in both parts, so tests are too easy: 1. Remove one of each: Train/a/1.png = Test/b/copy.png" in notes
    shutil.rmtree("own")
    assert refusal(mine, SEED=1, FIT="pad", GREY=1).startswith("FIT, SEED: no effect")


def arrays(*channels: int) -> dict[str, np.ndarray]:
    """Return arrays as `keras.datasets.cifar10.load_data()` does, but fewer images, by class; in grey as MNIST."""
    labels = {"y_train": np.repeat(np.arange(4), 5), "y_test": np.repeat(np.arange(4), 2)}
    images = {"x_train": noise(20, 32, 32, *channels), "x_test": noise(8, 32, 32, *channels)}
    return images | {name: values[:, np.newaxis].astype(np.uint8) for name, values in labels.items()}


@pytest.mark.parametrize("channels", [(), (3,)])
def test_other_forms_give_the_bytes_of_pictures(mine: Path, channels: Colour) -> None:
    given = arrays(*channels)
    forms: dict[str, dict[str, Any]] = {
        "plain.npz": given,
        "long.npz": given | {"y_train": given["y_train"][:, 0].astype(np.int32)},
        "bytes.npz": given | {"y_train": given["y_train"].astype("S1")},
        "one-hot.npz": given | {"y_test": np.eye(4)[given["y_test"][:, 0]]},
        "fractions.npz": given | {"x_train": (given["x_train"] / 255).astype(np.float32)},
    }
    for name, form in forms.items():
        np.savez(mine / name, **form)
    for name in ("pictures", "cifar-10", "fine", "coarse", "tables", "."):
        (mine / name).mkdir(exist_ok=True)
        for names in (CLASS_NAMES, "batches.meta.txt", f"{name}_label_names.txt"):
            (mine / name / names).write_text("dog\ncat\nbird\nfish\n\n")
    for part in ("train", "test"):
        x, y = given[f"x_{part}"], given[f"y_{part}"]
        for number, (pixels, (label,)) in enumerate(zip(x, y, strict=True)):
            save(pixels, mine / f"pictures/{part}/{label}/{number:02}.png")
        if channels:
            planes = x.transpose(0, 3, 1, 2).reshape(len(x), -1)
            for number, rows in enumerate(np.split(np.hstack([y, planes]), 2)):
                rows.tofile(mine / f"cifar-10/{part}_{number}.bin")
            np.hstack([y // 2, y, planes]).tofile(mine / f"fine/{part}.bin")
            np.hstack([y, y // 2, planes]).tofile(mine / f"coarse/{part}.bin")
        else:
            header = ",".join(["label", *map(str, range(32 * 32))])
            table = np.hstack([y, x.reshape(len(x), -1)])
            np.savetxt(mine / f"tables/my_{part}.csv", table, "%d", delimiter=",", header=header, comments="")
    make(mine / "pictures", "pictures")
    assert class_names(Path("pictures"), range(4)) == ["dog", "cat", "bird", "fish"]
    for name in [*forms, *(("cifar-10", "fine", "coarse") if channels else ("tables",))]:
        make(mine / name, name, **({"LABELS": "coarse"} if name == "coarse" else {}))
        assert content(name) == content("pictures"), name
    ones: dict[str, Any] = given | {"y_test": np.ones((8, 1))}
    np.savez(mine / "ones.npz", **ones)
    assert set(make(mine / "ones.npz", "ones")[1].labels) == {1}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"y_test": None}, "expected x_train, y_train, x_test and y_test, got "),
        ({"x_train": np.zeros((20, 6))}, "expected images [N, H, W] or [N, H, W, 3], got float64[20, 6]"),
        ({"x_train": np.full((20, 6, 6), -1)}, "expected values from 0 to 255, or to 1, got -1 to -1"),
        ({"y_train": np.zeros(19)}, "expected 20 labels or one-hot rows, got float64[19]"),
        ({"y_train": np.full((20, 2), 0.5)}, "expected 20 labels or one-hot rows, got float64[20, 2]"),
        (b"label,a,b\n1,2,3\n", "expected a column label, one per pixel of a square, and a row per image, got 1 rows"),
        (b"label,a\n", "got 0 rows"),
        (b"label,a\n1,x\n", "not a table of numbers (could not convert string to float: 'x')"),
        (b"label,a\n1,2,3\n", "expected a column label, one per pixel of a square"),
        (bytes(3075), "expected records of 3073 bytes, as CIFAR has them, got 3075"),
    ],
)
def test_arrays_and_tables_that_do_not_fit_are_refused(mine: Path, given: Any, error: str) -> None:
    if isinstance(given, dict):
        given = {name: values for name, values in (arrays(3) | given).items() if values is not None}
        np.savez(mine / "x.npz", **given)
    else:
        (mine / ("x.csv" if b"label" in given else "x.bin")).write_bytes(given)
    assert error in refusal(next(mine.iterdir()))


@pytest.mark.parametrize(
    "word",
    [
        "SIZE=64x", "SIZE=0", "FIT=stretch", "BACKGROUND=blu", "TEST=nan", "TEST=0.01", "COLOUR=1", "LABELS=fine",
        "TO=../outside", "TO=plots/own", "TO=it's",
    ],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused_by_name(mine: Path, word: str) -> None:
    name, _, value = word.partition("=")
    assert refusal(fill(mine, "a", "b"), **{name: value}).startswith(name)


def test_make_passes_every_option_on(copied: Path) -> None:
    fill(copied / "my 'own' pictures", "a", "b")
    (copied / "my 'own' pictures/a/x.png").touch()
    words = ("SIZE=64x48", "FIT=pad", "BACKGROUND=black", "GREY=1", "SKIP=1", "SEED=3", "TEST=0.5", "LABELS=")
    output = run("make", "images", "FROM=my 'own' pictures", f"TO={copied}/own", *words, cwd=copied)
    assert "images: 4 training and 4 test images of 64 x 48 pixels, in grey\n" in output
    assert "images: dvc exp run -S data.source=own -S data.validation=0 -S train.batch_size=16\n" in output


def test_a_folder_is_replaced_only_as_a_whole_and_only_if_it_is_ours(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(fill(mine, "a", "b"))
    before = content("own")
    (mine / "a/0.png").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "own")

    with monkeypatch.context() as patch:
        patch.setattr(images, "write_idx", full)
        with pytest.raises(OSError, match="No space left"):
            make(mine)
    assert content("own") == before
    assert [path.name for path in Path.cwd().iterdir()] == ["own"]
    assert sum(len(part.labels) for part in make(mine)) == 7
    (Path("own") / CLASS_NAMES).write_text("dog\ncat\n")
    with pytest.raises(InputError, match="own: exists, but not as `make images` wrote it"):
        make(mine)


def large_pictures(folder: Path, count: int) -> list[str]:
    """Fill the folder with PNG files of 24 megapixels, 72 MB when decoded. Return the command for them."""
    Image.new("RGB", (6000, 4000)).save(fill(folder, "a", "b", each=8) / "a/x.png", compress_level=1)
    for copy in range(count):
        (folder / f"b/more-{copy}.png").symlink_to(folder / "a/x.png")
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tools.images", f"FROM={folder}", "TO=own", "SIZE=28"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_long_work_shows_the_time_left_and_an_interrupted_one_leaves_the_old_folder(
    mine: Path, number: signal.Signals
) -> None:
    make(fill(mine / "old", "a", "b"))
    before, command = content("own"), large_pictures(mine / "new", 40)
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    with subprocess.Popen(command, stderr=follower) as process:
        os.close(follower)
        shown = b""
        while b"<" not in shown:  # 3%|###   | 3/101 [00:01<00:35, 2.7/s]
            shown += os.read(leader, 1000)
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number
    os.close(leader)
    assert content("own") == before
    assert [path.name for path in Path.cwd().iterdir()] == ["own"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_originals(mine: Path) -> None:
    subprocess.run(large_pictures(mine, 19), check=True)  # 1.4 GB decoded
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_000_000  # KiB
