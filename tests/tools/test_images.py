"""`make images`: what people have, as a folder that the pipeline takes."""

import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
import termios
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
from stages.data.idx import FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, in_colour
from stages.params import Data
from stages.training.dataset import Split
from tests.conftest import ROOT, run
from tools import images
from tools.image_pixels import Look, read_item

EMOJI = ROOT / "tests/emoji"
AS_IT_IS = Look(size=None, fit="crop", background="white", grey=False)
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


def make(source: Path | str, to: str = "own", **options: Any) -> tuple[Split, Split]:
    """Make the folder and read both parts of it, as the pipeline does."""
    words = [f"FROM={source}", f"TO={to}", *(f"{name}={value}" for name, value in options.items())]
    images.make_folder(images.read_request(words))
    return read_split(Path(to), TRAIN_IMAGES, TRAIN_LABELS), read_split(Path(to), TEST_IMAGES, TEST_LABELS)


def refusal(source: Path, **options: Any) -> str:
    """What is said of input that must be refused, without leaving anything."""
    with pytest.raises(InputError) as refused:
        make(source, **options)
    assert list(Path.cwd().iterdir()) == []
    return str(refused.value).replace(f"{source}/", "")


def content(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def halves(left: Colour = RED, right: Colour = BLUE) -> Image.Image:
    """A picture of 32 x 16 pixels in two colours, with an opacity if they have four values."""
    pixels = np.zeros((16, 32, len(left)), dtype=np.uint8)
    pixels[:, :16], pixels[:, 16:] = left, right
    return Image.fromarray(pixels)


def pixels_of(path: Path, **look: Any) -> np.ndarray:
    """What becomes of a picture, uint8 `[H, W, C]`."""
    pixels = read_item(AS_IT_IS._replace(**look), path)
    assert isinstance(pixels, np.ndarray)
    return pixels


def noise(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


def fill(folder: Path, *classes: str, each: int = 4) -> Path:
    """Give the folder different pictures of 8 x 6 pixels."""
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(noise(6, 8, 3)).save(folder / name / f"{number}.png")
    return folder


def test_emoji_become_a_folder_in_colour_on_white(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train, test = make(EMOJI, TEST=0.25)
    assert train.images.shape == (270, 28, 28, 3)
    assert Counter(test.labels.tolist()) == dict.fromkeys(range(9), 10)
    names = class_names(Path("own"), range(9))
    assert names == sorted(path.name for path in EMOJI.iterdir() if path.is_dir())
    assert set(content("own")) == {*map(in_colour, FILES), CLASS_NAMES, "SHA256SUMS"}
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=Path("own"))

    drawn = np.asarray(Image.open(min(EMOJI.glob("Flags/*.png")))).astype(float)
    on_white = drawn[..., :3] * (drawn[..., 3:] / 255) + 255 - drawn[..., 3:]
    flags = np.concatenate([part.images[part.labels == names.index("Flags")] for part in (train, test)])
    assert np.abs(flags - on_white).max(axis=(1, 2, 3)).min() <= 1
    said, told = capfd.readouterr()
    assert said.splitlines() == [
        "images: 270 training and 90 test images of 28 x 28 pixels, in colour",
        "images: 9 classes: Activities, Animals & Nature, Flags, Food & Drink, Objects and 4 more",
        "images: dvc exp run -S data.source=own -S data.validation=27",
    ]
    assert told == "images: files that are no pictures, left out: 1 (1 .md)\n"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.PNG", {}),
        ("x.jpeg", {"quality": 95}),
        ("x.webp", {"quality": 95, "save_all": True, "append_images": [halves(BLUE, RED)]}),
        ("x.bmp", {}),
        ("x.Tif", {"save_all": True, "append_images": [halves(BLUE, RED)]}),
        ("x.gif", {"save_all": True, "append_images": [halves(BLUE, RED)]}),
        ("x.mpo", {"quality": 95, "save_all": True, "append_images": [halves(BLUE, RED)]}),
        ("no-extension", {"format": "PNG"}),
    ],
)
def test_first_picture_of_every_format_is_read(mine: Path, name: str, options: dict[str, Any]) -> None:
    halves().save(mine / name, **options)
    pixels = pixels_of(mine / name).astype(int)
    assert pixels.shape == (16, 32, 3)
    assert np.abs(pixels[8, 4] - RED).max() < 20
    assert np.abs(pixels[8, 28] - BLUE).max() < 20


