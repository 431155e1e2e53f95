"""Pictures in folders: train/CLASS/ and test/CLASS/, or CLASS/ alone, with PNG and JPEG files in each."""

import os
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common import InputError
from stages.data.class_names import check_class_names
from tools.own_images.pictures import Part, read_picture, with_progress

PARTS = ("train", "test")
SUFFIXES = (".png", ".jpg", ".jpeg")
LITTER = ("thumbs.db", "desktop.ini", "__macosx")  # of Windows and macOS; their other litter is hidden


class File(NamedTuple):
    path: Path
    label: str


def read_folders(folder: Path, size: int | None) -> list[Part]:
    """The training part and, where there is one, the test part. Raises InputError, which names what does not fit."""
    places = part_folders(folder)
    listed = [pictures_of(place) for place in places]
    files = [file for part in listed for file in part]
    images: list[np.ndarray] = []
    for file in with_progress(files):
        image = read_picture(file.path, size)
        if images and image.shape != images[0].shape:
            raise InputError(
                f"{file.path}: is of {size_of(image)}, {files[0].path} of {size_of(images[0])}; "
                "all may be of one size, or SIZE=28 scales them"
            )
        images.append(image)
    ends = np.cumsum([len(part) for part in listed])
    return [
        Part(str(place), np.stack(images[end - len(part) : end]), [file.label for file in part])
        for place, part, end in zip(places, listed, ends, strict=True)
    ]


def part_folders(folder: Path) -> list[Path]:
    """The folders that hold those of the classes: train and, where there is one, test; or the folder itself."""
    inner = subfolders(folder)
    train, test = (folder / name for name in PARTS)
    if train not in inner or not (subfolders(train) or test in inner):
        return [folder]
    others = [path for path in inner if path not in (train, test)]
    if others:
        raise InputError(
            f"{others[0]}: is neither train nor test, which are there; move its pictures into these, or it"
        )
    return [train, test] if test in inner else [train]


def pictures_of(place: Path) -> list[File]:
    """Every picture in the folders of the classes, in the order of the names of both."""
    stray = [path for path in visible(place) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if stray:
        raise InputError(f"{stray[0]}: lies beside the folders of the classes, may lie in one")
    folders = subfolders(place)
    if not folders:
        raise InputError(f"{place}: holds no folder, may hold one for each class, with its pictures")
    names = [_name_of(folder) for folder in folders]
    check_class_names(names, str(place))
    return [File(path, name) for folder, name in zip(folders, names, strict=True) for path in pictures_of_class(folder)]


def _name_of(folder: Path) -> str:
    """As UTF-8, whatever the locale, and as one character what macOS writes as a letter and an accent."""
    return unicodedata.normalize("NFC", os.fsencode(folder.name).decode(errors="surrogateescape"))


def pictures_of_class(folder: Path) -> list[Path]:
    paths = visible(folder)
    for path in paths:
        if path.is_dir():
            raise InputError(
                f"{path}: is a folder in that of a class; the two parts are called train and test, and hold the classes"
            )
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"{path}: is no picture; the folder of a class may hold {', '.join(SUFFIXES)} files")
    if not paths:
        raise InputError(f"{folder}: holds no picture")
    return paths


def subfolders(folder: Path) -> list[Path]:
    return [path for path in visible(folder) if path.is_dir()]


def visible(folder: Path) -> list[Path]:
    """What people have put there, in the order of names."""
    paths = [path for path in folder.iterdir() if path.name[0] != "." and path.name.lower() not in LITTER]
    return sorted(paths, key=lambda path: path.name)


def size_of(image: np.ndarray) -> str:
    height, width = image.shape
    return f"{width} x {height} pixels"
