"""Show that a change of code changes no result, and let dvc.lock know.

    python -m tools.same           the code here against the code that dvc.lock names; brings dvc.lock up to date
    python -m tools.same BASE      where a branch changed checksums of code in dvc.lock and nothing else: is that so?

Every architecture of params.yaml is trained on the sample, two epochs from two seeds, with both versions of the code,
and every byte that any stage wrote is compared; where the whole data set is here, a narrow and a deep architecture on
it as well, for one epoch. The old version comes from Git; what it wrote is kept in data/same/ for the next time.
Refused where a value that dvc.lock holds, of a parameter, of data or of an output, is another one here. Exit status 1
where a byte differs, and nothing is changed then.
"""

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from stages.checkpoints import DECIDING, Kept, store
from stages.common import DATA, DATASET_FILE, InputError, reported_in_one_line
from stages.params import load_params
from stages.training.architecture import Architecture
from tools.common.console import ended_by_exception, tell
from tools.common.git import git, leave_callers_repository
from tools.common.pipeline import of_the_study, opened, stages_behind
from tools.comparing.lock import changed_values, differing_values, named_code, of_the_pipeline, read_lock
from tools.comparing.trial import (
    LOCK,
    SAMPLE,
    WHOLE,
    differing_files,
    narrow_and_deep,
    outputs,
    prepare,
    run_on_whole_data,
    run_pipeline,
)
from tools.comparing.versions import Version, version_of, working_tree
from tools.kept import entries

KEPT = DATA / "same"
SHOWN = 12  # differing outputs


def compare(old: Version, new: Version) -> int:
    """The number of files that are the same bytes from both. Raises InputError, which names those that are not."""
    sample = [project_of(old, "sample", SAMPLE), project_of(new, "sample", SAMPLE)]
    pairs = [sample]
    if DATASET_FILE.exists():
        pairs.append([project_of(old, "whole", WHOLE), project_of(new, "whole", WHOLE)])
    different, same = [], 0
    for before, after in pairs:
        old_outputs, new_outputs = outputs(before), outputs(after)
        for path in sorted(old_outputs.keys() | new_outputs.keys()):
            if old_outputs.get(path) != new_outputs.get(path):
                names = [Path(name).name for name in differing_files(before, after, path)]
                different.append(f"{path} ({', '.join(names)}; {before.name.rpartition('-')[2]} data)")
            else:
                files = [file for file in (after / path).rglob("*") if file.is_file()]
                same += max(len(files), 1)
    if different:
        more = f"; and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
        raise InputError(f"other bytes in {'; '.join(different[:SHOWN])}{more}; dvc.lock stays as it was")
    return same


def project_of(version: Version, data: str, values: dict[str, Any]) -> Path:
    """The version's project after its run on the data; from where it is kept, if it was run before."""
    place = KEPT / f"{version.identity}-{data}"
    if not (place / LOCK).exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        project = Path(tempfile.mkdtemp(prefix=f".partial-{data}-", dir=KEPT))
        try:
            version.export(project)
            prepare(project, values)

            def tell_stage(stage: str) -> None:
                tell(f"same: {version.name}, {data} data: {stage}")

            if data == "sample":
                run_pipeline(project, tell_stage)
            else:
                run_on_whole_data(project, narrow_and_deep(project), DATASET_FILE, tell_stage)
            shutil.rmtree(place, ignore_errors=True)
            project.replace(place)
        finally:
            shutil.rmtree(project, ignore_errors=True)
    return place


def forget_others(used: list[Version]) -> None:
    """Remove what other versions wrote: the next change is compared with one of these."""
    for place in KEPT.iterdir():
        if not place.name.startswith(tuple(version.identity for version in used)):
            shutil.rmtree(place)


