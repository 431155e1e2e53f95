"""docs/your-own.md, gone from pictures in colour to the page; what it promises of Git, DVC and files in other forms."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from stages.data.class_names import CLASS_NAMES, read_class_names
from stages.data.idx import FILES, TEST_IMAGES, TRAIN_LABELS, read_idx
from tests.conftest import ENVIRONMENT, ROOT, edit_params, ran_stages, run, with_a_smaller_study

PAGE = (ROOT / "docs/your-own.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)  # language and text of each
WALK, OTHER_FORMS, BY_DVC, BY_HAND = (text for language, text in BLOCKS if language == "sh")


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A clone with a study of one architecture a family, one epoch each, and pictures."""
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    params = project / "params.yaml"
    params.write_text(with_a_smaller_study(params.read_text()).replace("epochs: 20", "epochs: 1"))
    run("git", "commit", "--quiet", "--all", "--message", "A small study", cwd=project)
    shutil.copytree(ROOT / "tests/emoji", project / "pictures")
    return project


def go(commands: str, folder: Path) -> str:
    return run("sh", "-ec", commands, cwd=folder)


@pytest.mark.slow
def test_the_walk_leads_from_pictures_to_the_page(project: Path) -> None:
    """All commands of the page: each finds what those before it have left."""
    output = go(WALK, project)
    (said,) = (text for _, text in BLOCKS if text.startswith("images: "))
    assert said in output
    trainings = ["train@width", "train@depth", "train_width@w2-4", "train_depth@1"]
    assert ran_stages(output) == ["fetch", "prepare", *trainings, "aggregate"]
    page = Path(output.rpartition("report: ")[2].strip())
    assert page == project / "plots/report.html"
    assert "<li>72 test images" in page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_experiments_elsewhere_see_a_folder_that_dvc_tracks_and_none_that_nobody_tracks(project: Path) -> None:
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
    assert "data.validation" in output


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


def test_changed_pictures_are_new_data_and_idx_files_need_checksums_alone(project: Path) -> None:
    make_images = WALK.splitlines()[0]
    go(make_images, project)
    edit_params(project, "source: fashion-mnist", "source: data-own")
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == ["fetch"]
    sums = project / "data-own/SHA256SUMS"
    before = sums.read_bytes()
    sums.unlink()
    go(BY_HAND, project / "data-own")
    assert sorted(sums.read_bytes().splitlines()) == sorted(before.splitlines())
    sums.write_bytes(before)
    go(make_images, project)
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == []
    min((project / "pictures/Flags").iterdir()).unlink()
    go(make_images, project)
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == ["fetch"]


@pytest.mark.slow
def test_changed_data_make_all_that_follows_run_and_no_cache_brings_the_old_back(small: Path) -> None:
    """Stages of a study that was trained: which of DVC's caches could bring old data back only that shows."""
    own = Path(shutil.copytree(small / "tests/sample", small / "own"))
    edit_params(small, "source: tests/sample", "source: own")
    assert ran_stages(run("dvc", "repro", cwd=small)) == ["fetch", "aggregate"]  # the same data in another place
    labels = (own / TRAIN_LABELS).read_bytes()
    labels = labels[:8] + bytes((label + 1) % 10 for label in labels[8:])
    (own / TRAIN_LABELS).write_bytes(labels)
    assert f"own/{TRAIN_LABELS}: expected SHA-256 " in run("dvc", "repro", "fetch", cwd=small, status=255)
    run("sh", "-c", "sha256sum *-ubyte > SHA256SUMS", cwd=own)
    assert ran_stages(run("dvc", "repro", "prepare", cwd=small)) == ["fetch", "prepare"]
    assert (small / "data/raw" / TRAIN_LABELS).read_bytes() == labels
    status = run("dvc", "status", cwd=small)
    for training in ("train@width", "train@depth", "train_width@w2-4", "train_depth@1"):
        assert f"{training}:\n\tchanged deps:\n\t\tmodified:           data/fashion_mnist.npz" in status
    shutil.rmtree(small / "data/raw")
    assert "Stage 'fetch' is cached" in run("dvc", "repro", "fetch", cwd=small)
    assert (small / "data/raw" / TRAIN_LABELS).read_bytes() == labels
