"""A data set of another shape, through the whole pipeline."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from stages.data.idx import FILES, read_idx
from tests.conftest import commit, ran_stages, run


@pytest.mark.slow
def test_data_set_of_another_shape_goes_through_the_whole_pipeline(small: Path) -> None:
    """Real images, cut to 20x24 pixels and to the first seven classes, whose labels are 0, 25, ... 150."""
    make_smaller_data(small)
    commit(small, "Smaller data")
    output = run("dvc", "exp", "run", "-S", "data.source=tests/smaller", "-S", "study.depth=[1,2]", cwd=small)
    assert "aggregate" in ran_stages(output)
    results = json.loads((small / "data/models/depth-2/results.json").read_text())
    assert results["classes"] == 7
    assert (
        "The 7 classes are\nthe labels that occur: 0, 25, 50, 75, 100, 125, 150."
        in (small / "plots/report.html").read_text()
    )


def make_smaller_data(project: Path) -> None:
    sample, smaller = project / "tests/sample", project / "tests/smaller"
    smaller.mkdir()
    for images_name, labels_name in (FILES[:2], FILES[2:]):
        images, labels = read_idx(sample / images_name, 3), read_idx(sample / labels_name, 1)
        kept = labels < 7
        for name, array in ((images_name, images[kept, 4:24, 2:26]), (labels_name, 25 * labels[kept])):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (smaller / name).write_bytes(header + array.tobytes())
    sums = "".join(f"{hashlib.sha256((smaller / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    (smaller / "SHA256SUMS").write_text(sums)