def bring_up_to_date(names: list[str]) -> None:
    """Give these stages' entries in dvc.lock the checksums of what lies here, as `dvc commit` does.

    Unlike there, data and outputs may be missing, and keep the checksums that they have.
    """
    with opened() as repo, repo.lock:
        stages = [stage for stage in of_the_study(repo) if stage.addressing in names]
        for stage in stages:
            whole = all(file.exists for file in (*stage.deps, *stage.outs))
            stage.save(allow_missing=True, run_cache=whole)
            if whole:
                stage.commit()
        stages[0].dvcfile.dump_stages(stages, update_pipeline=False)


def carry_over(old: Version, new: Version) -> str:
    """Let the new code find what was kept of trainings by the old, as far as their kinds were among those compared.

    A kind is a key of an architecture with a word as its value, such as its activation. Gives what was done, in words.
    """
    compared = {kind for described in load_params().architectures() for kind in kinds(described.architecture)}
    code = {name: hashlib.sha256(new.files[f"stages/{name}"]).hexdigest() for name in DECIDING}
    carried, left = 0, 0
    for entry in entries(store()):
        by_old = {
            name: hashlib.sha256(old.files.get(f"stages/{name}", b"")).hexdigest() for name in entry.made_by["code"]
        }
        if entry.made_by["code"] != by_old or by_old == code:
            continue
        if kinds(entry.architecture) <= compared:
            Kept(entry.made_by | {"code": code}, store()).adopt(entry.folder)
            carried += 1
        else:
            left += 1
    others = f"; {left} of other kinds than were compared will be trained anew" if left else ""
    return f"same: {carried} kept trainings are found by this code as well{others}"


def kinds(architecture: Architecture) -> set[tuple[str, str]]:
    """The keys whose values are words, with these."""
    return {(key, value) for key, value in architecture if isinstance(value, str)}


def sentence(old: Version, files: int) -> str:
    """What was shown, for a commit's message."""
    whole = "; a narrow and a deep one on the whole data for one epoch" if DATASET_FILE.exists() else ""
    return (
        f"No result changes: every architecture on the sample, two epochs from two seeds{whole}, gives {files} files "
        f"of the same bytes as by the code of {old.name} (`make same`)."
    )


def here() -> None:
    """Compare the code here with that of dvc.lock, and bring dvc.lock up to date."""
    lock = of_the_pipeline(read_lock(LOCK.read_text(encoding="utf-8")))
    if values := differing_values(lock):
        raise InputError(
            f"{', '.join(values)}: not as dvc.lock has it; only changes of code can be shown to change nothing. "
            "`git checkout` and `dvc checkout` bring back what dvc.lock names, `make repro` makes it anew"
        )
    behind = stages_behind()
    known = [stage for stage in behind if stage in lock]
    if not known:
        tell("same: dvc.lock names the code that lies here")
    else:
        old, new = version_of(lock), working_tree()
        files = compare(old, new)
        bring_up_to_date(known)
        tell(carry_over(old, new))
        forget_others([old, new])
        tell(sentence(old, files))
    if unknown := sorted(set(behind) - set(known)):
        tell(f"same: {', '.join(unknown)}: not in dvc.lock yet; `make repro` runs what is new")


def on_branch(base: str) -> None:
    """Compare, where checksums of code are all that changed in dvc.lock since the branch left `base`."""
    left = git("merge-base", base, "HEAD").strip()
    before, after = (
        of_the_pipeline(read_lock(text)) for text in (git("show", f"{left}:./{LOCK}"), LOCK.read_text(encoding="utf-8"))
    )
    if named_code(before) == named_code(after):
        tell("same: no checksum of code in dvc.lock changed")
    elif values := changed_values(before, after):
        tell(f"same: dvc.lock has other results, by {', '.join(values[:SHOWN])}; `make pr-report` tells them")
    else:
        old = version_of(before)
        tell(sentence(old, compare(old, working_tree())))


def main() -> None:
    with reported_in_one_line("same"), ended_by_exception("same"):
        leave_callers_repository()
        if len(sys.argv) > 1:
            on_branch(sys.argv[1])
        else:
            here()


if __name__ == "__main__":
    main()
