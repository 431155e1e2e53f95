"""Make a folder for `data.source` from a user's images.

    python -m tools.images FROM=PLACE TO=FOLDER [SIZE=64x48] [FIT=pad] [BACKGROUND=black] [GREY=1] [SKIP=1]
                           [LABELS=coarse] [SEED=0] [TEST=0.2]

FROM is a folder of pictures (train/CLASS/ and test/CLASS/, or CLASS/ alone) or of CIFAR's .bin files. It may also be an
.npz file with x_train, y_train, x_test and y_test, a CSV file or a folder of two. TO, inside the project, gets four IDX
files, classes.txt and SHA256SUMS, or does not change at all. The same input gives the same bytes.
"""

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from stages.common import (
    DATA,
    ENDINGS,
    METRICS,
    PLOTS,
    InputError,
    problems,
    read_text,
    reported_in_one_line,
    scratch_folder,
)
from stages.data.class_names import CLASS_NAMES, check_class_names
from stages.data.download import SUMS
from stages.data.holdout import held_out
from stages.data.idx import COLOUR_FILES, FILES, write_idx
from stages.training.dataset import Split
from stages.training.files import sha256, write_text
from tools.image_sources import Options, note, read_pictures, read_source, shorten

CURE = "Add pictures, or remove the class."
FEW = 6_400  # fewer images make fewer than 50 batches of 128 per epoch, and sigmoid networks learn late or never


def read_options(words: Sequence[str]) -> Options:
    """Read NAME=VALUE words. One without a value counts as absent, since `make` passes every option."""
    pairs = [word.partition("=") for word in words]
    try:
        return Options.model_validate({name: value for name, equals, value in pairs if value or not equals})
    except ValidationError as error:
        raise InputError(problems(error)) from None


def make_folder(options: Options) -> None:
    source = Path(os.path.expanduser(options.FROM))  # noqa: PTH111, as Path's own raises for an unknown user
    place = find_destination(options.TO, source)
    table, classes, names_file = read_source(source, options.LABELS)
    idle = {"FIT": not options.SIZE, **dict.fromkeys(("SEED", "TEST"), table["test"].any())}
    if unused := [name for name in sorted(options.model_fields_set) if idle.get(name)]:
        raise InputError(f"{', '.join(unused)}: no effect, as SIZE is missing or a test part exists. Leave this out.")
    if (outside := table["label"].isna()).any():
        note(f"files outside class folders, left out: {outside.sum()} ({shorten(table['title'][outside].tolist())})")
    table = table[~outside].reset_index(drop=True)
    table["picture"] = pd.Series(read_pictures(table["item"].tolist(), options), dtype=object)
    table = select_usable(table, options)
    check_counts(source, table, classes)
    names = classes
    if all(re.fullmatch("-?[0-9]{1,18}", name) for name in classes):
        names = classes = sorted(classes, key=int)
        if names_file.exists():
            names = [line.strip() for line in read_text(names_file).splitlines() if line.strip()]
    if len(names) != len(classes):
        raise InputError(f"{names_file}: expected a line for each of {len(classes)} classes, got {len(names)}.")
    check_class_names(names, str(source if names is classes else names_file))

    images = np.stack(table["picture"].tolist())
    images = images if (images != images[..., :1]).any() else images[..., 0]
    whole = Split(images, table["label"].map(classes.index).to_numpy(np.uint8))
    in_test = choose_test_part(table, whole, options)
    note_shortages(table["label"], in_test, classes)
    train, test = (Split(*(array[part] for array in whole)) for part in (~in_test, in_test))
    write_folder(place, train, test, names)

    height, width, *channels = images.shape[1:]
    pixels = f"{width} x {height} pixels, in {'colour' if channels else 'grey'}"
    print(f"images: {len(train.labels)} training and {len(test.labels)} test images of {pixels}")
    print(f"images: {len(names)} classes: {shorten(names)}")
    batches = " -S train.batch_size=16" if len(images) < FEW else ""
    print(f"images: dvc exp run -S data.source={place} -S data.validation={len(train.labels) // 10}{batches}")


def find_destination(to: str, source: Path) -> Path:
    """Return the path of TO. Raises InputError if TO is in use or cannot be a data.source."""
    place = Path(os.path.relpath(Path(to).resolve()))
    plain = re.fullmatch("[A-Za-z][A-Za-z0-9_./-]*", str(place))  # for Hydra's grammar, which reads -S
    taken = any(map(place.is_relative_to, (DATA, METRICS, PLOTS)))
    if not plain or taken or place.resolve().is_relative_to(source.resolve()):
        raise InputError(
            "TO: expected a folder inside the project, outside data/, metrics/, plots/ and FROM, whose name is "
            f"letters, digits and ./_- and starts with a letter, got {to}."
        )
    ours = {CLASS_NAMES, SUMS} <= {path.name for path in place.glob("*")} and all(map(Path.is_file, place.glob("*")))
    if place.exists() and not (ours and (place / SUMS).read_bytes() == list_checksums(place).encode()):
        raise InputError(f"{to}: exists, but not as `make images` wrote it. Name another folder, or move it away.")
    return place


