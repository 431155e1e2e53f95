"""Make a folder for `data.source` from a user's images.

    python -m tools.images FROM=PLACE TO=FOLDER [SIZE=64x48] [FIT=pad] [BACKGROUND=black] [GREY=1] [SKIP=1]
                           [LABELS=coarse] [SEED=0] [TEST=0.2]

FROM is a folder of pictures (train/CLASS/ and test/CLASS/, or CLASS/ alone), an .npz file with x_train, y_train, x_test
and y_test, a CSV file or a folder of two, or a folder with the .bin files of CIFAR. TO, inside the project, gets four
IDX files, classes.txt and SHA256SUMS, or does not change at all. The same input gives the same bytes.
"""

import os
import re
import shlex
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

from stages.common import DATA, ENDINGS, InputError, problems, reported_in_one_line, scratch_folder
from stages.data.class_names import CLASS_NAMES, check_class_names
from stages.data.download import SUMS
from stages.data.holdout import held_out
from stages.data.idx import COLOUR_FILES, FILES, write_idx
from stages.training.dataset import Split
from stages.training.files import sha256, write_text
from tools.image_sources import Look, Source, note, read_pictures, read_source, some


class Request(Look):
    """The options of the command."""

    FROM: Annotated[str, Field(min_length=1)]
    TO: Annotated[str, Field(min_length=1)]
    SKIP: bool = False
    LABELS: Literal["fine", "coarse"] | None = None
    SEED: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    TEST: Annotated[float, Field(gt=0, lt=1)] = 0.2


def read_request(words: Sequence[str]) -> Request:
    """Read NAME=VALUE words. One without a value counts as absent, since `make` passes every option."""
    pairs = [word.partition("=") for word in words]
    try:
        return Request.model_validate({name: value for name, equals, value in pairs if value or not equals})
    except ValidationError as error:
        raise InputError(problems(error)) from None


def destination(to: str, source: Path) -> Path:
    """Return where TO leads. Raises InputError if that is not free, or no place from which experiments take data."""
    place, project = Path(os.path.realpath(to)), Path.cwd()
    elsewhere = (project / DATA, os.path.realpath(source))  # Git ignores the first
    if not place.is_relative_to(project) or any(place.is_relative_to(folder) for folder in elsewhere):
        raise InputError(f"TO: expected a folder inside the project, outside {DATA}/ and outside FROM, got {to}.")
    if place.exists() and not is_ours(place):
        raise InputError(f"{to}: exists, and not as `make images` left it. Name another folder, or move it away.")
    return place


def make_folder(request: Request) -> None:
    source = Path(os.path.expanduser(request.FROM))  # noqa: PTH111, as Path's own raises for an unknown user
    place = destination(request.TO, source)
    found = read_source(source, request.LABELS)
    pictures = pd.Series(read_pictures(found.table["item"].tolist(), request), dtype=object)
    table = usable(found.table.assign(picture=pictures), found.others, skip=request.SKIP)
    classes, names = classes_of(source, found, table)
    images = np.stack(table["picture"].tolist())
    images = images if (images != images[..., :1]).any() else images[..., 0]
    labels = table["label"].map(classes.index).to_numpy(np.uint8)
    if not table["test"].any():
        table["test"] = drawn(Split(images, labels), request)
    report_copies(table)
    in_test = table["test"].to_numpy(bool)
    train, test = (Split(images[part], labels[part]) for part in (~in_test, in_test))
    write_folder(place, train, test, names)

    height, width, *channels = images.shape[1:]
    kind = "in colour" if channels else "in grey"
    counts = f"{len(train.labels)} training and {len(test.labels)} test images"
    print(f"images: {counts} of {width} x {height} pixels, {kind}")
    print(f"images: {len(names)} classes: {some(names)}")
    print(f"images: dvc exp run -S {override(os.path.relpath(place))} -S data.validation={len(train.labels) // 10}")


def usable(table: pd.DataFrame, others: Sequence[Path], *, skip: bool) -> pd.DataFrame:
    """Return the rows that have a picture, and name the others.

    Raises InputError if pictures are damaged, unless `skip`, or differ in size.
    """
    kind = table["picture"].map(lambda picture: type(picture).__name__)
    if foreign := [path.name for path in [*others, *table["item"][kind == "NoneType"]]]:
        note(f"files that are no pictures of a class, left out: {len(foreign)} ({some(foreign)})")
    damaged = table[kind == "str"]
    for title, reason in zip(damaged["title"], damaged["picture"], strict=True):
        note(f"{title}: damaged: {reason}")
    if len(damaged) and not skip:
        raise InputError(f"damaged pictures: {len(damaged)}, listed above. Repair them, or leave them out by SKIP=1.")
    table = table[kind == "ndarray"].reset_index(drop=True)
    sizes = {picture.shape[1::-1]: title for title, picture in zip(table["title"], table["picture"], strict=True)}
    if len(sizes) > 1:
        shown = some([f"{title} has {width} x {height}" for (width, height), title in sizes.items()])
        raise InputError(f"expected pictures of one size; {shown}. SIZE=28 scales all.")
    return table


