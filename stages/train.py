"""Train one architecture from every seed of params.yaml.

    python -m stages.train width                        the pick of a family, as its section describes it
    python -m stages.train w10-20 --filters 10 20       its neighbour in width
    python -m stages.train depth-3 --blocks 3           its neighbour in depth

Reads params.yaml and data/fashion_mnist.npz; writes data/models/NAME/, whole or not at all: for every seed
`seed-K.keras`, and for all of them `results.json`, `history.csv`, `layers.csv` (what stages/training/diagnosis.py
measures) and `predictions.npz` (test class probabilities float32 `[N, classes]` under `seed-K`, a column a label that
occurs in training, ascending). What it writes follows from its input byte for byte. No epoch is trained that was
trained here before (stages/training/kept.py).
"""

import argparse
import re
from typing import NoReturn

from pydantic import ValidationError

from stages.common.errors import InputError, reported_in_one_line
from stages.common.libraries import check_imported, check_libraries
from stages.common.places import PACKED
from stages.data.packed import read_dataset
from stages.network.architecture import Architecture
from stages.params import FAMILIES, NAME, Family, Params, StudyArchitecture, load_params, problems


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise InputError(f"{message}; usage: python -m stages.train NAME [--filters A B] [--blocks N]")

    parser = Parser(prog="python -m stages.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", metavar="NAME", help="the folder below data/models")
    parser.add_argument("--filters", type=int, nargs=2, metavar=("A", "B"), help="kernels of the two convolutions")
    parser.add_argument("--blocks", type=int, metavar="N", help="how often the block is repeated")
    return parser.parse_args(arguments)


def chosen(arguments: argparse.Namespace, params: Params) -> StudyArchitecture:
    """The architecture that the command line asks for: a family's section, with its options in place.

    Raises InputError for a name that is no family's and comes without exactly one option that tells its family, and
    for one that params.yaml describes otherwise.
    """
    name = arguments.name
    if not re.fullmatch(NAME, name):
        raise InputError(f"NAME holds {name!r}, may hold a letter, then up to 39 letters, digits, _ and -")
    options = {key: getattr(arguments, key) for key in ("filters", "blocks") if getattr(arguments, key) is not None}
    if name not in FAMILIES and len(options) != 1:
        raise InputError(f"{name}: needs --filters A B (a neighbour in width) or --blocks N (a neighbour in depth)")
    family: Family = "depth" if name == "depth" or "blocks" in options else "width"
    try:
        architecture = Architecture.model_validate(params.family(family).model_dump() | options)
    except ValidationError as error:
        raise InputError(f"{name}: {problems(error)}") from None
    for described in params.architectures():
        if described.name == name and described.architecture != architecture:
            raise InputError(f"{name}: params.yaml describes it as {described.architecture}, the command as {options}")
    return StudyArchitecture(name, family, name, architecture)


def main(arguments: list[str] | None = None) -> None:
    with reported_in_one_line("train"):
        params = load_params()
        check_libraries()
        asked = chosen(_parse(arguments), params)
        dataset = read_dataset(PACKED)
        for described in [*params.architectures(), asked]:
            described.check_fits(*dataset.image_shape)

        from stages.training.every_seed import train_every_seed  # with TensorFlow: seconds that bad input is spared

        check_imported()
        train_every_seed(asked.name, asked.architecture, params.train, dataset)


if __name__ == "__main__":
    main()
