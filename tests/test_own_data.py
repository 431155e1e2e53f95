"""A user's own folder of data: a result follows from what lies in it now."""

import hashlib
import shutil
from pathlib import Path

import pytest

from stages.data.idx import FILES, TRAIN_LABELS
from tests.conftest import ROOT, commit, edit_params, ran_stages, run


@pytest.fixture
def own(small: Path) -> Path:
    """The small project with the sample in a folder of a user's, which nothing uses yet."""
    shutil.copytree(small / "tests/sample", small / "own")
    return small


def replace_labels(project: Path) -> bytes:
    """Give every training image of the folder the label after its own, and the folder's SHA256SUMS what that makes."""
    path = project / "own" / TRAIN_LABELS
    content = path.read_bytes()
    path.write_bytes(content[:8] + bytes((label + 1) % 10 for label in content[8:]))
    sums = (f"{hashlib.sha256((project / 'own' / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    (project / "own/SHA256SUMS").write_text("".join(sums))
    return path.read_bytes()


@pytest.mark.slow
def test_changed_files_are_fetched_and_all_that_follows_runs_and_no_cache_brings_the_old_back(own: Path) -> None:
    """An experiment, the gate and two runs: which of DVC's caches could bring old data back only all of them show."""
    output = run("dvc", "exp", "run", "-S", "data.source=own", cwd=own)
    assert ran_stages(output) == ["fetch", "aggregate"]  # the data are the same, their place is another
    commit(own, "Own data")
    assert "up to date" in run("make", "check", cwd=own)

    labels = replace_labels(own)
    assert "out of date for fetch" in run("make", "check", cwd=own, status=2)
    assert ran_stages(run("dvc", "repro", "prepare", cwd=own)) == ["fetch", "prepare"]
    assert (own / "data/raw" / TRAIN_LABELS).read_bytes() == labels
    status = run("dvc", "status", cwd=own)
    for training in ("train@width", "train@depth", "train_width@w2-4", "train_depth@1"):
        assert f"{training}:\n\tchanged deps:\n\t\tmodified:           data/fashion_mnist.npz" in status

    shutil.rmtree(own / "data/raw")
    assert "Stage 'fetch' is cached" in run("dvc", "repro", "fetch", cwd=own)
    assert (own / "data/raw" / TRAIN_LABELS).read_bytes() == labels


def test_file_that_changed_alone_is_refused(own: Path) -> None:
    edit_params(own, "source: tests/sample", "source: own")
    replace_labels(own)
    shutil.copyfile(own / "tests/sample/SHA256SUMS", own / "own/SHA256SUMS")
    output = run("dvc", "repro", cwd=own, status=255)
    assert f"fetch: own/{TRAIN_LABELS}: SHA-256 is " in output


@pytest.mark.slow
def test_folder_that_dvc_holds_is_there_in_an_experiment_s_own_copy_of_the_project(own: Path) -> None:
    """A whole experiment in a copy of the project, which DVC makes and fills itself."""
    run("dvc", "add", "--quiet", "own", cwd=own)
    commit(own, "Own data, held by DVC")
    output = run("dvc", "exp", "run", "--temp", "--name", "own-data", "-S", "data.source=own", cwd=own)
    assert ran_stages(output) == ["fetch", "aggregate"]
    assert "own-data" in run("dvc", "exp", "list", "--name-only", cwd=own)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("absent", "No such file or directory: "),
        ("/etc", "No such file or directory: "),
        (".", "Same item(s) are defined as both a dependency and an output"),
        ("data", "Same item(s) are defined as both a dependency and an output"),
        ("[tests/sample]", "Cannot interpolate data of type 'list'"),
    ],
)
def test_dvc_refuses_a_wrong_folder_in_words_that_a_page_explains(small: Path, source: str, said: str) -> None:
    edit_params(small, "source: tests/sample", f"source: {source}")
    assert said in run("dvc", "repro", cwd=small, status=255)
    assert said.strip() in (ROOT / "docs/known-limits.md").read_text()