def classes_of(source: Path, found: Source, table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the classes in the order of their labels, that of numbers if all are such, and their names.

    Numbers get the names of the lines of `found.names_file`. Raises InputError if there are not 2 to 256 classes, or
    if one has no picture to train on, or a single one of which none is left to test.
    """
    classes = sorted(found.classes)
    if len(classes) < 2:
        raise InputError(f"{source}: expected two classes at least, got {some(classes) or 'none'}.")
    trained, tested = (Counter(table["label"][table["test"] == part]) for part in (False, True))
    needed, cure = 1 if tested else 2, "Add pictures, or remove the class."
    if few := [name for name in classes if trained[name] < needed]:
        raise InputError(f"{source}: class {some(few)}: expected {needed} training pictures at least. {cure}")
    if single := [name for name in classes if trained[name] == 1]:
        note(f"one training picture of class {some(single)}, so none can be held out for validation. {cure}")
    if absent := [name for name in classes if tested and not tested[name]]:
        note(f"no test picture of class {some(absent)}, so it is trained but not tested. {cure}")
    names = classes
    if all(re.fullmatch("-?[0-9]{1,18}", name) for name in classes):
        names = classes = sorted(classes, key=int)
        if found.names_file.exists():
            lines = found.names_file.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
            names = [line.strip() for line in lines if line.strip()]
    if len(names) != len(classes):
        raise InputError(f"{found.names_file}: expected a line for each of {len(classes)} classes, got {len(names)}.")
    check_class_names(names, str(source))
    return classes, names


def drawn(whole: Split, request: Request) -> np.ndarray:
    """Draw the fraction TEST of every class by SEED, without images that occur twice: bool `[N]`."""
    count = round(request.TEST * len(whole.labels))
    try:
        return np.isin(np.arange(len(whole.labels)), held_out(whole, count or 1 << 32, request.SEED))
    except InputError:
        raise InputError(
            f"TEST: expected a fraction that draws one image at least and leaves each class one, got {request.TEST:g} "
            f"of {len(whole.labels)} images. An image that occurs more than once is never drawn."
        ) from None


def report_copies(table: pd.DataFrame) -> None:
    """Name the pictures that both parts have."""
    keyed = table.assign(key=[hash(picture.tobytes()) for picture in table["picture"]])
    trained, tested = (keyed[keyed["test"] == part] for part in (False, True))
    both = tested.merge(trained.drop_duplicates("key"), on="key")
    if len(both):
        pairs = some((both["title_x"] + " = " + both["title_y"]).tolist())
        note(f"pictures in both parts, so that tests are too easy: {len(both)}. Remove one of each: {pairs}")


def is_ours(folder: Path) -> bool:
    """Return whether the folder contains what `write_folder` has written, unchanged, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    known = [{*files, CLASS_NAMES, SUMS} for files in (FILES, COLOUR_FILES)]
    return names in known and (folder / SUMS).read_bytes() == sums(folder).encode()


def sums(folder: Path) -> str:
    """Return the checksums of all other files as `sha256sum` writes them."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{sha256(path)}  {path.name}\n" for path in paths)


def write_folder(place: Path, train: Split, test: Split, names: Sequence[str]) -> None:
    """Write all files next to `place`, then rename their folder to it. An earlier one is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(place.parent) as scratch:
        made = scratch / "made"
        for name, array in zip(COLOUR_FILES if train.images.ndim == 4 else FILES, (*train, *test), strict=True):
            write_idx(made / name, array)
        write_text(made / CLASS_NAMES, "".join(f"{name}\n" for name in names))
        write_text(made / SUMS, sums(made))
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # between two renames the folder is nowhere
        if place.exists():
            place.rename(scratch / "earlier")
        made.rename(place)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)


def override(to: str) -> str:
    """Return how `-S` takes the folder, in quotes of its own if Hydra's grammar wants them."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./ -]*", to)
    value = to if plain else "'" + to.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return shlex.quote(f"data.source={value}")


if __name__ == "__main__":
    with reported_in_one_line("images"):
        make_folder(read_request(sys.argv[1:]))
