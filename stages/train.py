"""Train one architecture from every seed of params.yaml.

    python -m stages.train width        the pick of a family, as its section describes it
    python -m stages.train w10-20       one of the study, under its name there
    python -m stages.train depth-3
    python -m stages.train small        one that was found, with the average that it names

Reads params.yaml and data/fashion_mnist.npz; writes data/models/NAME/, whole or not at all: for every seed
`seed-K.keras`, and for all of them `results.json`, `history.csv`, `layers.csv` (what stages/training/diagnosis.py
measures) and `predictions.npz` (test class probabilities float32 `[N, classes]` under `seed-K`, a column a label that
occurs in training, ascending). What it writes follows from its input byte for byte. No epoch is trained that was
trained here before (stages/checkpoints.py).
"""

import sys

from stages.common import DATASET_FILE, InputError, check_imported, check_libraries, reported_in_one_line
from stages.cores import usable_cores
from stages.params import PARAMS_FILE, Params, StudyArchitecture, load_params
from stages.training.dataset import read_dataset

TOO_MANY = (
    "{name}: train.threads holds {threads}, and this process may use {cores} of the machine's cores: it takes longer, "
    "to the same results"
)


def chosen(arguments: list[str], params: Params) -> StudyArchitecture:
    """The architecture of params.yaml that the command line names. Raises InputError where it names none."""
    if len(arguments) != 1:
        raise InputError("usage: python -m stages.train NAME")
    (name,) = arguments
    known = {described.name: described for described in params.architectures()}
    if name not in known:
        raise InputError(f"NAME holds {name!r}, may hold {', '.join(known)}, as {PARAMS_FILE} names them")
    return known[name]


def main(arguments: list[str]) -> None:
    with reported_in_one_line("train"):
        params = load_params()
        check_libraries()
        asked = chosen(arguments, params)
        dataset = read_dataset(DATASET_FILE)
        for described in params.architectures():
            described.check_fits(dataset.image_shape)

        if (cores := usable_cores()) < params.train.threads:
            print(TOO_MANY.format(name=asked.name, threads=params.train.threads, cores=cores), flush=True)
        from stages.every_seed import train_every_seed  # with TensorFlow: seconds that bad input is spared

        check_imported()
        train_every_seed(asked.name, asked.architecture, params.settings(asked), dataset)


if __name__ == "__main__":
    main(sys.argv[1:])
