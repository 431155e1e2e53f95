"""What a schema refuses, in words."""

import reprlib
from typing import Any

from pydantic import ValidationError

PROBLEMS_SHOWN = 10  # of one file; a list can hold any number of them
KEY_SHOWN = 80  # characters
_brief = reprlib.Repr()
_brief.maxlevel = 2  # of six items each: an alias of an alias of an alias is short to write and endless to show


def problems(error: ValidationError) -> str:
    """What is wrong, on one line, a phrase a key: where, what stands there, what may stand there."""
    phrases = []
    for item in error.errors()[:PROBLEMS_SHOWN]:
        key = ".".join(str(part) for part in item["loc"] if not str(part).startswith("[")) or "the file"
        if len(key) > KEY_SHOWN or not key.isprintable():  # a newline in a key would make this two lines
            key = reprlib.repr(key)
        rule = item["msg"].removeprefix("Value error, ")
        holds = "is missing" if item["type"] == "missing" else f"holds {_shown(item['input'])}"
        may = "unknown key" if item["type"] == "extra_forbidden" else rule[:1].lower() + rule[1:]
        phrases.append(f"{key} {holds}: {may}")
    if error.error_count() > PROBLEMS_SHOWN:
        phrases.append(f"and {error.error_count() - PROBLEMS_SHOWN} more")
    return "; ".join(phrases)


def _shown(value: Any) -> str:
    try:
        return _brief.repr(value)
    except ValueError:  # from Python's limit on the digits of a number that it writes out
        return "a number of thousands of digits"
