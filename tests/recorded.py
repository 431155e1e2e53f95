"""Numbers of metrics/ and records/ as the documentation writes them."""

import json
import re

from tests.conftest import ROOT

Study = dict[str, dict[str, dict[str, float]]]  # by family, name and number


def study_of(place: str) -> Study:
    study: Study = json.loads((ROOT / place / "metrics/study.json").read_text())
    return study


def share_started(numbers: dict[str, float]) -> str:
    """The 95 % interval of how often a training starts, in per cent."""
    low, high = (100 * numbers[f"started_share_{end}"] for end in ("low", "high"))
    return f"{low:.0f} to {high:.0f}"


def of_started(numbers: dict[str, float]) -> str:
    """The mean test accuracy of the runs that learned, with its 95 % interval, in per cent."""
    if not numbers["learned"]:
        return "-"
    mean, low, high = (100 * numbers[f"test_accuracy_learned{end}"] for end in ("", "_low", "_high"))
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def numbers_in(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


def in_one_line(page: str) -> str:
    """A page's text, wherever its lines end."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())
