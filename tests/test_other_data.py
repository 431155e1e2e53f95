"""A data set of another shape, through the whole pipeline."""

import json
from pathlib import Path

import pytest

from stages.data.download import SUMS
from stages.data.holdout import read_split
from stages.data.idx import FILES, write_idx
from stages.training.files import sha256
from tests.conftest import commit, run


@pytest.mark.slow
def test_data_set_of_another_shape_goes_through_the_whole_pipeline(small: Path) -> None:
    """Real images, cut to 20x24 pixels and to the first seven classes, whose labels are 0, 25, ... 150."""
    make_smaller_data(small)
    commit(small, "Smaller data")
    run("dvc", "exp", "run", "-S", "data.source=tests/smaller", "-S", "study.depth=[1,2]", cwd=small)
    results = json.loads((small / "data/models/depth-2/results.json").read_text())
    assert results["classes"] == 7
    assert "The data have 7 classes." in (small / "plots/report.html").read_text()


def make_smaller_data(project: Path) -> None:
    sample, smaller = project / "tests/sample", project / "tests/smaller"
    for images_name, labels_name in (FILES[:2], FILES[2:]):
        images, labels = read_split(sample, images_name, labels_name)
        chosen = labels < 7
        write_idx(smaller / images_name, images[chosen, 4:24, 2:26])
        write_idx(smaller / labels_name, 25 * labels[chosen])
    (smaller / SUMS).write_text("".join(f"{sha256(smaller / name)}  {name}\n" for name in FILES))
