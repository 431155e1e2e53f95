"""What the page shows of a model's errors, on hand-made predictions of few and of many classes."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from stages.report.page import IMAGES_SHOWN, PAIRS_SHOWN, THUMBNAIL, analyze_errors
from stages.training.dataset import Split

PAIRS = """\
truth,predicted,images,fraction
a,b,2,0.6667
c,a,1,0.2500
c,b,1,0.2500
"""


def test_confused_classes_are_fractions_of_the_true_class_and_the_worst_pairs_come_first() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 2, 0, 1]]
    test = Split(np.zeros((7, 2, 2), np.uint8), np.array([0, 0, 0, 2, 2, 2, 2], np.uint8))
    errors = analyze_errors(probabilities, test, ["a", "b", "c"])
    assert errors["matrix"].tolist() == [[1 / 3, 2 / 3, 0], [0, 0, 0], [0.25, 0.25, 0.5]]
    assert errors["pairs"].to_csv(index=False, float_format="%.4f") == PAIRS
    right = analyze_errors(probabilities[:1], Split(test.images[:1], test.labels[:1]), ["a", "b", "c"])
    assert (len(right["pairs"]), right["images"]) == (0, [])


def test_wrong_images_of_highest_probability_come_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.05, 0.95]], dtype=np.float32)
    test = Split(np.zeros((4, 2, 2), dtype=np.uint8), np.array([0, 1, 0, 0], dtype=np.uint8))
    images = analyze_errors(probabilities, test, ["a", "b"])["images"]
    found = [(image["number"], image["truth"], image["predicted"], round(image["probability"], 2)) for image in images]
    assert found == [(3, "a", "b", 0.95), (2, "a", "b", 0.8), (1, "b", "a", 0.6)]


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (300, 200, 3)])
def test_pictures_are_shown_in_their_colours_and_shape_and_the_errors_stay_small(shape: tuple[int, ...]) -> None:
    """Of 256 classes every image of the others is taken for class 0, ever surer."""
    test = Split(np.random.default_rng(0).integers(0, 256, (256, *shape), np.uint8), np.arange(256, dtype=np.uint8))
    probabilities = np.zeros((256, 256), dtype=np.float32)
    probabilities[:, 0] = np.linspace(0.5, 1, 256)
    errors = analyze_errors(probabilities, test, [f"class {k}" for k in range(256)])
    assert [image["number"] for image in errors["images"]] == list(range(255, 255 - IMAGES_SHOWN, -1))
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(errors["images"][0]["png"]))))
    if max(shape) <= THUMBNAIL:
        assert np.array_equal(picture, test.images[255])
    else:
        assert picture.shape == (THUMBNAIL, THUMBNAIL * 2 // 3, 3)
    assert sum(len(image["png"]) for image in errors["images"]) < 250_000, "the rest of the page has some 200 kB"
    assert len(errors["pairs"]) == PAIRS_SHOWN
