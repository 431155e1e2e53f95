"""Check that dvc.lock and the results in Git fit the code, the parameters and the libraries; needs no data.

    python -m tools.check

If they do not, it exits with status 1 and prints the stages and the remedy on one line.
"""

from stages.common import InputError, reported_in_one_line
from tools.lock import out_of_step
from tools.pipeline import stages_behind

TODO = "Run `make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"


def main() -> None:
    with reported_in_one_line("check"):
        if versions := out_of_step():
            raise InputError(f"{'; '.join(versions)}. Run `python -m tools.lock`. {TODO}")
        if behind := stages_behind():
            raise InputError(f"out of date: {', '.join(behind)}. After a `git checkout` run `dvc checkout`. {TODO}")
    print("check: the results are up to date")


if __name__ == "__main__":
    main()
