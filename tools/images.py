"""Make of the images that one has a folder that `data.source` takes.

    python -m tools.images FROM=PLACE TO=FOLDER [SIZE=28] [SEED=0] [TEST=0.2]

FROM is a folder with train/CLASS/ and test/CLASS/, of .png and .jpg files, one with CLASS/ alone, an .npz of x_train,
y_train, x_test and y_test, a CSV file with a column label and one for each pixel, or a folder with two of these. Where
there is no test part, SEED draws the share TEST of every class. SIZE is the side in pixels to which all are scaled.

TO, inside the project, gets four IDX files, classes.txt with the names of the classes, and their SHA256SUMS, or does
not change at all. The same input gives the same bytes. What does not fit is refused in a line that names it.
"""

import os
import re
import shlex
import signal
import sys
import textwrap
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stages.common import DATA, InputError, problems
from stages.data.idx import FILES
from tools.own_images.arrays import read_arrays
from tools.own_images.classes import classes_of, drawn, names_of, numbered
from tools.own_images.folders import read_folders, subfolders
from tools.own_images.pictures import Part
from tools.own_images.tables import part_files, read_tables
from tools.own_images.values import parts_of
from tools.own_images.written import is_ours, write_folder

SHOWN = 60  # characters of the classes' names


class Request(BaseModel):
    """The words of the command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    FROM: Annotated[str, Field(min_length=1)]
    TO: Annotated[str, Field(min_length=1)]
    SIZE: Annotated[int, Field(ge=1, le=1024)] | None = None
    SEED: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    TEST: Annotated[float, Field(gt=0, lt=1)] = 0.2


def read_request(words: list[str]) -> Request:
    """Of NAME=VALUE each; one without a value, as `make` passes on what is not given, counts as not there."""
    pairs = [word.partition("=") for word in words]
    try:
        return Request.model_validate({name: value for name, equals, value in pairs if value or not equals})
    except ValidationError as error:
        raise InputError(problems(error)) from None


def destination(to: str, source: Path) -> Path:
    """Where TO leads. Raises InputError where that is not free, or no place from which experiments take data."""
    place, project = Path(os.path.realpath(to)), Path.cwd()
    if not place.is_relative_to(project) or place.is_relative_to(project / DATA):
        raise InputError(f"TO holds {to}, may hold a folder inside the project, but not in {DATA}/, which Git ignores")
    if place.is_relative_to(os.path.realpath(source)):
        raise InputError(f"TO holds {to}, may hold a folder outside FROM, which holds {source}")
    if place.exists() and not is_ours(place):
        raise InputError(f"{to}: is there, and not as `make images` leaves a folder; name another one, or move it away")
    return place


def read_parts(source: Path, size: int | None) -> list[Part]:
    """The training part and, where there is one, the test part. Raises InputError where there is nothing to read."""
    if source.is_dir():
        tables = [] if subfolders(source) else part_files(source)
        if tables:
            return parts_of(read_tables(tables), size)
        if any((source / name).exists() for name in FILES):
            raise InputError(f"{source}: holds IDX files, which data.source takes as they are")
        return read_folders(source, size)
    if source.is_file() and source.suffix.lower() == ".npz":
        return parts_of(read_arrays(source), size)
    if source.is_file() and source.suffix.lower() == ".csv":
        return parts_of(read_tables([source]), size)
    held = f"{source}" if source.exists() else f"{source}, which is not there"
    raise InputError(f"FROM holds {held}; may hold a folder of pictures or of CSV files, an .npz or a .csv file")


def make_folder(request: Request) -> None:
    source = Path(os.path.expanduser(request.FROM))  # noqa: PTH111, where Path's own raises for a user who is not there
    place = destination(request.TO, source)
    parts = read_parts(source, request.SIZE)
    classes = classes_of(parts[0])
    names = names_of(classes, source if source.is_dir() else source.parent)
    splits = [numbered(part, classes) for part in parts]
    unused = {"SEED", "TEST"} & request.model_fields_set
    if len(splits) == 1:
        train, test = drawn(splits[0], request.TEST, request.SEED)
    elif unused:
        raise InputError(f"{parts[1].where}: is a test part, so that {' and '.join(sorted(unused))} would draw nothing")
    else:
        train, test = splits
    write_folder(place, train, test, names)
    height, width = train.images.shape[1:]
    print(f"images: {len(train.labels)} training and {len(test.labels)} test images of {width} x {height} pixels")
    print(f"images: {len(names)} classes: {textwrap.shorten(', '.join(names), SHOWN, placeholder=' ...')}")
    print(f"images: dvc exp run -S {override(request.TO)} -S data.validation={len(train.labels) // 10}")


def override(to: str) -> str:
    """How `-S` takes the folder, in quotes of its own where Hydra's grammar wants them."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./ -]*", to)
    value = to if plain else "'" + to.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return shlex.quote(f"data.source={value}")


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an exception, after which nothing unfinished is left
    try:
        make_folder(read_request(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"images: {error}".replace("\n", "\\n").replace("\r", "\\r"))  # names of files may hold both
    except OSError as error:
        sys.exit(f"images: {error.filename or 'FROM'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("images: interrupted")


if __name__ == "__main__":
    main()
