"""The Makefile: the set-up, the targets in shell, and the parts of a user's environment that must not matter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ENVIRONMENT, ROOT, clone, documented, ran_stages, run


def test_help_fits_80_columns(fresh: Path) -> None:
    assert max(map(len, run("make", cwd=fresh).splitlines())) <= 80


def test_make_repro_with_nothing_to_do_does_nothing_and_names_the_undo_of_changed_results(small: Path) -> None:
    output = run(*documented("make repro"), cwd=small)
    assert ran_stages(output) == []
    assert "plots/report.html" in output.splitlines()[-1]
    with (small / "dvc.lock").open("a") as lock:
        lock.write("\n")
    assert run("make", "repro", cwd=small).splitlines()[-1] == "make undo"


def test_make_report_restores_the_page_or_says_that_no_cache_has_it(small: Path, fresh: Path) -> None:
    page = small / "plots/report.html"
    before = page.read_bytes()
    page.unlink()
    assert f"report: {page}" in run("make", "report", cwd=small)
    assert page.read_bytes() == before
    assert "plots/report.html: in no cache and no remote" in run("make", "report", cwd=fresh, status=2)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a project of the Makefile, a lock file without packages, and the uv of these tests."""
    project = tmp_path / "erster Versuch ü"
    tools = project / ".venvs/uv-/bin"
    tools.mkdir(parents=True)
    (tools / "uv").symlink_to(str(shutil.which("uv", path=ENVIRONMENT["PATH"])))
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python").chmod(0o755)
    shutil.copy(ROOT / "Makefile", project)
    (project / "requirements.lock").write_text("# one\n")
    return project


