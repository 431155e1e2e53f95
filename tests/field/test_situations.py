"""What was reported of projects like this one, by people who used them elsewhere than where they were made.

A situation is a row: what was reported, and where; the commands that bring a clone into it; the command that somebody
then gives, with its exit status and what it is to say. No row may end in a traceback or without an end.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import run


class Situation(NamedTuple):
    report: str  # its address
    before: str  # commands of a shell, in a clone without data
    command: str
    says: str  # a regular expression
    status: int = 0


BRANCH = "git checkout --quiet -b branch; sed -i 's/0[.]9/0.8/' plots/width_curves.csv; git commit --quiet --all -m new"
OVERRIDES = "cp -r tests/sample own; git add own; git commit --quiet -m own"
FETCH_OWN = "sed -i 's/source: fashion-mnist/source: own/' params.yaml && python -m stages.fetch && ls data/raw"
PARTIAL = "; git config uploadpack.allowFilter true; git clone --quiet --filter={} file://$PWD ../part"
NOT_UTF_8 = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
REPORT = "python -m tools.pr_report"
OTHER_OWNER = "https://github.com/casperdcl/git-fame/issues/81"
PARTIAL_CLONE = "https://github.com/o2sh/onefetch/issues/1092"
FETCHED = r"^(.*\n)*t10k-images-idx3-ubyte\nt10k-labels"
WHOLE_AGAIN = "This clone is partial. Run `git fetch --refetch --no-filter`."

SITUATIONS = {
    "partial clone, without contents of files": Situation(
        PARTIAL_CLONE,
        BRANCH + PARTIAL.format("blob:none"),
        f"cd ../part && {REPORT} HEAD~1",
        rf"^Nothing was compared: git cat-file blob .*{WHOLE_AGAIN}\n$",
    ),
    "partial clone, without trees": Situation(
        PARTIAL_CLONE,
        BRANCH + PARTIAL.format("tree:0"),
        f"cd ../part && {REPORT} HEAD~1",
        rf"^Nothing was compared: .*{WHOLE_AGAIN}\n$",
    ),
    "partial clone that lacks nothing of what is compared": Situation(
        "https://github.com/chrismatix/grog/issues/126",
        "git checkout --quiet -b branch; echo >README.md; git commit --quiet --all -m new"
        + PARTIAL.format("blob:none"),
        f"cd ../part && {REPORT} HEAD~1",
        "^Nothing changed between ",
    ),
    "partial clone that is made whole": Situation(
        "https://github.com/ThreeMoonsLab/agents-shipgate/issues/817",
        BRANCH + PARTIAL.format("blob:none") + "; cd ../part; git fetch --quiet --refetch --no-filter",
        f"cd ../part && {REPORT} HEAD~1",
        r"\n\| 4 architectures ",
    ),
    "locale that is not UTF-8": Situation(
        "https://github.com/Samsung/Universum/issues/483", BRANCH, f"{NOT_UTF_8} {REPORT} main", "[▁-█]{5}"
    ),
    "folder of another user, as in a container: report": Situation(
        OTHER_OWNER,
        BRANCH,
        f"GIT_TEST_ASSUME_DIFFERENT_OWNER=1 {REPORT} main",
        r"^Nothing was compared: git .*: fatal: detected dubious ownership in .* --add safe.directory \S+/project\n$",
    ),
    "folder of another user, as in a container: run on the sample": Situation(
        OTHER_OWNER,
        "",
        "GIT_TEST_ASSUME_DIFFERENT_OWNER=1 python -m tools.quick",
        r"^quick: git ls-files [^;]*: fatal: detected dubious ownership in ",
        1,
    ),
    "checksums that nobody tracks, for an experiment in a copy": Situation(
        "https://github.com/treeverse/dvc/issues/8854",
        f"{OVERRIDES}; git rm --quiet --cached own/SHA256SUMS; git commit --quiet -m untracked",
        "dvc exp run --temp -S data.source=own fetch",
        "fetch: own: lacks SHA256SUMS in this experiment's copy of the project, .*: `git add own`",
        255,
    ),
    "names with dots, as unpackers give them": Situation(
        "https://github.com/sorki/python-mnist/issues/19",
        f"{OVERRIDES}; cd own; for n in *-ubyte; do mv $n $(echo $n | sed s/-idx/.idx/); done; "
        "sha256sum *-ubyte >SHA256SUMS",
        FETCH_OWN,
        FETCHED,
    ),
    "gzipped files, as they are downloaded": Situation(
        "https://github.com/flashlight/flashlight/issues/97", f"{OVERRIDES}; gzip own/*-ubyte", FETCH_OWN, FETCHED
    ),
    "checksums of gzipped files": Situation(
        "https://github.com/rasbt/python-machine-learning-book/issues/58",
        f"{OVERRIDES}; cd own; gzip *-ubyte; sha256sum *.gz >SHA256SUMS",
        FETCH_OWN,
        "fetch: own/SHA256SUMS: names no train-images-idx3-ubyte; .*; of a gzipped file, the checksum of what is in it",
        1,
    ),
    "checksums with the ends of lines of Windows": Situation(
        "https://github.com/erikdarlingdata/PerformanceMonitor/issues/2383",
        rf"{OVERRIDES}; sed -i 's/$/\r/' own/SHA256SUMS",
        FETCH_OWN,
        FETCHED,
    ),
    "checksums with a mark of the order of bytes": Situation(
        "https://github.com/openziti/desktop-edge-win/issues/645",
        rf"{OVERRIDES}; sed -i '1s/^/\xef\xbb\xbf/' own/SHA256SUMS",
        FETCH_OWN,
        FETCHED,
    ),
    "checksums as BSD has them": Situation(
        "https://github.com/strukto-ai/mirage/pull/619",
        f"{OVERRIDES}; cd own; sha256sum --tag *-ubyte >SHA256SUMS",
        FETCH_OWN,
        FETCHED,
    ),
    "parameters that are merged": Situation(
        "https://github.com/treeverse/dvc/issues/10984",
        "sed -i -e 's/^width:/width: \\&w/' -e '/^depth:/,/^study:/{/^  /d}' params.yaml; "
        "sed -i 's/^depth:.*/depth:\\n  <<: *w\\n  blocks: 3/' params.yaml",
        "dvc exp run -S depth.blocks=2 -S data.source=tests/sample fetch && cat params.yaml && python -m stages.params",
        r"depth:\n  <<: \*w\n  blocks: 2\n",
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS.values(), ids=SITUATIONS)
def test_situation_that_others_were_in(fresh: Path, tmp_path: Path, situation: Situation) -> None:
    project = Path(shutil.copytree(fresh, tmp_path / "project", symlinks=True))
    run("sh", "-ec", situation.before, cwd=project)
    said = run("timeout", "300", "sh", "-c", situation.command, cwd=project, status=situation.status)
    assert "Traceback" not in said
    assert re.search(situation.says, said), said
