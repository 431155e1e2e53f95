"""The targets that users type first. `make quick` makes the project that most tests start from."""

from pathlib import Path

from tests.conftest import documented, ran_stages, run


def test_make_alone_lists_the_targets_in_80_columns(fresh: Path) -> None:
    lines = run("make", cwd=fresh).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(len(line.split()) > 1 for line in lines if not line.startswith(" ")), "each says what it is for"
    assert "JOBS=n: n trainings at a time cluster the" in " ".join(" ".join(lines).split())  # long ones go on below
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [
        "help",
        "setup",
        "repro",
        "cluster",
        "quick",
        "search",
        "adopt",
        "images",
        "test",
        "bench",
        "lint",
        "gate",
        "equivalence",
        "checkpoints",
        "pr-report",
        "pr-comment",
        "report",
        "hooks",
        "remote",
        "verify",
        "audit",
        "lock",
        "clean",
    ]


def test_make_repro_with_nothing_to_do_does_nothing(full: Path) -> None:
    output = run(*documented("make repro"), cwd=full)
    assert ran_stages(output) == []
    assert "Data and pipelines are up to date." in output
    lines = output.splitlines()
    assert lines[-1] == "All of it: plots/report.html"
    assert "Test accuracy in %, 1 epoch, seed 0, tests/sample" in lines[-25:]


def test_setup_refuses_a_python_that_the_packages_do_not_support(fresh: Path, tmp_path: Path) -> None:
    run("git", "clone", "--quiet", str(fresh), str(tmp_path / "clone"), cwd=tmp_path)
    old = tmp_path / "python-of-old"
    old.write_text('#!/bin/sh\nshift\nexec python -c "import sys; sys.version_info = (3, 10); $1"\n')
    old.chmod(0o755)
    output = run("make", "setup", f"PYTHON={old}", cwd=tmp_path / "clone", status=2)
    assert "3.11 to 3.13 is needed" in output
    assert not (tmp_path / "clone/.venv").exists()


def test_make_report_brings_the_page_back_or_says_that_nobody_has_it(full: Path, fresh: Path) -> None:
    page = full / "plots/report.html"
    before = page.read_bytes()
    page.unlink()
    assert f"report: {page}" in run("make", "report", cwd=full)
    assert page.read_bytes() == before
    assert "no cache and no remote here has plots/report.html" in run("make", "report", cwd=fresh)


def test_make_audit_that_looks_nothing_up_is_no_good_news(fresh: Path) -> None:
    output = run("env", "HTTPS_PROXY=http://127.0.0.1:1", "make", "audit", cwd=fresh, status=2)
    assert "audit: a package is vulnerable, or could not be looked up: see above" in output