def everything(folder: Path) -> dict[Path, bytes | Path]:
    """Return a folder's files with their bytes, and its links with their targets."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return {path: path.readlink() if path.is_symlink() else path.read_bytes() for path in paths}


@pytest.mark.parametrize("kind", ["link", "folder", "dangling link"])
def test_environment_of_another_tool_is_never_touched_and_used_if_it_matches(bare: Path, kind: str) -> None:
    shared, venv = bare.parent / "shared", bare / ".venv"
    if kind != "dangling link":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", shared if kind == "link" else venv], check=True)
    if kind != "folder":
        venv.symlink_to(shared)
    before = everything(bare.parent)
    output = run("env", f"VIRTUAL_ENV={shared}", "make", "setup", cwd=bare, status=2)
    assert ".venv: not made by `make setup`" in output
    assert everything(bare.parent) == before
    if kind != "dangling link":
        shutil.copy(bare / "requirements.lock", venv / "ready")
        run("make", "setup", cwd=bare)
        assert not list(bare.glob(".venvs/*/pyvenv.cfg"))
        run("make", "clean", cwd=bare)
        assert everything(venv.resolve()).keys() >= {path for path in before if path.is_relative_to(venv.resolve())}
    assert venv.is_symlink() or venv.is_dir()


def test_running_process_keeps_its_environment_and_a_branch_finds_its_own_again(bare: Path) -> None:
    run("make", "setup", cwd=bare)
    first = (bare / ".venv").readlink()
    shows = ". .venv/bin/activate && exec python -c 'input(); import sys, tabnanny; print(sys.prefix)'"
    with subprocess.Popen(["sh", "-c", shows], cwd=bare, stdin=-1, stdout=-1, text=True) as old:
        (bare / "requirements.lock").write_text("# two\n")
        run("make", "setup", cwd=bare)
        second = (bare / ".venv").readlink()
        assert old.communicate("\n")[0] == f"{bare / first}\n"
    assert first != second
    (bare / "requirements.lock").write_text("broken ==\n")
    run("make", "setup", cwd=bare, status=2)
    assert (bare / ".venv").readlink() == second, "until the new one is whole"
    (bare / "requirements.lock").write_text("# one\n")
    (bare / ".venvs/uv-/bin/uv").unlink()  # so that nothing could be made
    (bare / ".venvs/uv-/bin/uv").write_text("")
    run("make", "setup", cwd=bare)
    assert (bare / ".venv").readlink() == first


def test_two_set_ups_at_once_install_one_after_the_other(bare: Path) -> None:
    uv = bare / ".venvs/uv-/bin/uv"
    real = uv.readlink()
    uv.unlink()
    alone = f'mkdir busy || exit 1; sleep 0.5; "{real}" "$@"; rmdir busy; echo >>"{bare}/calls"'
    uv.write_text(f"#!/bin/sh\n{alone}\n")
    uv.chmod(0o755)
    both = [subprocess.Popen(["make", "setup"], cwd=bare, env=ENVIRONMENT) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len((bare / "calls").read_text().splitlines()) == 2, "the second finds the environment of the first"
    assert (bare / ".venv/ready").exists()


@pytest.mark.parametrize("way", ["pip.conf", "PIP_INDEX_URL", "UV_DEFAULT_INDEX"])
def test_packages_come_from_the_index_of_pip_unless_uv_has_one(bare: Path, way: str) -> None:
    index = "http://127.0.0.1:9/simple"  # where nobody answers
    (bare / "pip.conf").write_text(f"[global]\nindex-url = {index if way == 'pip.conf' else 'http://127.0.0.1:8/no'}\n")
    variables = [] if way == "pip.conf" else [f"{way}={index}"]
    clean = [word for name in ENVIRONMENT if name.startswith(("PIP_", "UV_")) for word in ("-u", name)]
    (bare / "requirements.lock").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    alone = [f"PIP_CONFIG_FILE={bare}/pip.conf", "UV_NO_CACHE=1", "UV_HTTP_RETRIES=0", *variables]
    assert f"{index}/six/" in run("env", *clean, *alone, "make", "setup", cwd=bare, status=2)


@pytest.mark.parametrize(
    "command", ["make --silent quick QUICK='-S data.sauce=x'", f"'{sys.executable}' -m tools.quick -S data.sauce=x"]
)
def test_alias_of_git_in_a_linked_worktree_changes_no_repository(fresh: Path, tmp_path: Path, command: str) -> None:
    """Git exports GIT_DIR there, and every Git that is started below obeys it. DVC refuses the option."""
    tree = tmp_path / "tree"
    run("git", "worktree", "add", "--quiet", str(tree), cwd=clone(fresh, tmp_path / "clone"))
    (tree / ".venv").symlink_to(fresh / ".venv")

    def state() -> list[str]:
        return [run("git", *asked.split(), cwd=tree) for asked in ("config --local --list", "log --all", "status -s")]

    before = state()
    output = run("git", "-c", f"alias.q=!{command}", "q", cwd=tree, status=1 if "tools" in command else 2)
    assert "quick: dvc exp run --single-item -S data.sauce=x fetch" in output
    assert "Could not override 'data.sauce'" in output
    assert state() == before
    assert (tree / ".dvc/tmp/quick/.git").is_dir()


@pytest.mark.parametrize("variable", ["PYTHONPATH={}", "PYTHONSAFEPATH=1", "PYTHONWARNINGS=error"])
def test_variables_of_python_change_no_target(fresh: Path, tmp_path: Path, variable: str) -> None:
    for name in ("stages", "tools"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('another package')\n")
    output = run("env", variable.format(tmp_path), "sh", "-c", "make --silent check; true", cwd=fresh)
    assert output.startswith("check: ")


def test_user_without_a_name_has_one_in_targets() -> None:
    """As after `docker run --user 5002`, where DVC finds no name."""
    asked = ["make", "--silent", "--eval", "name: ; @echo $$USER", "name"]
    assert run("env", "-u", "USER", *asked, cwd=ROOT) == f"{os.getuid()}\n"
    assert run("env", "USER=me", *asked, cwd=ROOT) == "me\n"
