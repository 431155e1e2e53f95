"""Bring the four raw files of the data set, each verified before it gets its name.

Reads params.yaml, and in the folder that `data.source` names SHA256SUMS and the files, or SOURCES, by which they are
taken from the first place that has them; writes data/raw/, four uncompressed IDX files and, where the folder has the
names of the classes, classes.txt.
"""

from pathlib import Path

from stages.common import RAW, reported_in_one_line
from stages.data.class_names import copy_class_names
from stages.data.sources import check_copied, fetch, sources_of, sums_of
from stages.data.transfer import from_folder
from stages.params import load_params


def main() -> None:
    with reported_in_one_line("fetch"):
        folder = Path(load_params().data.source)
        check_copied(folder)
        wanted, sources = sums_of(folder), sources_of(folder)
        if sources:
            fetch(wanted, sources)
        else:
            from_folder(folder, wanted)
        copy_class_names(folder, RAW)


if __name__ == "__main__":
    main()
