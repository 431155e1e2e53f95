"""Pieces of a Markdown page: tables in which any text stays text, numbers, and curves as a line of characters."""

import math

from stages.training.files import DECIMALS

CELL = 80  # characters
MARKUP = r"\`*_[]|@#~!"
BARS = "▁▂▃▄▅▆▇█"
POINTS = 30  # of a curve, at most
ABSENT = "-"


def table(columns: list[str], rows: list[list[str]], at_most: int | None = None) -> str:
    """A line a row, at most so many, and then a line that says how many more there are. It ends with a line's end.

    Cells are Markdown: what comes from a file goes through `code` or `plain` first.
    """
    lines = [columns, ["---"] * len(columns), *rows[:at_most]]
    more = len(rows) - len(rows[:at_most])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines) + (f"\nand {more} more\n" if more else "")


def code(value: object) -> str:
    """Any text as a piece of code, on one line."""
    text = _brief(value, CELL).replace("|", "\\|").replace("`", "'")
    return f"`{text}`"


def plain(value: object, at_most: int = CELL) -> str:
    """Any text as prose that Markdown and HTML leave alone, on one line."""
    text = _brief(value, at_most).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{letter}" if letter in MARKUP else letter for letter in text)


def _brief(value: object, at_most: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= at_most else f"{text[: at_most - 1]}…"


def number(value: float | None, sign: str = "") -> str:
    """As the files of metrics have it; `sign="+"` shows that of a positive number too."""
    if value is None:
        return ABSENT
    if isinstance(value, int):
        return f"{value:{sign}d}"
    text = f"{value:{sign}.{DECIMALS}f}"
    return text.rstrip("0").rstrip(".") if math.isfinite(value) else text


def curve(values: list[float], low: float, high: float) -> str:
    """First and last value, and between them a bar for every point, all of them between `low` and `high`."""
    if not values:
        return ABSENT
    steps = min(len(values), POINTS) - 1
    shown = [values[round(step * (len(values) - 1) / max(steps, 1))] for step in range(steps + 1)]
    bars = "".join(BARS[round((value - low) / ((high - low) or 1) * (len(BARS) - 1))] for value in shown)
    return f"{number(values[0])} {bars} {number(values[-1])}"


def folded(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{content}\n</details>\n"
