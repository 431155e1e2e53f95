"""What the page shows of a model's errors, on hand-made predictions of few and of many classes."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from stages.report.error_analysis import IMAGES_SHOWN, PAIRS_SHOWN, THUMBNAIL, confident_errors, confused_pairs
from stages.training.dataset import Split


def test_confused_pairs_are_counted_and_the_worst_come_first() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 2, 0, 1]]
    test = Split(np.zeros((7, 2, 2), np.uint8), np.array([0, 0, 0, 2, 2, 2, 2], np.uint8))
    assert confused_pairs(probabilities, test, ["a", "b", "c"]).to_dict("records") == [
        {"truth": "a", "predicted": "b", "images": 2, "fraction": pytest.approx(2 / 3)},
        {"truth": "c", "predicted": "a", "images": 1, "fraction": 0.25},
        {"truth": "c", "predicted": "b", "images": 1, "fraction": 0.25},
    ]
    assert confused_pairs(probabilities[:1], Split(test.images[:1], test.labels[:1]), ["a", "b", "c"]).empty


def test_wrong_images_of_highest_probability_come_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.05, 0.95]], dtype=np.float32)
    test = Split(np.zeros((4, 2, 2), dtype=np.uint8), np.array([0, 1, 0, 0], dtype=np.uint8))
    errors = confident_errors(probabilities, test, ["a", "b"])
    found = [(error["number"], error["truth"], error["predicted"], round(error["probability"], 2)) for error in errors]
    assert found == [(3, "a", "b", 0.95), (2, "a", "b", 0.8), (1, "b", "a", 0.6)]


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (300, 200, 3)])
def test_pictures_are_shown_in_their_colours_and_shape_and_the_errors_stay_small(shape: tuple[int, ...]) -> None:
    """Of 256 classes every image of the others is taken for class 0, ever surer."""
    test = Split(np.random.default_rng(0).integers(0, 256, (256, *shape), np.uint8), np.arange(256, dtype=np.uint8))
    probabilities = np.zeros((256, 256), dtype=np.float32)
    probabilities[:, 0] = np.linspace(0.5, 1, 256)
    names = [f"class {k}" for k in range(256)]
    errors = confident_errors(probabilities, test, names)
    assert [error["number"] for error in errors] == list(range(255, 255 - IMAGES_SHOWN, -1))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(errors[0]["png"]))))
    if max(shape) <= THUMBNAIL:
        assert np.array_equal(picture, test.images[255])
    else:
        assert picture.shape == (THUMBNAIL, THUMBNAIL * 2 // 3, 3)
    assert sum(len(one["png"]) for one in errors) < 250_000, "the rest of the page has some 950 kB"
    assert len(confused_pairs(probabilities, test, names)) == PAIRS_SHOWN
