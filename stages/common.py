"""Shared by all stages: one-line errors, paths, versions of libraries, and YAML as DVC reads it."""

import os
import re
import reprlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML

from stages.training.files import InputError as InputError

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

SUMMARY_FOLLOWS = "SUMMARY_FOLLOWS"  # set in the environment if the caller of `dvc repro` prints the summary itself
PROBLEMS_SHOWN = 10
_brief = reprlib.Repr()
_brief.maxlevel = 2  # of six items each: a short file of nested aliases can expand to an endless list
sys.set_int_max_str_digits(0)  # an error can show any number
# Parts of pydantic's messages that errors omit
PYDANTIC = "(?i)^(value error, )?(([a-z]+) should (be|have|match) )?| after validation.*| or instance .*"

ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MISREAD = "%[0-9A-Fa-f]{2}|[#?]"  # DVC takes a path with these for a URL, and loses experiments
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # keys and file names can contain line ends
_scratch: list[str] = []  # folders to remove if a signal ends the process


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a temporary folder, in `parent` if given, and remove it at the end, also when a signal ends the process."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=parent, ignore_cleanup_errors=True) as folder:
        _scratch.append(folder)
        yield Path(folder)


def _check_place() -> None:
    """Raise InputError if DVC cannot use the project's folder or its data folder."""
    if misread := re.search(MISREAD, str(Path.cwd())):
        raise InputError(f"{Path.cwd()}: DVC misreads {misread[0]!r} in a path. Move the project to another folder.")
    if DATA.is_symlink():
        raise InputError(f"{DATA}: DVC needs a folder, not a link. For another disk use `dvc cache dir PATH`.")


@contextmanager
def reported_in_one_line(stage: str) -> Iterator[None]:
    """Turn errors that a user can correct into one line and exit status 1; let a bug keep its traceback.

    Ctrl-C, SIGTERM and SIGHUP end the process at once, with one line. This is safe because files get their final name
    when they are complete; an exception could be lost in a destructor.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        for folder in _scratch:
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
        sys.exit(CONTROL.sub(" ", f"{stage}: {error}"))
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        fix = "Correct this and run the same command again."
        sys.exit(CONTROL.sub(" ", f"{stage}: {name}{error.strerror or error}. {fix}"))


def read_text(path: Path) -> str:
    """Read UTF-8, with or without a byte order mark. Raises InputError if the file is not UTF-8, OSError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: expected text in UTF-8. Save it as UTF-8.") from None


def read_libraries(path: Path) -> dict[str, str]:
    """Read versions by the libraries' names. Raises InputError if a line is not NAME==VERSION, OSError."""
    lines = read_text(path).splitlines()
    if wrong := [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==\S+", line)]:
        raise InputError(f"{path}: expected NAME==VERSION, got {wrong[0]!r}. Run `make lock`.")
    return dict(line.split("==", 1) for line in lines)


def check_libraries(*more: Path) -> None:
    """Raise InputError if a library of LIBRARIES or of the files `more` is installed or imported in another version."""
    for path in (LIBRARIES, *more):
        others = []
        for name, required in read_libraries(path).items():
            imported = getattr(sys.modules.get(name.replace("-", "_")), "__version__", required)
            if got := {_installed(name), imported} - {required}:
                others.append(f"{name}: expected {required}, got {min(got)}")
        if others:
            raise InputError(f"{path}: {'; '.join(others)}. Results depend on these versions. Run `make setup`.")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def read_yaml(text: str, name: str) -> Any:
    """Read YAML 1.2 as DVC does. Raises InputError, which starts with `name`, if it is not YAML or repeats a key."""
    try:
        return YAML(typ="safe").load(text)
    except Exception as error:  # ruamel.yaml also raises other kinds if a value does not fit its tag
        mark, reason = getattr(error, "problem_mark", None), getattr(error, "problem", None) or error
        place = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{name}: not YAML: {place}{reason}") from None


def yaml_text(content: dict[str, Any]) -> str:
    """Return the content as DVC writes it: one line per value, keys in their order."""
    from dvc.utils.serialize import dumps_yaml  # here, because it takes 0.1 s and few stages need it

    return str(dumps_yaml(content))


def problems(error: ValidationError) -> str:
    """Return at most ten problems on one line: `KEY: expected X, got Y`, joined by semicolons."""
    return "; ".join(map(_problem, error.errors()[:PROBLEMS_SHOWN])) + "."


def _problem(item: ErrorDetails) -> str:
    key = ".".join(str(part) for part in item["loc"] if not str(part).startswith("[")) or "the file"
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    rule = re.sub(PYDANTIC, "", item["msg"])
    rule = rule.replace("greater than or equal to", "at least").replace("less than or equal to", "at most")
    if item["type"] == "missing":
        return f"{key}: missing; {rule.lower()}"
    return f"{key}: expected {rule}, got {_brief.repr(item['input'])}"
