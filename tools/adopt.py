"""Write what the search found into params.yaml: under each budget the best, as an architecture of `study.custom`.

    python -m tools.adopt

Best is the highest validation accuracy. One that is best under two budgets is adopted once, under the smaller; what
was adopted before under a budget's name is replaced. Refused where the search is behind params.yaml or the code.
"""

from typing import Any

from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

from stages.common import TRIALS, InputError, reported_in_one_line
from stages.params import PARAMS_FILE, Search, load_params, read_params
from stages.training.architecture import CustomArchitecture
from stages.training.files import write_text
from stages.trials.generations import best
from stages.trials.summary import briefly
from stages.trials.table import read_trials
from stages.trials.trial import Trial
from tools.common.pipeline import SEARCH, opened


def check_up_to_date() -> None:
    """Raise InputError where the search is not what params.yaml and the code ask for now."""
    with opened() as repo, repo.lock:
        stages = [stage for stage in repo.index.stages if stage.path_in_repo == SEARCH]
        if any(stage.changed(allow_missing=True, upstream=[]) for stage in stages):
            raise InputError(f"{SEARCH}: what it found is not of this params.yaml and this code; `make search` first")


def adopted(trials: list[Trial], budgets: dict[str, int]) -> dict[str, CustomArchitecture]:
    """The best under each budget by the budget's name, the smallest first; each architecture once."""
    chosen: dict[str, Trial] = {}
    for name, parameters in sorted(budgets.items(), key=lambda budget: budget[1]):
        trial = best(trials, parameters)
        if trial and trial.number not in [other.number for other in chosen.values()]:
            chosen[name] = trial
    return {name: trial.architecture for name, trial in chosen.items()}


def with_found(text: str, search: Search, found: dict[str, CustomArchitecture]) -> str:
    """The text of params.yaml with these in `study.custom`, in the place of all that have a budget's name."""
    content: Any = parse_yaml_for_update(text, str(PARAMS_FILE))
    kept = {name: held for name, held in (content["study"].get("custom") or {}).items() if name not in search.budgets}
    content["study"]["custom"] = kept | {
        name: one.architecture.model_dump() | one.overrides for name, one in found.items()
    }
    written: str = dumps_yaml(content)
    return written


def main() -> None:
    with reported_in_one_line("adopt"):
        params = load_params()
        if params.search is None:
            raise InputError(f"{PARAMS_FILE}: search is missing: what is searched, and under which budgets")
        check_up_to_date()
        found = adopted(read_trials(TRIALS), params.search.budgets)
        if not found:
            raise InputError(f"{TRIALS}: holds no architecture within a budget that learned; nothing is adopted")
        text = with_found(PARAMS_FILE.read_text(encoding="utf-8"), params.search, found)
        read_params(text)
        write_text(PARAMS_FILE, text)
        for name, architecture in found.items():
            print(f"study.custom.{name}: {briefly(architecture)}")
        print("`make repro` trains and tests them; then commit params.yaml, dvc.lock, metrics and plots")


if __name__ == "__main__":
    main()
