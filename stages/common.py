"""What every stage shares: errors in one line, the paths of the project, YAML as DVC reads it, versions of libraries."""

import io
import os
import re
import reprlib
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode

from stages.training.files import InputError

__all__ = ["InputError"]

DATA = Path("data")
RAW = DATA / "raw"
DATASET_FILE = DATA / "fashion_mnist.npz"
MODELS = DATA / "models"
METRICS = Path("metrics")
PLOTS = Path("plots")
TRIALS = PLOTS / "search_trials.csv"
LIBRARIES = Path("stages/libraries/training.txt")  # the data set file and trainings depend on these versions
REPORT_LIBRARIES = Path("stages/libraries/report.txt")  # tables, pictures and the page depend on these as well
SEARCH_LIBRARIES = Path("stages/libraries/search.txt")  # the proposals of a search depend on these as well


ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MISREAD = re.compile("%[0-9A-Fa-f]{2}|[#?]")  # DVC reads a path with these as an address, and loses experiments
_scratch: set[Path] = set()


@contextmanager
def scratch_folder(beside: Path | None = None) -> Iterator[Path]:
    """Make a temporary folder, in `beside` if given, and remove it at the end, also when a signal ends the process."""
    folder = Path(tempfile.mkdtemp(prefix=".partial-", dir=beside))
    _scratch.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _scratch.discard(folder)


def _check_place() -> None:
    """Raise InputError if DVC cannot work where the project or its data are."""
    if misread := MISREAD.search(str(Path.cwd())):
        raise InputError(f"{Path.cwd()}: DVC misreads {misread[0]!r} in a path. Move the project to another folder.")
    if DATA.is_symlink():
        raise InputError(f"{DATA}: DVC needs a folder, not a link. For another disk use `dvc cache dir PATH`.")


@contextmanager
def reported_in_one_line(stage: str) -> Iterator[None]:
    """Turn errors that a user can correct into one line and exit status 1; let a bug keep its traceback.

    Ctrl-C, SIGTERM and SIGHUP end the process at once, with one line. This is safe because every file is written next
    to its final name; an exception could be lost in a destructor.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        for folder in tuple(_scratch):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            os.write(2, f"\n{stage}: interrupted. The same command goes on from here.\n".encode())
        finally:  # the terminal may be gone
            os._exit(128 + number)

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # a background job ignores Ctrl-C, `nohup` SIGHUP
            signal.signal(number, stop)
    try:
        _check_place()
        yield
    except InputError as error:
        sys.exit(f"{stage}: {error}")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{stage}: {name}{error.strerror or error}. Correct this and run the same command again.")


LINE = r"([a-z0-9][a-z0-9-]*)==(\S+)"


def read_libraries(path: Path) -> dict[str, str]:
    """The versions by the libraries' names. Raises InputError where a line is not NAME==VERSION, OSError."""
    libraries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(LINE, line)
        if not found:
            raise InputError(f"{path}: holds {line[:80]!r}, a line may hold NAME==VERSION; `make lock` writes the file")
        libraries[found[1]] = found[2]
    return libraries


def check_libraries(*more: Path) -> None:
    """Raise InputError where other versions are installed than LIBRARIES and the files `more` name."""
    for path in (LIBRARIES, *more):
        committed = read_libraries(path)
        _refuse_others(path, committed, {name: _installed(name) for name in committed})


def check_imported() -> None:
    """Raise InputError where a library of LIBRARIES was imported from elsewhere than where it is installed."""
    modules = {name: sys.modules.get(name.replace("-", "_")) for name in read_libraries(LIBRARIES)}
    imported = {name: str(module.__version__) for name, module in modules.items() if module}
    _refuse_others(LIBRARIES, read_libraries(LIBRARIES), imported)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _refuse_others(path: Path, committed: dict[str, str], here: dict[str, str]) -> None:
    others = [
        f"{name} is {here[name]} here, {committed[name]} in {path}" for name in here if here[name] != committed[name]
    ]
    if others:
        raise InputError(f"{'; '.join(others)}; results follow from them, and `make setup` brings the committed ones")


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