def test_cmyk_palettes_rotation_and_transparency(mine: Path) -> None:
    halves().convert("CMYK").save(mine / "cmyk.jpg", quality=95)
    halves().convert("P", palette=Image.Palette.ADAPTIVE).save(mine / "palette.png")
    rotated = Image.Exif()
    rotated[0x0112] = 8
    halves().rotate(-90, expand=True).save(mine / "rotated.jpg", quality=95, exif=rotated)
    halves((*RED, 0), (*BLUE, 255)).save(mine / "clear.png")
    palette = halves().convert("P", palette=Image.Palette.ADAPTIVE)
    palette.save(mine / "clear-palette.gif", transparency=palette.getpixel((0, 0)))
    for name in ("cmyk.jpg", "palette.png", "rotated.jpg"):
        pixels = pixels_of(mine / name).astype(int)
        assert np.abs(pixels[8, [4, 28]] - [RED, BLUE]).max() < 20, name
    for name in ("clear.png", "clear-palette.gif"):
        for background, colour in (("white", WHITE), ("black", BLACK)):
            pixels = pixels_of(mine / name, background=background)
            assert pixels[8, [4, 28]].tolist() == [list(colour), list(BLUE)], name


def test_colour_is_kept_if_one_pixel_has_it_and_grey_keeps_its_values(mine: Path) -> None:
    grey = noise(8, 6, 8)
    for number, pixels in enumerate(grey):
        place = mine / f"train/{number % 2}/{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.stack([pixels] * 3, axis=-1)).save(place)
    shutil.copytree(mine / "train", mine / "test")
    train, _ = make(mine)
    assert np.array_equal(train.images, grey[[0, 2, 4, 6, 1, 3, 5, 7]])
    assert set(content("own")) == {*FILES, CLASS_NAMES, "SHA256SUMS"}

    picture = Image.open(mine / "test/1/7.png")
    picture.putpixel((3, 2), (90, 90, 91))
    picture.save(mine / "test/1/7.png")
    train, test = make(mine)
    assert np.array_equal(train.images[..., 2], grey[[0, 2, 4, 6, 1, 3, 5, 7]])
    assert test.images[7, 2, 3].tolist() == [90, 90, 91]
    assert make(mine, GREY=1)[1].images.shape == (8, 6, 8)


def test_sixteen_bits_become_eight_by_the_range_that_all_use(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values = np.linspace(300, 4095, 8 * 48).reshape(8, 6, 8).astype(np.uint16)
    for number, pixels in enumerate(values):
        (mine / f"train/{number % 2}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(mine / f"train/{number % 2}/{number}.{('png', 'tif')[number % 2]}")
    shutil.copytree(mine / "train", mine / "test")
    train, _ = make(mine)
    expected = np.rint((values.astype(float) - 300) * 255 / 3795)[[0, 2, 4, 6, 1, 3, 5, 7]]
    assert np.array_equal(train.images, expected)
    assert "more than 8 bits: 16; their values 300 to 4095 became 0 to 255" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("look", "left", "top"),
    [
        ({"size": (16, 16)}, RED, RED),
        ({"size": (16, 16), "fit": "pad"}, RED, WHITE),
        ({"size": (16, 16), "fit": "pad", "background": "black"}, RED, BLACK),
        ({"size": (64, 16), "fit": "pad"}, WHITE, RED),
    ],
)
def test_other_shapes_are_cropped_or_padded(mine: Path, look: dict[str, Any], left: Colour, top: Colour) -> None:
    halves().save(mine / "x.png")
    pixels = pixels_of(mine / "x.png", **look)
    assert pixels.shape[1::-1] == look["size"]
    middle = pixels.shape[0] // 2, pixels.shape[1] // 2
    assert tuple(pixels[middle[0], 0]) == left
    assert tuple(pixels[0, middle[1] - 4]) == top
    assert tuple(pixels[middle[0], middle[1] + 4]) == BLUE


def test_damaged_pictures_are_all_named_and_left_out_on_request(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(mine, "a", "b")
    whole = (mine / "a/0.png").read_bytes()
    halves().save(mine / "a/cut.jpg")
    (mine / "a/cut.jpg").write_bytes((mine / "a/cut.jpg").read_bytes()[:-200])
    (mine / "a/flipped.png").write_bytes(whole[:60] + bytes([whole[60] ^ 255]) + whole[61:])
    (mine / "b/page.jpg").write_text("<html>")
    (mine / "b/gone.png").symlink_to("nowhere.png")
    for name in ("Thumbs.db", ".DS_Store", "._0.png", "notes.txt"):
        (mine / "a" / name).write_bytes(b"P3 no picture")
    assert "damaged pictures: 4, listed above" in refusal(mine)
    told = capfd.readouterr().err.replace(f"{mine}/", "").splitlines()
    assert told[0].startswith("images: files that are no pictures, left out: 4 (")
    assert [line.split(": ")[1] for line in told[1:]] == ["a/cut.jpg", "a/flipped.png", "b/gone.png", "b/page.jpg"]
    assert "runcated" in told[1]
    assert "No such file" in told[3]
    train, test = make(mine, SKIP=1)
    assert len(train.labels) + len(test.labels) == 8


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda mine: [fill(mine, "a", "b"), fill(mine, "c", each=1)], "one picture of class c, expected one to train"),
        (lambda mine: fill(mine, "a"), "expected two classes at least, got a"),
        (lambda mine: [fill(mine, "a", "b"), fill(mine, "c", each=0)], "no picture of class c. Add pictures"),
        (lambda mine: [fill(mine / "train", "a", "b"), fill(mine / "test", "a", "B")], "train: no picture of class B"),
        (lambda mine: [fill(mine / "train", "a", "b"), fill(mine / "val", "a", "b")], "val: neither the training nor"),
        (lambda mine: fill(mine / "more", "a", "b"), "more/a: a folder inside that of a class"),
        (lambda mine: shutil.copy(fill(mine, "a", "b") / "a/0.png", mine), "0.png: a picture beside the"),
        (lambda mine: halves().save(fill(mine, "a", "b") / "a/x.png"), "b/3.png has 8 x 6, a/x.png has 32 x 16"),
        (lambda mine: Image.new("L", (1025, 9)).save(fill(mine, "a", "b", each=0) / "a/x.png"), "a/x.png has 1025 x 9"),
        (lambda mine: (mine / "train-images.idx3-ubyte").touch(), "IDX files need no `make images`"),
    ],
)  # fmt: skip
def test_folders_that_do_not_fit_are_refused(mine: Path, build: Callable[[Path], object], says: str) -> None:
    build(mine)
    assert says in refusal(mine)


