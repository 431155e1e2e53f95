"""Fetch the four raw files of the data set, each verified before it gets its final name.

Reads params.yaml and the folder `data.source`: SHA256SUMS, and the files or SOURCES, a list of places that have them.
Writes data/raw/: four uncompressed IDX files, and classes.txt if the folder has the names of the classes.
"""

from pathlib import Path

from stages.common import RAW, reported_in_one_line
from stages.data.class_names import copy_class_names
from stages.data.download import fetch
from stages.params import load_params


def main() -> None:
    with reported_in_one_line("fetch"):
        folder = Path(load_params().data.source)
        fetch(folder)
        copy_class_names(folder, RAW)


if __name__ == "__main__":
    main()
