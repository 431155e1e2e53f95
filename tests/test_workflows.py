"""GitHub's workflows: valid, safe, and with the least rights."""

from typing import Any

from stages.common import read_yaml
from tests.conftest import ROOT, run

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def test_files_follow_the_schema_and_have_no_known_weakness() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS), cwd=ROOT)
    action = str(ROOT / ".github/actions/setup/action.yml")
    run("check-jsonschema", "--builtin-schema", "vendor.github-actions", action, cwd=ROOT)
    run("zizmor", "--offline", "--quiet", "--strict-collection", ".github", cwd=ROOT)


def test_only_the_job_that_comments_may_write_and_it_runs_no_code_of_the_branch() -> None:
    jobs: dict[str, Any] = {}
    for path in WORKFLOWS:
        read = read_yaml(path.read_text(), str(path))
        assert read["permissions"] == {}
        jobs |= read["jobs"]
    comment = jobs.pop("comment")
    assert comment["permissions"] == {"pull-requests": "write"}
    assert comment["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert not [step for step in comment["steps"] if "checkout" in step.get("uses", "")]
    assert all(job["permissions"] == {"contents": "read"} for job in jobs.values())
