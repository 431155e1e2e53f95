"""Show that a change of code changes no result; then update dvc.lock and the stored checkpoints without a training.

    python -m tools.equivalence [BASE]

Compares the code here with that of the last commit that changed dvc.lock, up to HEAD, or to where the branch left BASE.
Both run the pipeline on tests/sample, with two seeds and as many epochs as params.yaml asks for. A stage takes part if
dvc.lock has the same outputs for it as at that commit. If all bytes are equal, its entry in dvc.lock gets the checksums
of the code here, the checkpoints of the old code get its fingerprint, and the last line is for the commit's message.
Otherwise nothing changes.
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.checkpoints import FOLDER, CheckpointStore, code_fingerprint, store_root
from stages.common import DATA, InputError, read_yaml, reported_in_one_line, yaml_text
from stages.params import PARAMS_FILE
from stages.runner import ended_by_exception, tell
from stages.training.architecture import Architecture
from tools.git import git, leave_callers_repository
from tools.pipeline import Lock, entries_of, is_code
from tools.prune import stored
from tools.quick import copy_working_tree, run_in

RUNS = DATA / "equivalence"
LOCK = Path("dvc.lock")
SAMPLE = {"data": {"source": "tests/sample", "validation": 100}, "train": {"seeds": [0, 1]}}
CONFIG = "[core]\nanalytics = false\ncheck_update = false\nno_scm = true\n[cache]\ndir = cache\n"  # an empty store


def code_of(entry: dict[str, Any]) -> tuple[Any, dict[str, str]]:
    """Return a stage's command, and the MD5 of every file and folder of its code, from its entry in dvc.lock."""
    return entry["cmd"], {dep["path"]: dep["md5"] for dep in entry.get("deps", []) if is_code(dep["path"])}


def changed_values(old: Any, here: Any, key: str = "") -> list[str]:
    """Return the dotted keys whose values in `old` are missing or different in `here`; new keys do not count."""
    if not isinstance(old, dict) or not isinstance(here, dict):
        return [] if old == here and type(old) is type(here) else [key]
    return [k for name in old for k in changed_values(old[name], here.get(name), f"{key}.{name}".lstrip("."))]


def export(commit: str, folder: Path) -> None:
    """Write the project's files as committed."""
    folder.mkdir(parents=True, exist_ok=True)
    git("archive", f"--output={folder / 'code.tar'}", commit)
    shutil.unpack_archive(folder / "code.tar", folder, filter="data")


def run(place: str, fill: Callable[[Path], None], expected: Lock) -> Path:
    """Run a version of the project on the sample in a folder of its own; return the folder.

    An earlier run there goes on. Raises InputError if the code of the version is not that of the `expected` entries.
    """
    project, partial = RUNS / place, RUNS / f".{place}"
    if not project.exists():
        fill(partial)
        (partial / ".dvc").mkdir(exist_ok=True)
        (partial / ".dvc/config").write_text(CONFIG, encoding="utf-8")
        entries = entries_of(partial)
        if stale := [name for name in expected if code_of(entries[name]) != code_of(expected[name])]:
            raise InputError(f"{place}: {LOCK} has other code than the files, at {', '.join(stale)}. Run `make repro`")
        (partial / LOCK).unlink()
        params = read_yaml((partial / PARAMS_FILE).read_text(encoding="utf-8"), str(PARAMS_FILE))
        for section, values in SAMPLE.items():
            params[section] |= values
        (partial / PARAMS_FILE).write_text(yaml_text(params), encoding="utf-8")
        partial.rename(project)
    tell(f"equivalence: runs {place}; output: {(log := project / 'run.log')}")
    run_in(project, ["dvc", "repro", "--no-commit"], log)
    return project


def compare(commit: str, entries: Lock, here: Lock) -> int:
    """Run both versions; return how many files have the same bytes. Raises InputError if one differs."""
    for folder in RUNS.glob("*"):
        if folder.name != commit:
            shutil.rmtree(folder)
    projects = run(commit, lambda folder: export(commit, folder), entries), run("here", copy_working_tree, here)
    outputs = [Path(output["path"]) for entry in entries.values() for output in entry["outs"]]
    before, after = (
        {
            str(file.relative_to(project)): file.read_bytes()
            for path in outputs
            for file in (project / path, *(project / path).rglob("*"))
            if file.is_file()
        }
        for project in projects
    )
    different = sorted(name for name in before | after if before.get(name) != after.get(name))
    if different or not before:
        names = ", ".join(different[:12])
        raise InputError(f"{len(different)} files differ from those of {commit}, such as {names}. Nothing changed")
    return len(before)


def kinds(fingerprint: dict[str, Any]) -> set[tuple[str, Any]]:
    """Return what decides which code trains an architecture: of most numbers, whether they are zero."""
    keys = Architecture(**fingerprint["architecture"]).model_dump() | {"ema_momentum": 0} | fingerprint["train"]
    exact = {"kernel_size", "pool_stride", "threads", *(key for key in keys if isinstance(keys[key], str))}
    return {(key, value if key in exact else bool(value)) for key, value in keys.items()}


def copy_checkpoints(commit: str) -> int:
    """Store the old code's trainings of the compared kinds under the fingerprint of the code here; return how many."""
    root, shared = store_root()
    old, new = (code_fingerprint(RUNS / version / "stages/training") for version in (commit, "here"))
    compared = set().union(*map(kinds, stored(RUNS / "here/.dvc/cache" / FOLDER).values()))
    known = {path: one for path, one in stored(root).items() if one["code"] == old != new and kinds(one) <= compared}
    for folder, one in known.items():
        store = CheckpointStore(one | {"code": new}, root, shared=shared)
        for path in folder.glob("*.npz"):
            store.import_files({path.name: path.read_bytes()})
    return len(known)


def main() -> None:
    with reported_in_one_line("equivalence"), ended_by_exception("equivalence"):
        leave_callers_repository()
        start = git("merge-base", sys.argv[1], "HEAD").strip() if sys.argv[1:] else "HEAD"
        commit = git("log", "-1", "--format=%h", start, "--", str(LOCK)).strip()
        if not commit:
            raise InputError(f"{LOCK}: not committed, so no results show what the code must give. Commit it")
        old: Lock = read_yaml(git("show", f"{commit}:./{LOCK}"), f"{LOCK} of {commit}")["stages"]
        lock: Lock = read_yaml(LOCK.read_text(encoding="utf-8"), str(LOCK))["stages"]
        here = entries_of(Path.cwd())
        kept = {name: old[name] for name in here if name in old and old[name]["outs"] == lock[name]["outs"]}
        if others := sorted(here.keys() - kept):
            tell(f"equivalence: not compared, as their results are not those of {commit}: {', '.join(others)}")
        if all(code_of(entry) == code_of(here[name]) for name, entry in kept.items()):
            tell(f"equivalence: {len(kept)} stages have the results of {commit}, and its code")
            return
        before, now = ([one[name].get("params", {}).get(str(PARAMS_FILE)) for name in kept] for one in (old, here))
        if keys := dict.fromkeys(key for pair in zip(before, now, strict=True) for key in changed_values(*pair)):
            raise InputError(f"{PARAMS_FILE}: {', '.join(keys)}: other values than at {commit}. Run `make repro`")
        files = compare(commit, kept, {name: here[name] for name in kept})
        entries_of(Path.cwd(), write=list(kept))
        tell(f"equivalence: {LOCK} is up to date; copied {copy_checkpoints(commit)} stored trainings of the old code")
        tell(f"No result changes: {files} files have the same bytes as by the code of {commit} (`make equivalence`).")


if __name__ == "__main__":
    main()
