"""Show that a change of code changes no result; then update dvc.lock and the stored checkpoints without training.

    python -m tools.equivalence [BASE]

Compares the code here with the last commit that changed dvc.lock: up to HEAD, or up to the point where the branch left
BASE. Both versions run the pipeline on tests/sample, with two seeds and the epochs of params.yaml. A stage takes part
if dvc.lock has the same outputs for it as at that commit. If all outputs are byte-identical, dvc.lock gets the code's
checksums, and the checkpoints of the compared architectures get its fingerprint. The last line is for the commit
message. If an output differs, nothing changes.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from stages.checkpoints import FOLDER, CheckpointStore, code_fingerprint, store_root
from stages.common import DATA, InputError, read_yaml, reported_in_one_line, yaml_text
from stages.params import PARAMS_FILE
from stages.runner import ended_by_exception, tell
from tools.git import git, leave_callers_repository
from tools.pipeline import LOCK, Lock, code_of, entries_of, params_of
from tools.prune import stored
from tools.quick import copy_working_tree, run_in

RUNS = DATA / "equivalence"
SAMPLE = {"data": {"source": "tests/sample", "validation": 100}, "train": {"seeds": [0, 1]}}
CONFIG = "[core]\nanalytics = false\ncheck_update = false\nno_scm = true\n[cache]\ndir = cache\n"  # an empty store


def export(commit: str, folder: Path) -> None:
    """Write the project's files of a commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git("archive", f"--output={folder / 'code.tar'}", commit)
    shutil.unpack_archive(folder / "code.tar", folder, filter="data")


def run(place: str, fill: Callable[[Path], None], expected: Lock) -> Lock:
    """Run a version of the project on the sample in its own folder; return the entries of its dvc.lock.

    An interrupted run there resumes. Raises InputError if the version has other code than the `expected` entries.
    """
    project, partial = RUNS / place, RUNS / f".{place}"
    if not project.exists():
        fill(partial)
        (partial / ".dvc").mkdir(exist_ok=True)
        (partial / ".dvc/config").write_text(CONFIG, encoding="utf-8")
        entries = entries_of(partial)
        if stale := [name for name in expected if code_of(entries[name]) != code_of(expected[name])]:
            raise InputError(
                f"{LOCK} of {place}: not up to date with the code of {', '.join(stale)}. Run `make repro`."
            )
        (partial / LOCK).unlink()
        params = read_yaml((partial / PARAMS_FILE).read_text(encoding="utf-8"), str(PARAMS_FILE))
        for section, values in SAMPLE.items():
            params[section] |= values
        (partial / PARAMS_FILE).write_text(yaml_text(params), encoding="utf-8")
        partial.rename(project)
    tell(f"equivalence: runs {place}; output: {(log := project / 'run.log')}")
    run_in(project, ["dvc", "repro", "--no-commit"], log)
    return entries_of(project)


def compare(commit: str, old: Lock, here: Lock) -> int:
    """Run both versions; return the number of outputs. Raises InputError if one differs."""
    for folder in RUNS.glob("*"):
        if folder.name != commit:
            shutil.rmtree(folder)
    runs = run(commit, lambda folder: export(commit, folder), old), run("here", copy_working_tree, here)
    before, after = ({out["path"]: out["md5"] for name in old for out in one[name]["outs"]} for one in runs)
    if different := sorted(path for path in before | after if before.get(path) != after.get(path)):
        raise InputError(
            f"{', '.join(different)}: different in {RUNS}/here and {RUNS}/{commit}. {LOCK} did not change."
        )
    return len(before)


def copy_checkpoints(commit: str) -> int:
    """Copy stored trainings of the compared kinds from the old code to the code here; return how many."""
    root = store_root()
    old, new = (code_fingerprint(RUNS / version / "stages/training") for version in (commit, "here"))
    compared = [(one["architecture"], one["train"]) for one in stored(RUNS / "here/.dvc/cache" / FOLDER).values()]
    count = 0
    for folder, one in stored(root).items():
        if one["code"] == old != new and (one["architecture"], one["train"]) in compared:
            files = {path.name: path.read_bytes() for path in folder.glob("*.npz")}
            CheckpointStore(one | {"code": new}, root).import_files(files)
            count += 1
    return count


def main() -> None:
    with reported_in_one_line("equivalence"), ended_by_exception("equivalence"):
        leave_callers_repository()
        start = git("merge-base", sys.argv[1], "HEAD").strip() if sys.argv[1:] else "HEAD"
        commit = git("log", "-1", "--format=%h", start, "--", LOCK).strip()
        if not commit:
            raise InputError(f"{LOCK}: not committed, so there are no results to compare with. Commit it.")
        old: Lock = read_yaml(git("show", f"{commit}:./{LOCK}"), f"{LOCK} of {commit}")["stages"]
        here = entries_of(Path.cwd())
        old = {name: old[name] for name in here if name in old and old[name]["outs"] == here[name]["outs"]}
        if others := sorted(here.keys() - old):
            tell(f"equivalence: not compared, as their results differ from {commit}: {', '.join(others)}")
        here = {name: here[name] for name in old}
        if all(code_of(old[name]) == code_of(here[name]) for name in old):
            tell(f"equivalence: {len(old)} stages have the results and the code of {commit}")
            return
        before, after = ({k: v for one in lock.values() for k, v in params_of(one).items()} for lock in (old, here))
        if keys := [key for key, value in before.items() if after.get(key) != value]:
            raise InputError(f"{PARAMS_FILE}: {', '.join(keys)}: other values than at {commit}. Run `make repro`.")
        outputs = compare(commit, old, here)
        now = entries_of(Path.cwd())
        if any(now.get(name) != entry for name, entry in here.items()):
            raise InputError("code or parameters: changed during the comparison. Run the same command again.")
        entries_of(Path.cwd(), write=list(old))
        tell(f"equivalence: {LOCK} is up to date; copied {copy_checkpoints(commit)} stored trainings of the old code")
        tell(f"No result changes: {outputs} outputs are byte-identical to those of {commit} (`make equivalence`).")


if __name__ == "__main__":
    main()
