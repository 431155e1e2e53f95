import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.common import InputError
from tools.own_images.arrays import read_arrays
from tools.own_images.pictures import Part
from tools.own_images.values import parts_of

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (4, 5, 6), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255
COLOUR = RANDOM.integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
LABELS = np.array([2, 0, 10, 2])


def read(folder: Path, size: int | None = None, **arrays: Any) -> list[Part]:
    """Training part and test part of a file of these arrays, of which those not given are right."""
    content = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:2], "y_test": LABELS[:2]} | arrays
    np.savez(folder / "a.npz", **{name: array for name, array in content.items() if array is not None})
    return parts_of(read_arrays(folder / "a.npz"), size)


def refusal(folder: Path, **arrays: Any) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, **arrays)
    line = str(caught.value)
    assert line.startswith(f"{folder}/a.npz: ")
    assert len(line.splitlines()) == 1
    return line.removeprefix(f"{folder}/a.npz: ")


def test_keras_own_form_is_read(tmp_path: Path) -> None:
    train, test = read(tmp_path)
    assert np.array_equal(train.images, GREY)
    assert train.labels == ["2", "0", "10", "2"]
    assert np.array_equal(test.images, GREY[:2])
    assert test.labels == ["2", "0"]


def test_without_a_test_part_there_is_one(tmp_path: Path) -> None:
    (part,) = read(tmp_path, x_test=None, y_test=None)
    assert np.array_equal(part.images, GREY)


@pytest.mark.parametrize(
    "form",
    [
        lambda grey: grey[..., None],
        lambda grey: grey / 255,
        lambda grey: np.maximum(grey / 255 - 0.001, 0),  # nearest to the same
        lambda grey: grey.astype(np.float32) / np.float32(255),
        lambda grey: grey.astype(float),
        lambda grey: grey.astype(">i8"),
        lambda grey: np.repeat(grey[..., None], 3, axis=3) / 255,
    ],
)
def test_forms_of_the_same_images_are_the_same(tmp_path: Path, form: Any) -> None:
    train, test = read(tmp_path, x_train=form(GREY), x_test=form(GREY[:2]))
    assert np.array_equal(train.images, GREY)
    assert np.array_equal(test.images, GREY[:2])
    assert train.images.dtype == np.uint8


def test_truth_values_are_black_and_white(tmp_path: Path) -> None:
    train, _ = read(tmp_path, x_train=GREY > 127, x_test=GREY[:2] > 127)
    assert np.array_equal(train.images, np.where(GREY > 127, 255, 0))


def test_colour_becomes_its_luma(tmp_path: Path) -> None:
    train, test = read(tmp_path, x_train=COLOUR, x_test=COLOUR[:2])
    assert np.array_equal(train.images, (COLOUR.astype(int) @ [299, 587, 114] + 500) // 1000)
    assert np.array_equal(test.images, train.images[:2])


def test_sizes_that_differ_are_refused_unless_they_are_scaled(tmp_path: Path) -> None:
    assert refusal(tmp_path, x_test=GREY[:2, :4]).startswith(f"x_test: holds images of 6 x 4 pixels, {tmp_path}/a.npz:")
    train, test = read(tmp_path, size=3, x_test=GREY[:2, :4])
    assert train.images.shape == (4, 3, 3)
    assert test.images.shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABELS[:, None], ["2", "0", "10", "2"]),
        (LABELS.astype(np.float32), ["2", "0", "10", "2"]),
        (np.eye(5)[[2, 0, 4, 2]], ["2", "0", "4", "2"]),
        (np.array(["cat", "dog", "猫", "cat"]), ["cat", "dog", "猫", "cat"]),
        (np.array([["cat"], ["dog"], ["é"], ["cat"]]), ["cat", "dog", "é", "cat"]),
        (np.char.encode(["cat", "dog", "猫", "cat"], "utf-8"), ["cat", "dog", "猫", "cat"]),
        (np.array([True, False, False, True]), ["1", "0", "0", "1"]),
    ],
)
def test_labels_may_be_numbers_text_or_one_hot(tmp_path: Path, labels: Any, names: list[str]) -> None:
    train, test = read(tmp_path, y_train=labels, y_test=labels[:2])
    assert train.labels == names
    assert test.labels == names[:2]


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        (
            "x_train",
            None,
            "holds y_train, x_test, y_test; may hold x_train, y_train, x_test and y_test, and lacks x_train",
        ),
        (
            "y_test",
            None,
            "holds x_train, y_train, x_test; may hold x_train, y_train, x_test and y_test, and lacks y_test",
        ),
        ("x_train", GREY.reshape(4, 30), "x_train: holds uint8[4, 30], may hold numbers [N, H, W], "),
        ("x_train", np.moveaxis(COLOUR, 3, 1), "x_train: holds uint8[4, 3, 5, 6], may hold numbers [N, H, W], "),
        ("x_train", GREY[:0], "x_train: holds uint8[0, 5, 6], may hold numbers [N, H, W], "),
        ("x_train", GREY.astype(str), "x_train: holds <U3[4, 5, 6], may hold numbers [N, H, W], "),
        (
            "x_train",
            GREY / 127.5 - 1,
            "x_train: holds values from -1 to 1, may hold 0 to 255, or fractions from 0 to 1",
        ),
        ("x_train", GREY * np.nan, "x_train: holds values from nan to nan, may hold 0 to 255, or"),
        ("x_test", GREY[:2].astype(int) * 257, "x_test: holds values from "),
        ("x_test", GREY[:2] / 255, "x_test: holds values up to 1, "),
        ("y_train", LABELS[:3], "y_train: holds 3 labels for 4 images"),
        ("y_train", LABELS + 0.5, "y_train: holds float64[4], may hold whole numbers or text [N], or one-hot [N, K]"),
        ("y_train", np.full(4, np.nan), "y_train: holds float64[4], may hold whole numbers or text"),
        ("y_train", np.eye(4) + np.eye(4)[::-1], "y_train: holds [4, 4] numbers, may hold a single 1 in each row"),
        ("y_train", np.eye(4) * 2, "y_train: holds [4, 4] numbers, may hold a single 1 in each row"),
        ("y_train", LABELS[0], "y_train: holds int64[], may hold whole numbers or text"),
        ("y_train", np.array([b"\xff"] * 4), "y_train: holds text that is not UTF-8"),
    ],
)
def test_what_does_not_fit_is_named_with_what_it_holds(tmp_path: Path, name: str, array: Any, says: str) -> None:
    assert refusal(tmp_path, **{name: array}).startswith(says)


class Trap:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    line = refusal(tmp_path, y_train=np.array([Trap(sprung)] * 4, dtype=object))
    assert "arrays of Python objects, which only pickle reads, are not taken" in line
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(InputError, match=r"a\.npz: damaged, not a whole \.npz file"):
        read_arrays(tmp_path / "a.npz")
    assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))  # noqa: S301, to show that the trap works
    assert sprung.exists()
