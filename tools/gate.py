"""Is dvc.lock up with the code, the parameters and the libraries? In a clone without any data.

    python -m tools.gate

Exit status 1 where it is not, with a line that names the stages and what to do.
"""

import os
import sys
from typing import Any

from stages.common import InputError, reported_in_one_line
from tools.common.pipeline import of_the_study, opened
from tools.lock import out_of_step

TODO = "`make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
SHOWN = 3  # paths of those that are to be checked out


def stages_behind() -> list[str]:
    """The stages whose command, parameters or files are not those of dvc.lock, by name, in alphabetical order.

    A file that Git ignores may be missing, since only DVC holds it, and so may some of the folders in one, but no part
    of what a stage writes. One that Git holds may not, which `dvc repro --dry --allow-missing` would let pass. Raises
    InputError where DVC cannot read the pipeline.
    """
    behind = []
    with opened() as repo, repo.lock:
        graph = of_the_study(repo)
        for stage in graph:
            needed = list(graph.successors(stage))
            files = (*stage.deps, *stage.outs)
            lost = [file for file in files if file.status() and not repo.scm.is_ignored(file.fs_path)]
            other = [out for out in stage.outs if out.exists and out.workspace_status()]  # also where no cache has it
            stage.deps = [dep for dep in stage.deps if not _lacks_a_part(dep, needed)]
            if stage.changed(allow_missing=True, upstream=needed) or lost or other:
                behind.append(stage.addressing)
    return sorted(behind)


def others_than_locked() -> list[str]:
    """The paths of what only DVC holds and is here as another than dvc.lock has it, as after a `git checkout` alone."""
    with opened() as repo, repo.lock:
        outs = [out for stage in of_the_study(repo) for out in stage.outs if repo.scm.is_ignored(out.fs_path)]
        return sorted(str(out) for out in outs if out.exists and out.workspace_status())


def _lacks_a_part(dep: Any, needed: list[Any]) -> bool:
    """Whether something is missing in a folder into which other stages write; what is there is compared as theirs."""
    return any(
        out.fs_path.startswith(f"{dep.fs_path}{os.sep}") and not out.exists for stage in needed for out in stage.outs
    )


def main() -> None:
    with reported_in_one_line("gate"):
        try:
            if versions := out_of_step():
                raise InputError(f"{'; '.join(versions)}: `python -m tools.lock`, then {TODO}")
            behind = stages_behind()
            others = others_than_locked() if behind else []
        except InputError as error:
            sys.exit(f"gate: {error}")
    if behind:
        told = f"gate: dvc.lock is behind the code, the parameters or the metrics at {', '.join(behind)}: "
        some = f"{', '.join(others[:SHOWN])}{' and others' * (len(others) > SHOWN)}"
        first = f"first `dvc checkout`, as dvc.lock has other content of {some}; if that is not all, "
        sys.exit(f"{told}{first if others else ''}{TODO}")
    print("gate: Data and pipelines are up to date.")


if __name__ == "__main__":
    main()
