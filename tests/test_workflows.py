"""GitHub's workflows: of the right form, safe, and made of what runs here too."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml
from tests.conftest import ROOT, run

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTION = ROOT / ".github/actions/setup/action.yml"
PINNED = re.compile(r"^[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def content(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = read_yaml(path.read_text(), str(path))
    return read


def steps(path: Path) -> list[dict[str, Any]]:
    read = content(path)
    jobs = read["jobs"].values() if "jobs" in read else [read["runs"]]
    return [step for job in jobs for step in job["steps"]]


def test_files_are_of_the_schema_and_have_no_weakness_that_is_known() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS), cwd=ROOT)
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", str(ACTION), cwd=ROOT)
    run("zizmor", "--offline", "--quiet", "--strict-collection", ".github", cwd=ROOT)


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_every_command_is_a_target_of_make(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    commands = [step["run"] for step in steps(path) if not step.get("run", "gh ").startswith("gh ")]
    called = [
        re.match(r"make (?:--\w+ )?([a-z-]+)(?: SLOW=1)?(?: \| tee \S+ >>\S+)?$", command) for command in commands
    ]
    assert [command for command, call in zip(commands, called, strict=True) if not call or call[1] not in targets] == []


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_actions_are_githubs_own_and_pinned_by_commit(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    assert [use for use in used if use != "$/.github/actions/setup" and not PINNED.match(use)] == []
    assert all(use.startswith(("actions/", "$/")) for use in used)


def test_only_the_job_that_comments_may_write_and_forks_do_not_have_it() -> None:
    rights = {}
    for path in WORKFLOWS:
        assert content(path)["permissions"] == {}
        for name, job in content(path)["jobs"].items():
            rights[f"{path.stem}.{name}"] = job["permissions"]
    assert rights.pop("pull-request.comment") == {"pull-requests": "write"}
    assert all(right == {"contents": "read"} for right in rights.values())
    comment = content(ROOT / ".github/workflows/pull-request.yml")["jobs"]["comment"]
    assert comment["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_tests_run_on_every_python_that_the_project_supports() -> None:
    workflow = content(ROOT / ".github/workflows/tests.yml")
    assert {"push", "pull_request"} <= set(workflow["on"])
    supported = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert supported
    expected = [f"3.{minor}" for minor in range(int(supported[1]), int(supported[2]))]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == expected


def test_cached_environment_is_taken_for_what_it_is(fresh: Path, tmp_path: Path) -> None:
    """After a checkout requirements.lock is younger than the environment that comes out of the cache."""
    (cache,) = [step["with"] for step in content(ACTION)["runs"]["steps"] if step.get("id") == "cache"]
    assert cache["path"].split() == [".venv", ".venvs"], "the link, and where it leads"
    clone, made = tmp_path / "clone", tmp_path / "clone/.venvs/made"
    run("git", "clone", "--quiet", str(fresh), str(clone), cwd=tmp_path)
    made.mkdir(parents=True)
    (made / "bin").symlink_to(Path(sys.executable).parent)
    (clone / ".venv").symlink_to(".venvs/made")
    shutil.copy(clone / "requirements.lock", made / "ready")
    os.utime(made / "ready", (0, 0))
    assert run("make", "setup", cwd=clone) == ""
    assert [path.name for path in (clone / ".venvs").iterdir()] == ["made"]
    assert "Nothing to be done" in run("make", "setup", cwd=clone)


def test_readme_names_the_runner_that_the_workflows_ask_for() -> None:
    used = any("uses: $/" in path.read_text() for path in WORKFLOWS)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert ("by `$/`, for which GitHub asks a runner of 2.336.0 or newer" in readme) == used
