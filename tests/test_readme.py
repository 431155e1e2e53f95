"""The README's commands are those that tests run, and its numbers those of metrics/."""

import json
import re

from stages.params import load_params
from stages.reference import reference_accuracy
from tests.conftest import ROOT, readme_commands

ELSEWHERE = {"pytest"}  # this very run


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("*.py"))
    run_by_tests = set(re.findall(r'documented\("(.+?)"\)', tests))
    assert set(readme_commands()) == run_by_tests | ELSEWHERE


def test_results_table_is_that_of_the_metrics() -> None:
    study = json.loads((ROOT / "metrics/study.json").read_text())
    expected = []
    for named in load_params().studied():
        numbers = study[named.family][named.key]
        reference = reference_accuracy(named.architecture, "fashion-mnist")
        assert reference is not None
        filters, blocks = named.architecture.filters, named.architecture.blocks
        what = f"({filters[0]}, {filters[1]})" if named.family == "width" else f"{blocks}"
        started = f"{numbers['started']} of {numbers['seeds']}"
        expected.append(
            f"| {named.family} | {what} | {numbers['parameters']:,} | {100 * reference:.2f} "
            f"| {100 * numbers['test_accuracy']:.2f} | {started} |"
        )
    rows = re.findall(r"^\| (?:width|depth) \| .*$", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert rows == expected


def test_table_of_pieces_is_that_of_the_record() -> None:
    table, _, _ = (ROOT / "records/benchmark/pieces/benchmark.md").read_text().partition("\n\n")
    assert table in (ROOT / "README.md").read_text()
