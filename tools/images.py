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
from PIL import ImageColor
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from stages.common import DATA, ENDINGS, InputError, problems, reported_in_one_line, scratch_folder
from stages.data.class_names import CLASS_NAMES, check_class_names
from stages.data.download import SUMS
from stages.data.holdout import held_out
from stages.data.idx import FILES, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, in_colour, write_idx
from stages.training.dataset import Split
from stages.training.files import sha256, write_text
from tools.image_pixels import MOST_SIDE, Look, Pictures, read_pictures
from tools.image_sources import Source, read_source

SHOWN = 5  # names in a message
NUMBER = re.compile(r"-?[0-9]{1,18}")


def sides(text: str) -> tuple[int, int]:
    """Read `28`, a square's side, or `64x48`, width and height."""
    found = re.fullmatch(r"([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?", text)
    width, height = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < max(width, height) <= MOST_SIDE:
        raise ValueError(f"28 or, as width and height, 64x48, each up to {MOST_SIDE}")
    return width, height


def colour(name: str) -> str:
    try:
        ImageColor.getrgb(name)
    except ValueError:
        raise ValueError("a colour such as white, black or #ff8800") from None
    return name


class Request(BaseModel):
    """The options of the command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    FROM: Annotated[str, Field(min_length=1)]
    TO: Annotated[str, Field(min_length=1)]
    SIZE: Annotated[tuple[int, int] | None, BeforeValidator(sides)] = None
    FIT: Literal["crop", "pad"] = "crop"
    BACKGROUND: Annotated[str, AfterValidator(colour)] = "white"
    GREY: bool = False
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
    if len(found.parts) > 1 and {"SEED", "TEST"} & request.model_fields_set:
        raise InputError(f"{found.parts[1].where}: a test part, so SEED and TEST would draw nothing. Leave them out.")
    items = [item for part in found.parts for item in part.items]
    pictures = read_pictures(items, Look(request.SIZE, request.FIT, request.BACKGROUND, request.GREY))
    titles = [part.title(number) for part in found.parts for number in range(len(part.labels))]
    report_pictures(pictures, titles, found.others, request)

    kept = {index: picture for index, picture in enumerate(pictures.read) if isinstance(picture, np.ndarray)}
    labels = [label for part in found.parts for label in part.labels]
    in_test = np.array([index >= len(found.parts[0].labels) for index in kept], dtype=bool)
    classes = classes_of(found, Counter(zip(in_test.tolist(), (labels[index] for index in kept), strict=True)))
    names = names_of(classes, found.names_file)
    images = np.stack(list(kept.values()))
    images = images if (images != images[..., :1]).any() else images[..., 0]
    whole = Split(images, np.array([classes.index(labels[index]) for index in kept], dtype=np.uint8))
    if len(found.parts) == 1:
        in_test[drawn(whole, request)] = True
    report_copies(whole, in_test, [titles[index] for index in kept])
    train, test = (Split(images[part], whole.labels[part]) for part in (~in_test, in_test))
    write_folder(place, train, test, names)

    height, width, *channels = images.shape[1:]
    kind = "in colour" if channels else "in grey"
    counts = f"{len(train.labels)} training and {len(test.labels)} test images"
    print(f"images: {counts} of {width} x {height} pixels, {kind}")
    print(f"images: {len(names)} classes: {some(names)}")
    print(f"images: dvc exp run -S {override(os.path.relpath(place))} -S data.validation={len(train.labels) // 10}")


def report_pictures(pictures: Pictures, titles: Sequence[str], others: Sequence[Path], request: Request) -> None:
    """Name what is left out or changed. Raises InputError if pictures are damaged, unless SKIP, or differ in size."""
    read = dict(zip(titles, pictures.read, strict=True))
    foreign = [*others, *(Path(title) for title, picture in read.items() if picture is None)]
    if foreign:
        kinds = Counter(path.name if path.name[0] == "." else path.suffix.lower() or path.name for path in foreign)
        kinds_shown = some([f"{count} {kind}" for kind, count in kinds.items()])
        note(f"files that are no pictures, left out: {len(foreign)} ({kinds_shown})")
    damaged = {title: reason for title, reason in read.items() if isinstance(reason, str)}
    for title, reason in damaged.items():
        note(f"{title}: damaged: {reason}")
    if damaged and not request.SKIP:
        raise InputError(f"damaged pictures: {len(damaged)}, listed above. Repair them, or leave them out by SKIP=1.")
    if damaged:
        note(f"damaged pictures, left out: {len(damaged)}")
    if pictures.span:
        low, high = pictures.span
        note(f"pictures with more than 8 bits: {len(pictures.deep)}; their values {low:g} to {high:g} became 0 to 255")
    decoded = {title: picture for title, picture in read.items() if isinstance(picture, np.ndarray)}
    sizes = {picture.shape[1::-1]: title for title, picture in decoded.items()}
    if len(sizes) > 1 or max(map(max, sizes), default=0) > MOST_SIDE:
        shown = some([f"{title} has {width} x {height}" for (width, height), title in sizes.items()])
        raise InputError(f"expected one size of at most {MOST_SIDE} pixels a side; {shown}. SIZE=28 scales all.")


def classes_of(found: Source, counts: Counter[tuple[bool, str]]) -> list[str]:
    """Return the classes in the order of their labels: that of numbers if all names are such, else of names.

    `counts` has the pictures by test part or not, and class. Raises InputError if there are not 2 to 256 classes, or
    if one has no picture to train on, or a single one of which none is left to test.
    """
    classes = sorted({name for part in found.parts for name in part.classes})
    where, cure = found.parts[0].where, "Add pictures, or remove the class."
    check_class_names(classes, where)
    if len(classes) < 2:
        raise InputError(f"{where}: expected two classes at least, got {some(classes) or 'none'}.")
    if absent := [name for name in classes if not counts[False, name]]:
        raise InputError(f"{where}: no picture of class {some(absent)}. {cure}")
    single = [name for name in classes if counts[False, name] == 1]
    if single and len(found.parts) == 1:
        raise InputError(
            f"{where}: one picture of class {some(single)}, expected one to train on and one to test. {cure}"
        )
    if single:
        note(f"{where}: one picture of class {some(single)}, so none can be held out for validation. {cure}")
    if len(found.parts) > 1 and (absent := [name for name in classes if not counts[True, name]]):
        note(f"{found.parts[1].where}: no picture of class {some(absent)}, so it is trained but not tested. {cure}")
    return sorted(classes, key=int) if all(map(NUMBER.fullmatch, classes)) else classes


def names_of(classes: list[str], path: Path) -> list[str]:
    """Return the names of classes that are numbers: line by line in their order, or line `number` of more, from 0."""
    if not path.exists() or not all(map(NUMBER.fullmatch, classes)):
        return classes
    lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    names = [line.strip() for line in lines if line.strip()]
    check_class_names(names, str(path))
    numbers = [int(name) for name in classes]
    if numbers[0] >= 0 and numbers[-1] < len(names) != len(classes):
        return [names[number] for number in numbers]
    if len(names) != len(classes):
        raise InputError(f"{path}: expected a line for each of {len(classes)} classes, got {len(names)}.")
    return names


def drawn(whole: Split, request: Request) -> np.ndarray:
    """Draw a test part by SEED: the indices of the fraction TEST of every class, without images that occur twice."""
    count = round(request.TEST * len(whole.labels))
    try:
        return held_out(whole, count or 1 << 32, request.SEED)
    except InputError:
        raise InputError(
            f"TEST: expected a fraction that draws one image at least and leaves each class one, got {request.TEST:g} "
            f"of {len(whole.labels)} images. An image that occurs more than once is never drawn."
        ) from None


def report_copies(whole: Split, in_test: np.ndarray, titles: Sequence[str]) -> None:
    """Name the pictures that both parts have."""
    keys = [hash(image.tobytes()) for image in whole.images]
    trained = {key: title for key, title, test in zip(keys, titles, in_test, strict=True) if not test}
    tested = [(key, title) for key, title, test in zip(keys, titles, in_test, strict=True) if test]
    pairs = [f"{title} = {trained[key]}" for key, title in tested if key in trained]
    if pairs:
        note(f"pictures in both parts, so that tests are too easy: {len(pairs)}. Remove one of each: {some(pairs)}")


def is_ours(folder: Path) -> bool:
    """Return whether the folder contains what `write_folder` has written, unchanged, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    known = [{*files, CLASS_NAMES, SUMS} for files in (FILES, map(in_colour, FILES))]
    return names in known and (folder / SUMS).read_bytes() == sums(folder).encode()


def sums(folder: Path) -> str:
    """Return the checksums of all other files as `sha256sum` writes them."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{sha256(path)}  {path.name}\n" for path in paths)


def write_folder(place: Path, train: Split, test: Split, names: Sequence[str]) -> None:
    """Write all files next to `place`, then rename their folder to it. An earlier one is removed."""
    named = in_colour if train.images.ndim == 4 else str
    place.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(place.parent) as scratch:
        made = scratch / "made"
        for images, labels, part in ((TRAIN_IMAGES, TRAIN_LABELS, train), (TEST_IMAGES, TEST_LABELS, test)):
            write_idx(made / named(images), part.images)
            write_idx(made / labels, part.labels)
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


def some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def note(text: str) -> None:
    print(f"images: {text}".replace("\n", "\\n"), file=sys.stderr)


if __name__ == "__main__":
    with reported_in_one_line("images"):
        make_folder(read_request(sys.argv[1:]))