def test_parts_that_overlap_or_lack_a_class_are_named(mine: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(mine / "Train", "a", "b", "c")
    fill(mine / "Train", "d", each=1)
    fill(mine / "Test", "a", "b", "d")
    shutil.copy(mine / "Train/a/1.png", mine / "Test/b/copy.png")
    train, test = make(mine)
    assert (len(train.labels), len(test.labels)) == (13, 13)
    told = capfd.readouterr().err.replace(f"{mine}/", "")
    assert "Train: one picture of class d, so none can be held out for validation" in told
    assert "Test: no picture of class c, so it is trained but not tested" in told
    assert (
        "pictures in both parts, so that tests are too easy: 1. Remove one of each: Test/b/copy.png = Train/a/1" in told
    )


def test_test_part_is_drawn_by_the_seed_and_no_image_that_is_there_twice(mine: Path) -> None:
    fill(mine, "a", "b", each=20)
    for number in range(10):
        shutil.copy(mine / f"a/{number}.png", mine / f"a/again-{number}.png")
    drawn = [
        make(mine, to, **words)[1] for to, words in (("a", {}), ("b", {"SEED": 0}), ("c", {"SEED": 1, "TEST": 0.1}))
    ]
    assert content("a") == content("b")
    assert [Counter(part.labels.tolist()) for part in drawn] == [{0: 6, 1: 4}, {0: 6, 1: 4}, {0: 3, 1: 2}]
    twice = {np.asarray(Image.open(mine / f"a/{number}.png")).tobytes() for number in range(10)}
    assert not twice & {image.tobytes() for part in drawn for image in part.images}


def arrays(*channels: int) -> dict[str, np.ndarray]:
    """What `keras.datasets.cifar10.load_data()` gives, but smaller and by class; or in grey, as MNIST."""
    labels = {"y_train": np.repeat(np.arange(4), 5), "y_test": np.repeat(np.arange(4), 2)}
    images = {"x_train": noise(20, 6, 6, *channels), "x_test": noise(8, 6, 6, *channels)}
    return images | {name: values[:, np.newaxis].astype(np.uint8) for name, values in labels.items()}


@pytest.mark.parametrize("channels", [(), (3,)])
def test_arrays_and_tables_give_the_bytes_of_pictures(mine: Path, channels: tuple[int, ...]) -> None:
    given = arrays(*channels)
    header = "label," + ",".join(f"pixel{number}" for number in range(given["x_test"][0].size))
    (mine / "tables").mkdir()
    for part in ("train", "test"):
        x, y = given[f"x_{part}"], given[f"y_{part}"]
        for number, (pixels, (label,)) in enumerate(zip(x, y, strict=True)):
            (mine / f"pictures/{part}/{label}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(mine / f"pictures/{part}/{label}/{number:02}.png")
        rows = np.column_stack([y, x.reshape(len(x), -1)])
        np.savetxt(mine / f"tables/my_{part}.csv", rows, "%d", delimiter=",", header=header, comments="")
    forms: dict[str, dict[str, Any]] = {
        "plain": given,
        "4-byte-labels": given | {"y_train": given["y_train"][:, 0].astype(np.int32)},
        "one-hot": given | {"y_test": np.eye(4)[given["y_test"][:, 0]]},
        "fractions": given | {"x_train": (given["x_train"] / 255).astype(np.float32)},
    }
    make(mine / "pictures", "pictures")
    for name, form in forms.items():
        np.savez(mine / f"{name}.npz", **form)
        make(mine / f"{name}.npz", name)
        assert content(name) == content("pictures"), name
    if not channels:
        make(mine / "tables", "tables")
        assert content("tables") == content("pictures")
    (mine / CLASS_NAMES).write_text("dog\ncat\nbird\nfish\n")
    make(mine / "plain.npz")
    assert class_names(Path("own"), range(4)) == ["dog", "cat", "bird", "fish"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y_test": None}, "expected x_train, y_train, x_test and y_test, got "),
        ({"x_train": np.zeros((20, 6))}, "expected images [N, H, W] or [N, H, W, 3], got float64[20, 6]"),
        ({"x_train": np.full((20, 6, 6), -1)}, "expected values from 0 to 255, or to 1, got -1 to -1"),
        ({"y_train": np.zeros(19)}, "expected 20 labels or one-hot rows, got float64[19]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(mine: Path, change: dict[str, Any], says: str) -> None:
    np.savez(mine / "x.npz", **{k: v for k, v in (arrays(3) | change).items() if v is not None})
    assert says in refusal(mine / "x.npz")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "label,a,b\n1,2,3\n",
            "expected a column label, one per pixel of a square, and a row per image, got 1 rows and 3",
        ),
        ("a\n1\n", "expected a column label"),
        ("label,a\n", "got 0 rows"),
        ("label,a\n1,x\n", "not a table of numbers (could not convert string to float: 'x')"),
        ("label,a\n1,2,3\n", "not a table of numbers"),
        ("label,p1,p3,p2,p4\n1,1,1,1,1\n", "expected the pixels in order, row by row, got p3 after p1"),
    ],
)
def test_tables_that_do_not_fit_are_refused(mine: Path, text: str, says: str) -> None:
    (mine / "x.csv").write_text(text)
    assert says in refusal(mine / "x.csv")


def test_published_archives_of_cifar_are_read(mine: Path) -> None:
    pixels, labels = noise(60, 32, 32, 3), np.arange(60) % 12
    planes = pixels.transpose(0, 3, 1, 2).reshape(60, -1)
    for folder, columns in (("ten", [labels]), ("hundred", [labels // 4, labels])):
        (mine / folder).mkdir()
        records = np.column_stack([*columns, planes]).astype(np.uint8)
        names = ("data_batch_1.bin", "data_batch_2.bin") if folder == "ten" else ("train.bin",)
        for name, part in zip(names, np.array_split(records[:48], len(names)), strict=True):
            part.tofile(mine / folder / name)
        records[48:].tofile(mine / folder / ("test_batch.bin" if folder == "ten" else "test.bin"))
    (mine / "ten/batches.meta.txt").write_text("".join(f"class-{n}\n" for n in range(12)) + "\n")
    (mine / "hundred/fine_label_names.txt").write_text("".join(f"fine-{n}\n" for n in range(100)))
    (mine / "hundred/coarse_label_names.txt").write_text("".join(f"coarse-{n}\n" for n in range(20)))
    for folder, words, named in (
        ("ten", {}, "class-11"), ("hundred", {}, "fine-11"), ("hundred", {"LABELS": "coarse"}, "coarse-2")
    ):  # fmt: skip
        train, test = make(mine / folder, **words)
        assert np.array_equal(train.images, pixels[:48])
        assert np.array_equal(test.images, pixels[48:])
        assert np.array_equal(test.labels, labels[48:] // (4 if words else 1))
        assert (Path("own") / CLASS_NAMES).read_text().splitlines()[-1] == named
    shutil.rmtree("own")
    assert "LABELS: only the archive of CIFAR-100 has two kinds" in refusal(mine / "ten", LABELS="fine")
    (mine / "ten/data_batch_2.bin").write_bytes(bytes(3074))
    assert "data_batch_2.bin: expected records of 3073 bytes, as CIFAR has them, got 3074" in refusal(mine / "ten")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"SIZE": "64x"}, "SIZE"),
        ({"SIZE": 0}, "SIZE"),
        ({"FIT": "stretch"}, "FIT"),
        ({"BACKGROUND": "blu"}, "BACKGROUND"),
        ({"TEST": "nan"}, "TEST"),
        ({"COLOUR": 1}, "COLOUR"),
        ({"to": "../outside"}, "TO: expected a folder inside the project"),
        ({"to": "data/own"}, "TO: expected a folder inside the project"),
        ({"to": "."}, ".: exists, and not as `make images` left it"),
    ],
)
def test_options_that_do_not_fit_are_refused(mine: Path, words: dict[str, Any], says: str) -> None:
    assert refusal(fill(mine, "a", "b"), **words).startswith(says)


@pytest.mark.parametrize("to", ["own", "{project}/own", "a b's/own"])
def test_the_command_that_is_printed_is_one_that_params_yaml_accepts(
    mine: Path, to: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make(fill(mine, "a", "b"), to.format(project=Path.cwd()))
    command = capfd.readouterr().out.splitlines()[-1].removeprefix("images: ")
    (source,) = run("sh", "-c", f"printf '%s\\n' {command} | grep data.source", cwd=mine).splitlines()
    value = source.removeprefix("data.source=")
    value = value[1:-1].replace("\\'", "'") if value[0] == "'" else value  # as Hydra unquotes it
    assert Data(source=value, validation=1, seed=0).source == value


def test_make_passes_every_option_on(mine: Path, fresh: Path, tmp_path: Path) -> None:
    project = shutil.copytree(fresh, tmp_path / "clone", symlinks=True)
    fill(project / "my 'own' pictures", "a", "b")
    (project / "my 'own' pictures/a/x.png").touch()
    words = ("SIZE=64x48", "FIT=pad", "BACKGROUND=black", "GREY=1", "SKIP=1", "SEED=3", "TEST=0.5", "LABELS=")
    output = run("make", "images", "FROM=my 'own' pictures", "TO=their data", *words, cwd=project)
    assert "images: 4 training and 4 test images of 64 x 48 pixels, in grey\n" in output
    assert "images: dvc exp run -S 'data.source=their data' -S data.validation=0\n" in output


def test_a_folder_is_replaced_only_as_a_whole_and_only_if_it_is_ours(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(mine, "a", "b")
    make(mine)
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
    assert len(np.concatenate([part.labels for part in make(mine)])) == 7
    (Path("own") / CLASS_NAMES).write_text("dog\ncat\n")
    with pytest.raises(InputError, match="own: exists, and not as `make images` left it"):
        make(mine)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_long_work_shows_the_time_left_and_an_interrupted_one_leaves_the_old_folder(
    mine: Path, number: signal.Signals
) -> None:
    make(fill(mine / "old", "a", "b"))
    before = content("own")
    Image.new("RGB", (6000, 4000)).save(fill(mine / "new", "a", "b") / "a/x.png", compress_level=1)
    for copy in range(40):
        (mine / f"new/b/{copy}.png").unlink(missing_ok=True)
        (mine / f"new/b/{copy}.png").symlink_to(mine / "new/a/x.png")
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    command = [sys.executable, "-m", "tools.images", f"FROM={mine}/new", "TO=own", "SIZE=28"]
    with subprocess.Popen(command, stderr=follower, env=os.environ | {"PYTHONPATH": str(ROOT)}) as process:
        os.close(follower)
        shown = b""
        while b"<" not in shown:  # 3%|###   | 3/101 [00:01<00:35, 2.7/s]
            shown += os.read(leader, 1000)
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number
    os.close(leader)
    assert b"images:" in shown
    assert content("own") == before
    assert [path.name for path in Path.cwd().iterdir()] == ["own"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_originals(mine: Path) -> None:
    """Twenty PNG files of 24 megapixels: each takes 72 MB when decoded, all would take 1.4 GB."""
    fill(mine / "test", "a", "b")
    Image.new("RGB", (6000, 4000)).save(fill(mine / "train", "a", "b") / "a/x.png", compress_level=1)
    for copy in range(19):
        (mine / f"train/b/more-{copy}.png").symlink_to(mine / "train/a/x.png")
    command = [sys.executable, "-m", "tools.images", f"FROM={mine}", "TO=own", "SIZE=28"]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1_000_000  # KiB
