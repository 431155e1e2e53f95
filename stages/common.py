"""What every stage shares: errors in one line, paths of the project, versions of libraries, YAML as DVC reads it."""

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
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLWarning
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
            os.write(2, f"\n{stage}: interrupted. Run the same command again.\n".encode())
        finally:  # the terminal may be gone
            os._exit(128 + number)

    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # a background job ignores Ctrl-C, `nohup` SIGHUP
            signal.signal(number, stop)
    try:
        _check_place()
        yield
    except InputError as error:
        sys.exit(f"{stage}: {error}".replace("\n", "\\n"))  # a file's name may contain a line break
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        sys.exit(f"{stage}: {name}{error.strerror or error}. Correct this and run the same command again.")


def read_libraries(path: Path) -> dict[str, str]:
    """Read versions by the libraries' names. Raises InputError if a line is not NAME==VERSION, OSError."""
    libraries = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not (found := re.fullmatch(r"([a-z0-9][a-z0-9-]*)==(\S+)", line)):
            raise InputError(f"{path}: expected NAME==VERSION, got {line[:80]!r}. `make lock` writes the file")
        libraries[found[1]] = found[2]
    return libraries


def check_libraries(*more: Path) -> None:
    """Raise InputError if other versions are installed than LIBRARIES and the files `more` require."""
    for path in (LIBRARIES, *more):
        _check_versions(path, {name: _installed(name) for name in read_libraries(path)})


def check_imported() -> None:
    """Raise InputError if a library of LIBRARIES was imported from elsewhere than from where it is installed."""
    modules = {name: sys.modules.get(name.replace("-", "_")) for name in read_libraries(LIBRARIES)}
    _check_versions(LIBRARIES, {name: str(module.__version__) for name, module in modules.items() if module})


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _check_versions(path: Path, here: dict[str, str]) -> None:
    required = read_libraries(path)
    if others := [
        f"{name}: expected {required[name]}, got {here[name]}" for name in here if here[name] != required[name]
    ]:
        raise InputError(f"{path}: {'; '.join(others)}. Results depend on these versions: run `make setup`")


MERGED_KEYS = 10_000  # per mapping, at most: nine lines that merge the line before nine times ask for 86 million
PROBLEMS_SHOWN = 10  # per file: a list can have any number of them
_brief = reprlib.Repr()
_brief.maxlevel = 2  # of six items each: an alias of an alias of an alias is short to write and endless to show


class _NoRepeatedKeys(SafeConstructor):
    """The library's safe constructor, which misses a repeated key if the mapping also merges others."""

    def flatten_mapping(self, node: MappingNode) -> None:
        seen = set[str]()
        for key in [] if node.merge else [key for key, _ in node.value if isinstance(key.value, str)]:
            if key.value in seen and key.value != "<<":
                raise ConstructorError(None, None, f"key {key.value!r} repeats", key.start_mark)
            seen.add(key.value)
        super().flatten_mapping(node)
        if len(node.value) > MERGED_KEYS:
            raise ConstructorError(None, None, f"merges more than {MERGED_KEYS} keys", node.start_mark)


def read_yaml(text: str, name: str) -> Any:
    """Read YAML 1.2 as DVC does. Raises InputError, which begins with `name`, if it is not YAML or a key repeats."""
    yaml = YAML(typ="safe")
    yaml.Constructor = _NoRepeatedKeys
    try:
        with warnings.catch_warnings(action="ignore", category=YAMLWarning):  # an anchor's name may be used again
            return yaml.load(text)
    except Exception as error:  # also other kinds than ruamel.yaml's own, if a value is not what its tag says
        mark, reason = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{name}: not YAML: {place}{_one_line(reason)}") from None


def yaml_text(content: dict[str, Any]) -> str:
    """Return the content as DVC writes it: one line per value, keys in their order."""
    yaml, text = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.dump(content, text)
    return text.getvalue()


def problems(error: ValidationError) -> str:
    """Return what is wrong, on one line: `KEY: expected X, got Y`, joined by semicolons."""
    phrases = [_problem(item) for item in error.errors()[:PROBLEMS_SHOWN]]
    more = error.error_count() - PROBLEMS_SHOWN
    return "; ".join([*phrases, *([f"and {more} more"] if more > 0 else [])]) + "."


def _problem(item: ErrorDetails) -> str:
    key = _one_line(".".join(str(part) for part in item["loc"] if not str(part).startswith("["))) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    rule = re.sub("(?i)^(value error, )?(input should be )?", "", item["msg"]).replace(" should", " to")
    rule = rule[:1].lower() + rule[1:]
    if item["type"] == "missing":
        return f"{key}: missing; {rule}"
    try:
        got = _brief.repr(item["input"])
    except ValueError:  # from Python's limit on the digits of a number that it writes out
        got = "a number of thousands of digits"
    return f"{key}: expected {rule}, got {got}"


def _one_line(text: str) -> str:
    """Return the text without line ends and control characters, 80 characters at most."""
    text = " ".join(text.split())
    return reprlib.repr(text) if len(text) > 80 or not text.isprintable() else text
