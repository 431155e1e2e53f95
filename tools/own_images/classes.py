"""From the names of classes to labels 0, 1, ..., and a test part where there is none."""

import re
from pathlib import Path

import numpy as np

from stages.common import InputError
from stages.data.class_names import CLASS_NAMES, check_class_names, read_class_names
from stages.data.holdout import held_out
from stages.training.dataset import Split
from tools.own_images.pictures import Part


def classes_of(train: Part) -> list[str]:
    """The classes in the order of their labels: that of their names, of numbers where all names are whole ones.

    Raises InputError where these are not two to 256 names.
    """
    classes = sorted(set(train.labels))
    check_class_names(classes, train.where)
    if len(classes) < 2:
        raise InputError(f"{train.where}: holds one class only, {classes[0]!r}; two at least are needed")
    return sorted(classes, key=int) if are_numbers(classes) else classes


def are_numbers(classes: list[str]) -> bool:
    return all(re.fullmatch(r"-?[0-9]{1,18}", name) for name in classes)


def names_of(classes: list[str], folder: Path) -> list[str]:
    """What the classes are called: numbers as the source's `folder` has it in classes.txt, if it has one."""
    path = folder / CLASS_NAMES
    if not are_numbers(classes) or not path.exists():
        return classes
    names = read_class_names(path)
    if len(names) != len(classes):
        raise InputError(f"{path}: holds {len(names)} names for {len(classes)} classes; may hold a line for each")
    return names


def numbered(part: Part, classes: list[str]) -> Split:
    """The part with labels instead of names. Raises InputError where a class is none of the training part's."""
    labels = {name: number for number, name in enumerate(classes)}
    unknown = [name for name in part.labels if name not in labels]
    if unknown:
        raise InputError(f"{part.where}: holds class {unknown[0]!r}, which has no training image")
    return Split(part.images, np.array([labels[name] for name in part.labels], dtype=np.uint8))


def drawn(whole: Split, share: float, seed: int) -> tuple[Split, Split]:
    """Training and test part: of every class its share, drawn by `seed`, and nothing that occurs more than once.

    Raises InputError where a class cannot give its share.
    """
    count = round(share * len(whole.labels))
    try:
        indices = held_out(whole, count, seed)
    except InputError:
        indices = np.array([], dtype=int)
    if not len(indices):
        raise InputError(
            f"TEST holds {share:g}, {count} of {len(whole.labels)} images; may hold a share that draws one at least, "
            "and leaves each class one; an image that is there more than once is never drawn"
        )
    chosen = np.zeros(len(whole.labels), dtype=bool)
    chosen[indices] = True
    return Split(whole.images[~chosen], whole.labels[~chosen]), Split(whole.images[chosen], whole.labels[chosen])
