"""`make same` on a study of two architectures: what changes no byte passes, what does is named."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import commit, edit_params, give_environment, made_once, run
from tests.in_process import called
from tools.same import main


def clone(reduced: Path, place: Path) -> None:
    run("git", "clone", "--quiet", str(reduced), str(place), cwd=reduced)
    give_environment(place)


@pytest.fixture(scope="session")
def compared(reduced: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone without data, after its first `make same`: it keeps what the committed code writes. To be copied."""

    def make(place: Path) -> None:
        clone(reduced, place)
        replace(place, "stages/training/loop.py", "One Keras training", "A Keras training")
        run("make", "same", cwd=place)
        commit(place, "Another word")

    return made_once(tmp_path_factory, "compared", make)


@pytest.fixture
def project(compared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(compared, tmp_path / "project", symlinks=True))


@pytest.fixture
def cloned(reduced: Path, tmp_path: Path) -> Path:
    """A clone in which nothing was compared, for what ends before a comparison."""
    clone(reduced, tmp_path / "cloned")
    return tmp_path / "cloned"


def replace(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def same(project: Path, *base: str, status: int = 0) -> str:
    return called(main, project, *base, status=status)


@pytest.mark.slow
def test_comment_renamed_function_and_moved_module_pass_and_the_lock_is_up_to_date(project: Path) -> None:
    """Whole runs of the pipeline, as what they write is what is compared; nothing shorter shows that it is the same."""
    before = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"]
    replace(project, "stages/training/loop.py", "import numpy as np\n", "import numpy as np  # arrays\n")
    replace(project, "stages/training/fast.py", "_joined(", "_in_one(")
    run("git", "mv", "stages/training/diagnosis.py", "stages/training/inside.py", cwd=project)
    for file in ("stages/training/loop.py", "stages/checkpoints.py", "dvc.yaml"):
        replace(
            project,
            file,
            *(("diagnosis.py", "inside.py") if "loop" not in file else ("training.diagnosis", "training.inside")),
        )
    assert "check: results are out of date" in run("make", "check", cwd=project, status=2)

    said = run("make", "same", cwd=project)
    assert re.search(r"No result changes: .* gives \d+ files of the same bytes as by the code of [0-9a-f]{7} ", said)
    assert run("make", "check", cwd=project) == "check: the results are up to date\n"
    after = read_yaml((project / "dvc.lock").read_text(), "dvc.lock")["stages"]
    for name, stage in after.items():
        assert stage["outs"] == before[name]["outs"]
        assert stage.get("params") == before[name].get("params")
    assert run("make", "same", cwd=project) == "same: dvc.lock names the code that lies here\n"


BY_HAND = """
from tools.common.pipeline import stages_behind
from tools.same import bring_up_to_date
bring_up_to_date(stages_behind())
"""


@pytest.mark.slow
def test_other_bytes_are_named_and_nothing_is_changed_and_a_lock_edited_by_hand_is_found_out(project: Path) -> None:
    """A whole run, in which only the last digits of a sum differ; nothing shorter shows that these are seen.

    With the lock edited the gate is green on the branch, so only what the run wrote tells.
    """
    run("git", "switch", "--quiet", "--create", "branch", cwd=project)
    replace(
        project,
        "stages/training/fast.py",
        "*[[0, 0]] * (batch.shape.rank - 1)]), self.shards)",
        "*[[0, 0]] * (batch.shape.rank - 1)])[::-1], self.shards)",
    )
    lock = (project / "dvc.lock").read_bytes()
    named = r"same: other bytes in .*data/models/w2-4 \([^)]*seed-0.keras[^)]*; sample data\)"
    assert re.search(named, same(project, status=1))
    assert (project / "dvc.lock").read_bytes() == lock

    run("python", "-c", BY_HAND, cwd=project)
    commit(project, "Another sum")
    assert "up to date" in run("make", "check", cwd=project)
    assert re.search(named, same(project, "main", status=1))


def changed_parameter(project: Path) -> None:
    edit_params(project, "learning_rate: 0.001", "learning_rate: 0.002")


def changed_metric(project: Path) -> None:
    replace(project, "metrics/study.json", '"seeds": 1', '"seeds": 2')


def changed_data(project: Path) -> None:
    (project / "data/raw").mkdir(parents=True)
    (project / "data/raw/train-labels-idx1-ubyte").write_text("other")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed_parameter, "params.yaml: train.learning_rate"),
        (changed_metric, "metrics/study.json"),
        (changed_data, "data/raw"),
    ],
)
def test_other_parameters_data_or_results_are_refused_by_name(
    cloned: Path, change: Callable[[Path], None], named: str
) -> None:
    replace(cloned, "stages/training/loop.py", "One Keras training", "Some Keras training")
    change(cloned)
    lock = (cloned / "dvc.lock").read_bytes()
    (line,) = [line for line in same(cloned, status=1).splitlines() if line.startswith("same: ")]
    assert f"same: {named}: not as dvc.lock has it" in line
    assert (cloned / "dvc.lock").read_bytes() == lock


def test_lock_whose_code_is_in_no_commit_is_refused(cloned: Path) -> None:
    lock = (cloned / "dvc.lock").read_text()
    code = re.search(r"stages/training/fast.py\n +hash: md5\n +md5: (\w+)", lock)
    assert code
    (cloned / "dvc.lock").write_text(lock.replace(code[1], "a" * 32))
    assert "dvc.lock: no commit has the code and the parameters that it names" in same(cloned, status=1)


def test_branch_that_changes_no_checksum_or_results_as_well_needs_no_comparison(cloned: Path) -> None:
    assert same(cloned, "HEAD") == "same: no checksum of code in dvc.lock changed\n"
    run("git", "switch", "--quiet", "--create", "branch", cwd=cloned)
    lock = (cloned / "dvc.lock").read_text()
    for file in ("stages/training/fast.py", "metrics/study.json"):
        found = re.search(rf"{file}\n +hash: md5\n +md5: (\w+)", lock)
        assert found
        lock = lock.replace(found[1], "b" * 32)
    (cloned / "dvc.lock").write_text(lock)
    commit(cloned, "Results")
    assert "same: dvc.lock has other results, by metrics/study.json" in same(cloned, "main")


def test_partial_clone_that_lacks_the_old_code_says_what_to_fetch(fresh: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    replace(project, "stages/prepare.py", "def main", "# A remark\n\n\ndef main")
    commit(project, "A remark")
    run("git", "config", "uploadpack.allowFilter", "true", cwd=project)
    run("git", "clone", "--quiet", "--filter=blob:none", f"file://{project}", "part", cwd=tmp_path)
    said = run(sys.executable, "-m", "tools.same", cwd=tmp_path / "part", status=1)
    assert len(said.splitlines()) == 1
    assert "; this clone is partial, `git fetch --refetch --no-filter` makes it whole" in said
