"""docs/your-own.md, gone from pictures to the page; what it promises of Git, DVC and files in other forms.

Under a minute, as the study is of two architectures and one epoch. What a study of nine learns of real pictures only a
long run shows.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.data.class_names import CLASS_NAMES, read_class_names
from stages.data.download import SUMS
from stages.data.idx import FILES, TEST_IMAGES, TRAIN_LABELS, read_idx
from stages.params import load_params
from tests.conftest import ENVIRONMENT, ROOT, edit_params, ran_stages, run, with_a_smaller_study

PAGE = (ROOT / "docs/your-own.md").read_text(encoding="utf-8")
SHAPES = ("circle", "cross", "square")
EACH = 200  # pictures a class


BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)  # language and text of each
WALK, OTHER_FORMS, BY_DVC, BY_HAND = (text for language, text in BLOCKS if language == "sh")


def draw_pictures(folder: Path) -> None:
    """Bright shapes on black, in colour, 40 pixels a side; every other one a JPEG."""
    random = np.random.default_rng(0)
    for shape in SHAPES:
        (folder / shape).mkdir(parents=True)
        for number in range(EACH):
            picture = Image.new("RGB", (40, 40))
            pen = ImageDraw.Draw(picture)
            colour = tuple(random.integers(100, 256, 3).tolist())
            x, y, r = (int(random.integers(*ends)) for ends in ((14, 26), (14, 26), (6, 13)))
            match shape:
                case "circle":
                    pen.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=3)
                case "cross":
                    pen.line((x - r, y, x + r, y), fill=colour, width=3)
                    pen.line((x, y - r, x, y + r), fill=colour, width=3)
                case "square":
                    pen.rectangle((x - r, y - r, x + r, y + r), outline=colour, width=3)
            picture.save(folder / shape / f"{number:03}.{('png', 'jpg')[number % 2]}")


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A clone with a study of one architecture a family, one epoch each, and pictures."""
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    params = project / "params.yaml"
    params.write_text(with_a_smaller_study(params.read_text()).replace("epochs: 20", "epochs: 1"))
    run("git", "commit", "--quiet", "--all", "--message", "A small study", cwd=project)
    draw_pictures(project / "pictures")
    return project


def go(commands: str, folder: Path) -> str:
    return run("sh", "-ec", commands, cwd=folder)


@pytest.mark.slow
def test_ten_commands_at_most_lead_from_pictures_to_the_page(project: Path) -> None:
    """The whole walk of the page: that each command finds what those before it have left is a matter of all of them."""
    assert len(WALK.splitlines()) <= 10
    output = go(WALK, project)
    (said,) = (text for _, text in BLOCKS if text.startswith("images: "))
    assert said in output
    trainings = ["train@width", "train@depth", "train_width@w2-4", "train_depth@1"]
    assert ran_stages(output) == ["fetch", "prepare", *trainings, "aggregate"]
    page = Path(output.rpartition("report: ")[2].strip())
    assert page == project / "plots/report.html"
    assert f">{len(SHAPES) * EACH // 5}<" in page.read_text(encoding="utf-8")  # test images, in the table of data
    assert 'src="data:image/png;base64,' in page.read_text(encoding="utf-8")  # images that the best model gets wrong


@pytest.mark.slow
def test_experiments_elsewhere_see_a_folder_that_dvc_holds_and_none_that_nobody_holds(project: Path) -> None:
    """In a folder of their own, as those in the queue are. They end in `prepare`, which has not as many images."""
    elsewhere = ". .venv/bin/activate\ndvc exp run --temp -S data.source=data-own"
    go(WALK.splitlines()[0], project)
    output = run("sh", "-ec", elsewhere, cwd=project, status=255)
    assert ran_stages(output) == []
    assert re.search("No such file or directory: '.*/data-own'", output)
    go(f". .venv/bin/activate\n{BY_DVC}", project)
    assert run("git", "status", "--porcelain", cwd=project) == "?? pictures/\n"
    output = run("sh", "-ec", elsewhere, cwd=project, status=255)
    assert ran_stages(output) == ["fetch", "prepare"]
    assert "data.validation holds 5000" in output


def test_other_forms_become_folders_of_the_same_kind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = [read_idx(ROOT / "tests/sample" / name, 1 if name == TRAIN_LABELS else 3) for name in FILES[:2]]
    images, labels = sample[0][:100], sample[1][:100]
    keras, archive = project / ".keras/datasets", project / "archive"
    for folder in (keras, archive):
        folder.mkdir(parents=True)
    np.savez(keras / "mnist.npz", x_train=images, y_train=labels, x_test=images[:50], y_test=labels[:50])
    names = "label," + ",".join(f"pixel{number}" for number in range(1, 785))
    for part, count in (("train", 100), ("test", 50)):
        rows = np.column_stack([labels, images.reshape(-1, 784)])[:count]
        np.savetxt(archive / f"fashion-mnist_{part}.csv", rows, "%d", delimiter=",", header=names, comments="")
    monkeypatch.setitem(ENVIRONMENT, "HOME", str(project))
    go(OTHER_FORMS, project)
    for name in FILES:
        assert (project / "data-mnist" / name).read_bytes() == (project / "data-kaggle" / name).read_bytes()
    assert len(read_idx(project / "data-part" / TEST_IMAGES, 3)) == 10
    assert read_class_names(project / "data-part" / CLASS_NAMES) == [str(number) for number in range(10)]


def test_idx_files_need_checksums_alone(project: Path) -> None:
    go(WALK.splitlines()[0], project)
    folder = project / "data-own"
    before = sorted((folder / SUMS).read_text().splitlines())
    (folder / SUMS).unlink()
    go(BY_HAND, folder)
    assert sorted((folder / SUMS).read_text().splitlines()) == before
    assert ran_stages(run("dvc", "exp", "run", "-S", "data.source=data-own", "fetch", cwd=project)) == ["fetch"]


def test_changed_pictures_are_new_data_for_the_next_run(project: Path) -> None:
    make_images = WALK.splitlines()[0]
    go(make_images, project)
    edit_params(project, "source: fashion-mnist", "source: data-own")
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == ["fetch"]
    go(make_images, project)
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == []
    (project / "pictures/circle/000.png").unlink()
    go(make_images, project)
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == ["fetch"]


def test_sizes_that_the_page_names_are_the_least_for_so_many_blocks() -> None:
    pick = load_params().depth
    said = re.findall(r"takes (\d) pixels off each side, so the study's four blocks need (\d+); .*needs (\d+)\.", PAGE)
    assert said == [("6", "25", "13")]
    assert [pick.most_blocks(side, side) for side in (24, 25, 12, 13)] == [3, 4, 1, 2]
    assert load_params().study.depth == [1, 2, 3, 4]
