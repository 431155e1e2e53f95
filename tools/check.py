"""Check that dvc.lock and the results in Git follow from the code, the parameters and the libraries; needs no data.

    python -m tools.check

Exit status 1 if they do not, with a line that names the stages and what to do.
"""

from stages.common import InputError, reported_in_one_line
from tools.common.pipeline import changed_data, stages_behind
from tools.lock import out_of_step

TODO = "Run `make repro`, then commit params.yaml, dvc.lock, metrics/ and plots/ with the code"
SHOWN = 3  # outputs to be checked out


def main() -> None:
    with reported_in_one_line("check"):
        if versions := out_of_step():
            raise InputError(f"{'; '.join(versions)}. Run `python -m tools.lock`. {TODO}")
        if behind := stages_behind():
            others = changed_data()
            some = f"{', '.join(others[:SHOWN])}{' and others' * (len(others) > SHOWN)}"
            first = f"Run `dvc checkout` first, as dvc.lock has other content of {some}. If that is not all: "
            raise InputError(f"results are out of date for {', '.join(behind)}. {first if others else ''}{TODO}")
    print("check: the results are up to date")


if __name__ == "__main__":
    main()
