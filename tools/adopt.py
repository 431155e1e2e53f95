"""Write the best architecture of the search under each budget into params.yaml, as `study.custom`.

    python -m tools.adopt

The best has the highest validation accuracy. An architecture that is best under two budgets is adopted once, under the
smaller. An architecture with a budget's name is replaced; every other custom architecture stays. The search
must be up to date with params.yaml and the code.
"""

from collections.abc import Sequence
from typing import Any

from dvc.utils.serialize import parse_yaml_for_update

from stages.common import TRIALS, InputError, reported_in_one_line, yaml_text
from stages.params import PARAMS_FILE, Search, load_params, read_params
from stages.search import checked_search
from stages.training.architecture import CustomArchitecture
from stages.training.files import write_text
from stages.trials.trial import Trial, best_by_budget, describe, read_trials
from tools.pipeline import SEARCH, stages_behind


def choose(trials: Sequence[Trial], search: Search) -> dict[str, CustomArchitecture]:
    """Return the best architecture under each budget by the budget's name, each architecture once."""
    chosen: dict[str, CustomArchitecture] = {}
    for name, trial in best_by_budget(trials, search).items():
        if trial.architecture not in chosen.values():
            chosen[name] = trial.architecture
    return chosen


def replace_adopted(text: str, search: Search, chosen: dict[str, CustomArchitecture]) -> str:
    """Return the text of params.yaml with `chosen` in `study.custom` instead of all with a budget's name."""
    content: Any = parse_yaml_for_update(text, str(PARAMS_FILE))
    custom = content["study"].get("custom") or {}
    others = {name: architecture for name, architecture in custom.items() if name not in search.budgets}
    adopted = {name: one.architecture.model_dump() | one.overrides for name, one in chosen.items()}
    content["study"]["custom"] = others | adopted
    return yaml_text(content)


def main() -> None:
    with reported_in_one_line("adopt"):
        search = checked_search(load_params())
        if stages_behind(SEARCH):
            raise InputError(f"{SEARCH}: out of date for params.yaml, the data or the code. Run `make search`.")
        chosen = choose(read_trials(TRIALS), search)
        if not chosen:
            raise InputError(f"{TRIALS}: no architecture under a budget learned. Raise search.budgets.")
        text = replace_adopted(PARAMS_FILE.read_text(encoding="utf-8"), search, chosen)
        read_params(text)
        write_text(PARAMS_FILE, text)
        for name, architecture in chosen.items():
            print(f"study.custom.{name}: {describe(architecture)}")
        print("`make repro` trains and tests them. Then commit params.yaml, dvc.lock, metrics and plots.")


if __name__ == "__main__":
    main()
