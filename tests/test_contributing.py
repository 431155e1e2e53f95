"""CONTRIBUTING.md's ways, each gone; hooks, citation and editor."""

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from stages.common import read_yaml
from tests.conftest import ROOT, commit, documented_commands, ran_stages, run

GUIDE = ROOT / "CONTRIBUTING.md"


@pytest.fixture
def project(fresh: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))


def block(chapter: str, language: str) -> str:
    """The piece of code that a chapter of the guide has in that language."""
    text = re.search(rf"^## {chapter}\n(.*?)(?=^## |\Z)", GUIDE.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert text
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text[1], flags=re.DOTALL | re.MULTILINE)
    assert len(found) == 1, chapter
    indent, code = found[0]
    return re.sub(rf"^{indent}", "", code, flags=re.MULTILINE)


def insert_after(path: Path, line: str, text: str) -> None:
    content = path.read_text()
    assert content.count(line) == 1
    path.write_text(content.replace(line, line + text))


def test_way_to_an_architecture_is_documented() -> None:
    assert block("An architecture", "sh").strip() in documented_commands()


def test_way_to_a_parameter_is_checked_and_known_to_dvc(project: Path) -> None:
    insert_after(project / "params.yaml", "train:\n", block("A parameter", "yaml"))
    assert "train.label_smoothing: unknown key" in run("python", "-m", "stages.params", cwd=project, status=1)
    line = "    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(no_repeats)]\n"
    insert_after(project / "stages/training/settings.py", line, block("A parameter", "python"))
    run("python", "-m", "stages.params", cwd=project)
    changed = json.loads(run("dvc", "params", "diff", "--json", cwd=project))
    assert changed == {"params.yaml": {"train.label_smoothing": {"old": None, "new": 0.0}}}
    assert "train@width" in run("make", "check", cwd=project, status=2)


def test_study_names_every_key_of_its_family_but_the_one_that_it_varies() -> None:
    stages, params = (read_yaml((ROOT / name).read_text(), name) for name in ("dvc.yaml", "params.yaml"))
    for family, varied, own in (("width", "filters", {"study.width.${key}"}), ("depth", "blocks", set())):
        named = stages["stages"][f"train_{family}"]["do"]["params"]
        assert set(named) == {"train", *(f"{family}.{key}" for key in params[family] if key != varied)} | own


def test_way_to_a_stage_runs_it_alone_and_its_numbers_are_metrics(small: Path) -> None:
    (small / "stages/labels.py").write_text(block("A stage", "python"))
    insert_after(small / "dvc.yaml", "\nstages:\n", block("A stage", "yaml"))
    assert ran_stages(run("dvc", "repro", cwd=small)) == ["labels"]
    shown = json.loads(run("dvc", "metrics", "show", "--json", cwd=small))
    (shown,) = shown.values()
    assert sum(shown["data"]["metrics/labels.json"]["data"]["train"].values()) == 900
    run("ruff", "check", "stages/labels.py", cwd=small)


def test_way_to_a_plot_draws_it_without_running_a_stage(small: Path) -> None:
    with (small / "dvc.yaml").open("a") as file:
        file.write(block("A plot", "yaml"))
    assert ran_stages(run("dvc", "repro", cwd=small)) == []
    assert "Width, monitored loss" in plots(small)


def plots(project: Path) -> dict[str, Any]:
    """What the editor's extension asks for to draw plots."""
    output = run("dvc", "plots", "diff", "HEAD", "-o", ".dvc/tmp/plots", "--split", "--json", cwd=project)
    drawn: dict[str, Any] = json.loads(output)["data"]
    return drawn


def test_editor_finds_parameters_metrics_and_plots(project: Path) -> None:
    """By the three commands whose output the extension for VS Code shows."""
    workspace = json.loads(run("dvc", "exp", "show", "--num", "1", "--json", cwd=project))[0]["data"]
    assert workspace["params"]["params.yaml"]["data"]["width"]["filters"] == [8, 16]
    assert set(workspace["metrics"]) == {"metrics/accuracy.json"}
    drawn = plots(project)
    assert {"Width, training loss", "Depth, test accuracy", "plots/width_curves.png"} <= set(drawn)
    status = json.loads(run("dvc", "data", "status", "--granular", "--unchanged", "--json", cwd=project))
    assert "data/models/w2-4/" in status["not_in_cache"]
    recommended = json.loads((ROOT / ".vscode/extensions.json").read_text())["recommendations"]
    assert {"Iterative.dvc", "ms-python.python"} <= set(recommended)


def test_hooks_refuse_bad_style_and_push_data_with_the_code(small: Path, tmp_path: Path) -> None:
    run("make", "hooks", cwd=small)
    (small / "stages/new.py").write_text("import os\n")
    run("git", "add", "--all", cwd=small)
    output = run("git", "commit", "--message", "Bad", cwd=small, status=1)
    assert "`os` imported but unused" in output
    (small / "stages/new.py").write_text('"""New."""\n\nA = (1,2)\n')
    run("git", "add", "--all", cwd=small)
    assert "files were modified by this hook" in run("git", "commit", "--message", "Bad", cwd=small, status=1)
    run("git", "add", "--all", cwd=small)
    run("git", "commit", "--message", "Good", cwd=small)
    assert (small / "stages/new.py").read_text().endswith("A = (1, 2)\n")

    run("git", "init", "--quiet", "--bare", str(tmp_path / "git"), cwd=tmp_path)
    run("git", "remote", "add", "github", str(tmp_path / "git"), cwd=small)
    run("git", "push", "github", "main", cwd=small)
    run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "data"), cwd=small)
    commit(small, "A remote")
    run("git", "push", "github", "main", cwd=small)
    assert list((tmp_path / "data/files/md5").glob("??/*"))
    shutil.rmtree(small / "data/models/w2-4")
    run("git", "checkout", "-b", "branch", cwd=small)
    assert (small / "data/models/w2-4/results.json").exists()


def test_hooks_let_a_clone_without_data_be(project: Path) -> None:
    run("make", "hooks", cwd=project)
    (project / "README.md").write_text("Other words\n")
    commit(project, "Other words")
    assert "Failed" not in run("git", "checkout", "-b", "branch", cwd=project)


def test_citation_is_of_the_schema_and_of_this_version() -> None:
    path = ROOT / "CITATION.cff"
    run("check-jsonschema", "--builtin-schema", "vendor.citation-file-format", str(path), cwd=ROOT)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert read_yaml(path.read_text(), str(path))["version"] == version
    assert re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[0] == version
