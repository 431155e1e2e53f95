"""Bring the four raw files of the data set, each verified before it gets its name.

Reads params.yaml; writes data/raw/, four uncompressed IDX files. Fashion-MNIST is taken from the first source that
has it; a folder named by `data.source` is checked against its SHA256SUMS.
"""

from functools import partial
from pathlib import Path

from stages.common.errors import reported_in_one_line
from stages.data.sources import (
    ADDRESSES,
    BY_HAND,
    DEBIAN_PACKAGE,
    PUBLISHED,
    fetch,
    from_address,
    from_debian,
    from_folder,
    sums_of,
)
from stages.params import FASHION_MNIST, load_params


def main() -> None:
    with reported_in_one_line("fetch"):
        source = load_params().data.source
        if source == FASHION_MNIST:
            by_hand = {str(BY_HAND): partial(from_folder, BY_HAND)} if BY_HAND.exists() else {}
            fetch(
                PUBLISHED,
                by_hand
                | {address: partial(from_address, address) for address in ADDRESSES}
                | {f"Debian's package {DEBIAN_PACKAGE}": from_debian},
            )
        else:
            folder = Path(source)
            from_folder(folder, sums_of(folder))


if __name__ == "__main__":
    main()