def select_usable(table: pd.DataFrame, options: Options) -> pd.DataFrame:
    """Return the rows that have a picture. Print the others.

    Raises InputError if pictures are damaged, unless SKIP, or differ in size.
    """
    kind = table["picture"].map(lambda picture: type(picture).__name__)
    if (foreign := kind == "NoneType").any():
        titles = shorten(table["title"][foreign].tolist())
        note(f"files in no known picture format, left out: {foreign.sum()} ({titles})")
    damaged = table[kind == "str"]
    for title, reason in zip(damaged["title"], damaged["picture"], strict=True):
        note(f"{title}: damaged: {reason}")
    if len(damaged) and not options.SKIP:
        raise InputError(f"damaged pictures: {len(damaged)}, listed above. Repair them, or leave them out by SKIP=1.")
    table = table[kind == "ndarray"]
    sizes = {picture.shape[1::-1]: title for title, picture in zip(table["title"], table["picture"], strict=True)}
    if len(sizes) > 1:
        shown = shorten([f"{title} has {width} x {height}" for (width, height), title in sizes.items()])
        raise InputError(f"expected pictures of one size; {shown}. SIZE=28 scales all.")
    return table


def check_counts(source: Path, table: pd.DataFrame, classes: list[str]) -> None:
    """Raise InputError for fewer than two classes, or too few training pictures of a class."""
    if len(classes) < 2:
        raise InputError(f"{source}: expected at least two classes, got {shorten(classes) or 'none'}.")
    in_test = table["test"].to_numpy(bool)
    counts, needed = table["label"][~in_test].value_counts().reindex(classes, fill_value=0), 1 if in_test.any() else 2
    if few := counts.index[counts < needed].tolist():
        raise InputError(f"{source}: class {shorten(few)}: expected at least {needed} training pictures. {CURE}")


def note_shortages(labels: pd.Series, in_test: np.ndarray, classes: list[str]) -> None:
    """Print the classes with one training picture and those without a test picture."""
    train, test = (labels[part].value_counts().reindex(classes, fill_value=0) for part in (~in_test, in_test))
    if single := train.index[train == 1].tolist():
        note(f"one training picture of class {shorten(single)}, so none can be held out for validation. {CURE}")
    if absent := test.index[test == 0].tolist():
        note(f"no test picture of class {shorten(absent)}, so it is trained but not tested. {CURE}")


def choose_test_part(table: pd.DataFrame, whole: Split, options: Options) -> np.ndarray:
    """Return which images are for tests, bool `[N]`: those of `table`, after printing which are also for training.

    If there are none, draw the fraction TEST of every class by SEED, without images that occur twice.
    """
    if table["test"].any():
        key = table["picture"].map(lambda picture: hash(picture.tobytes()))
        rows = table.assign(key=key).drop_duplicates(["key", "test"])
        pairs = rows[rows.duplicated("key", keep=False)].groupby("key", sort=False)["title"].agg(" = ".join).tolist()
        if pairs:
            note(f"pictures in both parts, so tests are too easy: {len(pairs)}. Remove one of each: {shorten(pairs)}")
        return table["test"].to_numpy(bool)
    count = round(options.TEST * len(whole.labels))
    try:
        return np.isin(np.arange(len(whole.labels)), held_out(whole, count or 1 << 32, options.SEED))
    except InputError:
        raise InputError(
            f"TEST: expected a fraction that draws at least one image and leaves each class one, got {options.TEST:g} "
            f"of {len(whole.labels)} images. An image that occurs more than once is never drawn."
        ) from None


def write_folder(place: Path, train: Split, test: Split, names: Sequence[str]) -> None:
    """Write all files next to `place`, then rename their folder to it. Replaces an earlier one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(place.parent) as scratch:
        made = scratch / "made"
        for name, array in zip(COLOUR_FILES if train.images.ndim == 4 else FILES, (*train, *test), strict=True):
            write_idx(made / name, array)
        write_text(made / CLASS_NAMES, "".join(f"{name}\n" for name in names))
        write_text(made / SUMS, list_checksums(made))
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # between two renames there is no folder
        if place.exists():
            place.rename(scratch / "earlier")
        made.rename(place)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)


def list_checksums(folder: Path) -> str:
    """Return the checksums of all other files as `sha256sum` writes them."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{sha256(path)}  {path.name}\n" for path in paths)


if __name__ == "__main__":
    with reported_in_one_line("images"):
        make_folder(read_options(sys.argv[1:]))
