"""Words of commands that run for long."""

from stages.runner import ended_by_exception, tell

__all__ = ["counted", "ended_by_exception", "tell"]


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
