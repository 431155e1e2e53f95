"""docs/your-own.md, gone from pictures in colour to a class name; what it promises of Git, DVC and other forms."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.data.class_names import read_class_names
from stages.data.idx import FILES, TEST_IMAGES, TRAIN_LABELS, read_idx
from tests.conftest import ENVIRONMENT, ROOT, edit_params, ran_stages, run, with_a_smaller_study

PAGE = (ROOT / "docs/your-own.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)  # language and text of each
_, WALK, _, OTHER_FORMS, BY_DVC, BY_HAND = (text for language, text in BLOCKS if language == "sh")
SORT, USE_MODEL, READ_PICTURE = (text for language, text in BLOCKS if language == "python")
MAKE_IMAGES = "".join(WALK.splitlines(keepends=True)[:2])


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    """A clone with a study of one architecture a family, one epoch each, and an unpacked package of fewer emoji."""
    copied = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    params = copied / "params.yaml"
    params.write_text(with_a_smaller_study(params.read_text()).replace("epochs: 20", "epochs: 1"))
    run("git", "commit", "--quiet", "--all", "--message", "A small study", cwd=copied)
    pictures = sorted((ROOT / "tests/emoji").glob("*/*.png"))
    (copied / "package/img/google/64").mkdir(parents=True)
    for path in pictures:
        shutil.copy(path, copied / "package/img/google/64")
    listed = [{"category": path.parent.name, "image": path.name} for path in pictures]
    (copied / "package/emoji.json").write_text(json.dumps([{"category": "Component"}, *listed]))
    (copied / "sort.py").write_text(SORT)
    return copied


def go(commands: str, folder: Path) -> str:
    return run("sh", "-ec", commands, cwd=folder)


@pytest.mark.slow
def test_the_walk_leads_from_pictures_to_the_page_and_to_a_class_name(project: Path) -> None:
    """All commands of the page: each finds what those before it have left."""
    output = go(WALK, project)
    (said,) = (text for _, text in BLOCKS if text.startswith("images: "))
    assert re.sub(r"\d+", "N", said) in re.sub(r"\d+", "N", output)
    trainings = ["train@width", "train@depth", "train_width@w2-4", "train_depth@1"]
    assert ran_stages(output) == ["fetch", "prepare", *trainings, "aggregate"]
    page = Path(output.rpartition("report: ")[2].strip())
    assert page == project / "plots/report.html"
    assert "data-emoji" in page.read_text(encoding="utf-8")
    assert np.load(project / "data/fashion_mnist.npz")["test_images"].shape == (72, 32, 32, 3)
    for picture in ("", READ_PICTURE):
        program = USE_MODEL.replace("model = ", f"{picture}model = ", 1).replace("models/small", "models/w2-4")
        name = run(sys.executable, "-c", program, cwd=project).splitlines()[-1]
        assert name in read_class_names(project / "data-emoji/classes.txt")


@pytest.mark.slow
def test_experiments_elsewhere_see_a_folder_that_dvc_tracks_and_none_that_nobody_tracks(project: Path) -> None:
    """In a folder of their own, as those in the queue are. They end in `prepare`, which has not as many images."""
    elsewhere = ". .venv/bin/activate\ndvc exp run --temp -S data.source=data-emoji"
    go(MAKE_IMAGES, project)
    output = run("sh", "-ec", elsewhere, cwd=project, status=255)
    assert ran_stages(output) == []
    assert re.search("No such file or directory: '.*/data-emoji'", output)
    go(f". .venv/bin/activate\n{BY_DVC}", project)
    assert "data-emoji" not in run("git", "status", "--porcelain", cwd=project)
    output = run("sh", "-ec", elsewhere, cwd=project, status=255)
    assert ran_stages(output) == ["fetch", "prepare"]
    assert "data.validation" in output


def test_other_forms_become_folders_of_the_same_kind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (50, 4, 4), dtype=np.uint8), np.arange(50) % 5
    keras, archive = project / ".keras/datasets", project / "archive"
    for folder in (keras, archive):
        folder.mkdir(parents=True)
    np.savez(keras / "mnist.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    table = pd.DataFrame(images.reshape(50, 16)).assign(label=labels)
    for part in ("train", "test"):
        table.to_csv(archive / f"fashion-mnist_{part}.csv", index=False)
    monkeypatch.setitem(ENVIRONMENT, "HOME", str(project))
    go(OTHER_FORMS, project)
    for name in FILES:
        assert (project / "data-mnist" / name).read_bytes() == (project / "data-kaggle" / name).read_bytes()
    assert len(read_idx(project / "data-part" / TEST_IMAGES, 3)) == 5


def test_changed_pictures_are_new_data_and_idx_files_need_checksums_alone(project: Path) -> None:
    go(MAKE_IMAGES, project)
    edit_params(project, "source: fashion-mnist", "source: data-emoji")
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == ["fetch"]
    sums = project / "data-emoji/SHA256SUMS"
    before = sums.read_bytes()
    sums.unlink()
    go(BY_HAND, project / "data-emoji")
    assert sorted(sums.read_bytes().splitlines()) == sorted(before.splitlines())
    sums.write_bytes(before)
    go(MAKE_IMAGES, project)
    assert ran_stages(run("dvc", "repro", "fetch", cwd=project)) == []
    min((project / "pictures/Flags").iterdir()).unlink()
    go(MAKE_IMAGES.splitlines()[1], project)
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
