"""What a search found becomes an architecture of the study."""

import json
from pathlib import Path

import pytest

from stages.common import read_yaml
from tests.conftest import documented, run
from tests.trials.conftest import write_params


@pytest.mark.slow
def test_the_best_are_adopted_once_and_trained_as_the_study_is(project: Path) -> None:
    """A search, and then the pipeline: only that trains what was adopted."""
    assert "study.custom." in run(*documented("make adopt"), cwd=project)
    text = (project / "params.yaml").read_text()
    found = read_yaml(text, "params.yaml")["study"]["custom"]
    accuracies = json.loads((project / "metrics/search.json").read_text())["validation_accuracy"]
    assert 1 <= len(found) <= len(accuracies)
    assert all(architecture["average"] == 0.9 for architecture in found.values())
    assert {architecture["learning_rate"] for architecture in found.values()} <= {0.002, 0.004}
    run("dvc", "params", "diff", cwd=project)
    assert run("dvc", "status", "search/dvc.yaml", cwd=project).strip() == "Data and pipelines are up to date."
    name = next(iter(found))
    output = run("dvc", "repro", "--single-item", f"train_custom@{name}", cwd=project)
    assert "3 of 3 epochs were trained before" in output or "2 of 3 epochs were trained before" in output
    assert run(*documented("make adopt"), cwd=project)
    assert (project / "params.yaml").read_text() == text


def test_adoption_of_a_search_of_other_params_is_refused(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    write_params(project, seed=5)
    changed = (project / "params.yaml").read_text()
    assert before != changed
    said = run("make", "adopt", cwd=project, status=2)
    assert "search/dvc.yaml: what it found is not of this params.yaml and this code; `make search` first" in said
    assert (project / "params.yaml").read_text() == changed
