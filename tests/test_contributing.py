"""What CONTRIBUTING.md describes: a new parameter, and the hooks."""

import re
import shutil
from pathlib import Path

from stages.common import read_yaml
from tests.conftest import ROOT, commit, edit_params, run


def test_parameter_is_added_as_the_guide_says(copied: Path) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    schema, value = re.findall(r"^   ```\w+\n   (.*\n)   ```", text, flags=re.MULTILINE)
    edit_params(copied, "  epochs: 20\n", f"  epochs: 20\n{value}")
    assert "train.label_smoothing: unknown key" in run("python", "-m", "stages.params", cwd=copied, status=1)
    path = copied / "stages/training/architecture.py"
    path.write_text(path.read_text().replace("    epochs: Annotated", f"{schema}    epochs: Annotated"))
    run("python", "-m", "stages.params", cwd=copied)


def test_study_depends_on_every_key_of_its_family_except_the_one_that_it_varies() -> None:
    stages, params = (read_yaml((ROOT / name).read_text(), name) for name in ("dvc.yaml", "params.yaml"))
    for family, varied, own in (("width", "filters", {"study.width.${key}"}), ("depth", "blocks", set())):
        named = stages["stages"][f"train_{family}"]["do"]["params"]
        assert set(named) == {"train", *(f"{family}.{key}" for key in params[family] if key != varied)} | own


def test_hooks_refuse_bad_style_and_push_data_with_the_code(small: Path, tmp_path: Path) -> None:
    run("make", "hooks", cwd=small)
    (small / "stages/ein Wort ü.py").write_text("import os\n")
    run("git", "add", "--all", cwd=small)
    assert "`os` imported but unused" in run("git", "commit", "--message", "Bad", cwd=small, status=1)
    (small / "stages/ein Wort ü.py").unlink()
    run("git", "init", "--quiet", "--bare", str(tmp_path / "git"), cwd=tmp_path)
    run("git", "remote", "add", "github", str(tmp_path / "git"), cwd=small)
    run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "data"), cwd=small)
    commit(small, "A remote")
    run("git", "push", "github", "main", cwd=small)
    assert list((tmp_path / "data/files/md5").glob("??/*"))
    shutil.rmtree(small / "data/models/w2-4")
    run("git", "checkout", "-b", "branch", cwd=small)
    assert (small / "data/models/w2-4/results.json").exists()
