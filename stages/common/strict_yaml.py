"""YAML as DVC reads and writes it, by the same library in the same version (1.2); repeated keys are refused."""

import io
import warnings
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode

from stages.common.errors import InputError

# ruamel.yaml's own, and what it lets through where a value is not what its tag says (`!!bool x`, `!!timestamp x`)
NOT_YAML = (YAMLError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
MERGE = "tag:yaml.org,2002:merge"
MOST_MERGED = (
    10_000  # keys of one mapping; of nine lines, each merging the one before nine times, the last asks for 86 million
)


class _NoRepeatedKeys(SafeConstructor):
    """The library's safe constructor, which overlooks a repeated key where the mapping also merges others."""

    def flatten_mapping(self, node: MappingNode) -> None:
        if not node.merge:  # otherwise it has been here before, and the keys that it merged are among its own
            self._check_keys(node)
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED:
            raise ConstructorError(None, None, f"merges more than {MOST_MERGED} keys", node.start_mark)

    def _check_keys(self, node: MappingNode) -> None:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            key = tuple(key) if isinstance(key, list) else key
            if key in seen:
                raise ConstructorError(None, None, f"key {key!r} repeats", key_node.start_mark)
            seen.add(key)


def read_yaml(text: str, name: str) -> Any:
    """What `text` says, in Python's own types; aliases of a value are one object.

    Raises InputError, one line that begins with `name`, where it is not YAML, repeats a key, or merges too much.
    """
    yaml = YAML(typ="safe")
    yaml.Constructor = _NoRepeatedKeys
    try:
        with warnings.catch_warnings(action="ignore", category=YAMLWarning):  # an anchor's name may be used again
            return yaml.load(text)
    except NOT_YAML as error:
        raise InputError(f"{name}: not readable as YAML: {_reason(error)}") from None


def yaml_text(content: dict[str, Any]) -> str:
    """The content as DVC writes it: a line a value, keys in their order."""
    yaml = YAML()
    yaml.default_flow_style = False
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def _reason(error: Exception) -> str:
    reason = str(error) or type(error).__name__
    if isinstance(error, MarkedYAMLError) and error.problem and error.problem_mark:
        mark = error.problem_mark
        reason = f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    reason = " ".join(reason.split())
    return reason if reason.isprintable() else ascii(reason)
