"""What a branch changes, for who reviews it: Markdown on stdout.

    python -m tools.pull_requests.report [BASE]

Compares HEAD with the commit at which it left BASE (default: origin/main), both as they were committed: parameters,
metrics, the stages that ran, learning curves, verdicts. It needs no data and no cache. What it could not compare it
says, and ends with exit status 0 all the same: the review goes on.
"""

import sys

from stages.common import METRICS, PLOTS
from stages.params import PARAMS_FILE
from tools.common.console import counted
from tools.common.git import GitError
from tools.common.markdown import code, plain
from tools.pull_requests.revisions import NothingToCompareError, Side, sides, uncommitted
from tools.pull_requests.sections import curves, metrics, parameters, stages, unique, verdicts

REASON = 400  # characters
COMPARED = ["dvc.lock", str(PARAMS_FILE), str(METRICS), str(PLOTS)]


def report(base: str) -> str:
    """The whole page, or the reason why there is none."""
    try:
        return _page(base, *sides(base))
    except NothingToCompareError as error:
        reason = f"{error}."
    except GitError as error:
        reason = "; ".join(part for part in (plain(error.said, at_most=REASON), error.way_round) if part)
    return f"Nothing was compared: {reason}\n"


def _page(base: str, old: Side, new: Side) -> str:
    sections = [section(old, new) for section in (parameters, metrics, stages, curves, verdicts)]
    missing = unique([*old.missing, *new.missing])
    if not_committed := uncommitted(COMPARED):
        missing.append(f"What is not committed: {', '.join(map(code, not_committed))}")
    changed = [section for section in sections if section.changes]
    counts = ", ".join(counted(section.changes, section.what) for section in changed)
    nothing = "Nothing that could be compared" if missing else "Nothing"
    where = f"between {code(base)} ({old.commit[:7]}) and this branch ({new.commit[:7]})"
    page = [f"{counts or nothing} changed {where}.", *(section.text for section in changed)]
    if missing:
        page.append("## Not compared\n\n" + "\n".join(f"- {line}." for line in missing))
    return "\n\n".join(part.strip() for part in page) + "\n"


def main() -> None:
    print(report(sys.argv[1] if len(sys.argv) > 1 else "origin/main"), end="")


if __name__ == "__main__":
    main()
