"""docs/known-limits.md: each limit is there, and the way round leads round it.

What DVC mends in a later release fails here, and leaves the page.
"""

import shutil
import signal
from pathlib import Path

import pytest

from tests.conftest import STORE, commit, documented, edit_params, ran_stages, run

DATASET_FILE = "data/fashion_mnist.npz"
SAMPLE = ("dvc", "exp", "run", "-S", "data.source=tests/sample")


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def test_folder_that_is_not_there_is_told_by_dvc_in_its_own_words(project: Path) -> None:
    output = run("dvc", "exp", "run", "-S", "data.source=nowhere", "fetch", cwd=project, status=255)
    assert f"ERROR: failed to reproduce 'fetch': [Errno 2] No such file or directory: '{project}/nowhere'" in output


@pytest.mark.slow
def test_gc_takes_what_head_names_after_an_experiment_but_nothing_that_is_kept_of_trainings(project: Path) -> None:
    """Three experiments and two collections: what the second takes follows from what the first has left."""
    kept = project / STORE / "training/epoch-1.npz"
    kept.parent.mkdir(parents=True)
    kept.write_text("a state\n")
    run(*SAMPLE, "-S", "data.validation=100", "prepare", cwd=project)
    commit(project, "The sample")
    packed = (project / DATASET_FILE).read_bytes()
    run("dvc", "exp", "run", "-S", "data.validation=200", "prepare", cwd=project)
    run(*documented("dvc gc --workspace --all-branches --all-experiments --force"), cwd=project)
    run("make", "undo", cwd=project)
    assert (project / DATASET_FILE).read_bytes() == packed

    run("dvc", "exp", "run", "-S", "data.validation=300", "prepare", cwd=project)
    run("dvc", "gc", "--workspace", "--force", cwd=project)
    assert "in no cache here" in run("make", "undo", cwd=project)
    assert ran_stages(run("dvc", "repro", "prepare", cwd=project)) == ["prepare"]
    assert (project / DATASET_FILE).read_bytes() == packed
    assert kept.exists()


def test_experiment_that_is_killed_leaves_git_on_no_branch_and_a_word_brings_it_back(project: Path) -> None:
    pipeline = project / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("python -m stages.fetch", "kill $PPID"))
    commit(project, "A stage that ends the DVC that runs it")
    run(*SAMPLE, "fetch", cwd=project, status=-signal.SIGTERM)
    assert run("git", "branch", "--show-current", cwd=project) == ""
    run(*documented("git switch -"), cwd=project)
    assert run("git", "branch", "--show-current", cwd=project) == "main\n"
    assert "source: tests/sample" in (project / "params.yaml").read_text()


@pytest.mark.slow
def test_remote_with_two_refspecs_stops_experiments_elsewhere_until_the_second_has_a_remote_of_its_own(
    project: Path,
) -> None:
    """Experiments of DVC in a copy, before and after: how they fail and that they do not is what the page says."""
    elsewhere = (*SAMPLE, "--temp", "fetch")
    run("git", "remote", "add", "origin", ".", cwd=project)
    run("git", "config", "--add", "remote.origin.fetch", "+refs/pull/*/head:refs/remotes/origin/pr/*", cwd=project)
    assert "Duplicate keyword name" in run(*elsewhere, cwd=project, status=255)
    run(*documented("git config --unset remote.origin.fetch refs/pull"), cwd=project)
    *add, address = documented("git remote add pulls ADDRESS")
    assert address == "ADDRESS"
    run(*add, ".", cwd=project)
    run(*documented("git config remote.pulls.fetch '+refs/pull/*/head:refs/remotes/pulls/*'"), cwd=project)
    assert ran_stages(run(*elsewhere, cwd=project)) == ["fetch"]


def test_partial_clone_is_whole_after_a_fetch_without_a_filter(project: Path, tmp_path: Path) -> None:
    """DVC's own command, which has no end: it is given twenty seconds to have one."""
    (project / "metrics/accuracy.json").write_text("{}\n")
    commit(project, "No numbers")
    run("git", "config", "uploadpack.allowFilter", "true", cwd=project)
    run("git", "clone", "--quiet", "--filter=blob:none", f"file://{project}", "part", cwd=tmp_path)
    compared = ("timeout", "20", "dvc", "metrics", "diff", "HEAD~1")
    assert "object not found" in run(*compared, cwd=tmp_path / "part", status=124)
    run(*documented("git fetch --refetch --no-filter"), cwd=tmp_path / "part")
    assert "w2-4" in run(*compared, cwd=tmp_path / "part")


def test_path_with_a_letter_outside_ascii_stops_experiments_elsewhere_alone(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "für" / "project", symlinks=True))
    assert ran_stages(run(*SAMPLE, "fetch", cwd=project)) == ["fetch"]
    shutil.rmtree(project / "data")
    output = run(*SAMPLE, "--temp", "fetch", cwd=project, status=255)
    assert "ERROR: unexpected error - 'ascii' codec can't encode character '\\xfc'" in output


def test_folder_with_a_letter_outside_ascii_needs_python_to_be_told_of_utf_8_where_the_locale_is_another(
    project: Path,
) -> None:
    shutil.copytree(project / "tests/sample", project / "größe")
    edit_params(project, "source: fashion-mnist", "source: größe")
    ascii_alone = ("env", "LC_ALL=C", "PYTHONUTF8=0", "PYTHONCOERCECLOCALE=0")
    refused = run(*ascii_alone, "dvc", "repro", "fetch", cwd=project, status=255)
    assert "ERROR: failed to reproduce 'fetch': 'ascii' codec can't encode characters in position " in refused
    assert ran_stages(run(*ascii_alone, *documented("PYTHONUTF8=1 dvc repro"), "fetch", cwd=project)) == ["fetch"]
    behind = run(*ascii_alone, "make", "check", cwd=project, status=2)
    assert "out of date for aggregate, prepare. " in behind, "which follow `fetch`"
