"""The README's numbers are those of metrics/ and records/, and its outputs what the commands print."""

import json
import re
import shutil
from contextlib import chdir
from pathlib import Path

import pandas as pd

from stages.analysis.outcome import outcome
from stages.analysis.reference import reference_accuracy
from stages.params import load_params
from tests.conftest import ROOT, documented, edit_params, run
from tests.recorded import in_one_line, numbers_in, of_started, study_of

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_LINES = 150
BEST = ("width", "w10-20")  # of the study, by validation accuracy


def test_readme_is_read_in_ten_minutes() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_table_is_that_of_the_record() -> None:
    recorded = study_of("records/study")
    expected = []
    for named in load_params().studied():
        five = recorded[named.family][named.key]
        reference = reference_accuracy(named.architecture)
        assert reference is not None
        expected.append(
            f"| {named.label} | {five['parameters']:,} | {100 * reference:.2f} "
            f"| {of_started(five)} | {five['learned']} of 5 |"
        )
        assert five["seeds"] == 5
    assert re.findall(r"^\| (?:\(\d|\d block).*$", README, flags=re.MULTILINE) == expected


def test_findings_are_those_of_the_record() -> None:
    verdicts = json.loads((ROOT / "records/study/metrics/verdicts.json").read_text())
    more_kernels, fails, more_blocks, best = re.findall(r"^- (.+)$", README, flags=re.MULTILINE)
    for finding, claim in [
        (more_kernels, "more_kernels_raise_accuracy"),
        (more_blocks, "more_blocks_lower_accuracy"),
        (best, "best_for_its_cost"),
    ]:
        assert numbers_in(finding) <= numbers_in(verdicts[claim]["verdict"] + verdicts[claim]["sentence"])
    width = study_of("records/study")["width"]
    failed = [f"{width[name]['seeds'] - width[name]['learned']} of 5" for name in ("w15-30", "w10-20")]
    assert f"(15, 30) in {failed[0]} runs, (10, 20) in {failed[1]}, where one learned" in fails
    curves = pd.read_csv(ROOT / "records/study/plots/width_curves.csv").query(
        "architecture == '(10, 20)' and loss < 2.2"
    )
    assert fails.endswith(f" only at epoch {curves.groupby('seed')['epoch'].min().max()}.")


def test_what_the_search_found_is_that_of_its_record_and_beats_the_study_in_both() -> None:
    small, medium, large = study_of("records/adopted")["custom"].values()
    told = in_one_line("README.md").replace("**", "")
    assert f"with {small['parameters']:,} parameters, fewer than any above, {of_started(small)} %," in told
    for found in (medium, large):
        assert f"with {found['parameters']:,} {of_started(found)} %" in told
    studied = [numbers for family in ("width", "depth") for numbers in study_of("records/study")[family].values()]
    assert small["parameters"] < min(numbers["parameters"] for numbers in studied)
    for found in (small, medium, large):
        assert found["seeds"] == 5
        assert found["test_accuracy_learned"] > max(numbers.get("test_accuracy_learned") or 0 for numbers in studied)
    assert "any above" in told
    assert "five seeds). `make search`" in told


def test_claim_about_choosing_together_is_told_as_it_was_judged_on_the_study_s_own_runs() -> None:
    record, own = study_of("records/found"), study_of("records/study")
    assert {family: record[family] for family in own if family != "custom"} == {
        family: numbers for family, numbers in own.items() if family != "custom"
    }
    judged = json.loads((ROOT / "records/found/metrics/verdicts.json").read_text())["together_beats_either_alone"]
    assert judged["verdict"] == "refuted"
    found, best = (100 * record[family][name]["test_accuracy"] for family, name in (("custom", "notebook"), BEST))
    assert f"{found:.2f} % where (10, 20) has {best:.2f} ([record]" in in_one_line("README.md")
    parameters = f"{record['custom']['notebook']['parameters']:,}"
    assert f"{parameters} parameters, which has" in in_one_line("docs/search.md")
    assert f"and {found:.2f} % of the test images after 20" in in_one_line("docs/search.md")
    searched = json.loads((ROOT / "records/search-notebook/metrics/search.json").read_text())["validation_accuracy"]
    assert f"which has {100 * searched['notebook']:.2f} % of the validation images" in in_one_line("docs/search.md")
    told = in_one_line("docs/results.md").split("refuted [where the found take part]")[1].split(": it is layers")[0]
    signs = judged["sentence"].replace("-", "").replace("+", "")
    assert numbers_in(told.replace("(10, 20)", "").replace("12,009", "")) <= numbers_in(signs)


def test_end_of_a_run_is_that_of_the_committed_results() -> None:
    with chdir(ROOT):
        assert f"```\n{outcome(load_params())}\n```\n" in README


def test_minutes_are_those_of_the_table_of_speed() -> None:
    minutes = re.findall(r"The nine trainings are (\d+) minutes", README)
    assert len(minutes) == 1
    assert f"are {minutes[0]} minutes at these rates." in (ROOT / "docs/speed.md").read_text()


def test_league_table_is_what_dvc_shows_of_the_three_experiments(fresh: Path, tmp_path: Path) -> None:
    """The three are architectures of the study, so that their numbers are known without a training.

    DVC holds an experiment as a commit below refs/exps, and draws its name by chance.
    """
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    queued = documented("dvc exp run --queue -S 'width.filters=[2,4],[5,10],[10,20]'")
    for first, second in re.findall(r"\[(\d+),(\d+)\]", queued[-1]):
        save_experiment(project, first, second)
    command = documented("dvc exp show --only-changed --drop 'Created|State|Executor|.*/' --sort-by width.validation_accuracy --sort-order desc")  # fmt: skip  # noqa: E501
    shown = run(*command, cwd=project)
    (said,) = re.findall(r"^```\n(─.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    assert nameless(said) == nameless(shown)


def save_experiment(project: Path, first: str, second: str) -> None:
    """What an experiment with these filters leaves that the study has trained; the working tree is as it was."""
    numbers = study_of(".")["width"][f"w{first}-{second}"]
    edit_params(project, "  - 8\n  - 16\n  blocks: 1\n", f"  - {first}\n  - {second}\n  blocks: 1\n")
    accuracy = project / "metrics/accuracy.json"
    compared = json.loads(accuracy.read_text())
    compared["width"] = {name: numbers[name] for name in compared["width"]}
    accuracy.write_text(json.dumps(compared, indent=2) + "\n")
    tree = run("git", "stash", "create", cwd=project).strip() + "^{tree}"
    commit = run("git", "commit-tree", "-m", "An experiment", "-p", "HEAD", tree, cwd=project).strip()
    head = run("git", "rev-parse", "HEAD", cwd=project).strip()
    run("git", "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/of-{first}", commit, cwd=project)
    (project / "params.yaml").unlink()
    accuracy.unlink()
    run("git", "checkout", "--quiet", ".", cwd=project)


def nameless(table: str) -> list[list[str]]:
    """The cells of each line, without names, and without the rules above and below, which are as long as names are."""
    rows = [re.split(r"\s{2,}", line.strip()) for line in table.splitlines() if line.strip(" ─")]
    return [[re.sub(r"^(├──|└──) [0-9a-f]{7} \[[a-z]+-\w+\]$", r"\1", cell) for cell in row] for row in rows]


def test_what_it_learns_from_and_where_it_trains_is_said_on_the_first_screens() -> None:
    said = " ".join(README.partition("## Three experiments")[0].split())
    assert "Fashion-MNIST, greyscale images of clothes" in said
    assert "It trains on the processor, and hides a GPU that is there: that would round otherwise" in said
