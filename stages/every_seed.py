"""Every seed of one architecture: trained on from what is kept of it, tested, and written as one whole."""

import shutil
from contextlib import closing
from functools import partial
from math import ceil
from pathlib import Path

from stages.checkpoints import Kept, data_md5, identity, store
from stages.common import DATA, MODELS
from stages.locks import locked
from stages.processor import processor_kind
from stages.progress import Progress
from stages.training.architecture import Architecture, Train
from stages.training.backend import start
from stages.training.dataset import Dataset
from stages.training.loop import State, new_model, tested, train
from stages.training.results import Output

UNFINISHED = DATA / "unfinished"
WAITS = "{name}: waits for another training of that name"


def train_every_seed(name: str, architecture: Architecture, settings: Train, dataset: Dataset) -> None:
    """Write data/models/NAME. The folder appears whole; every finished epoch is kept meanwhile."""
    start(settings.threads, split_operations=architecture.whole_batches)
    data, place = data_md5(), store()
    seeds = {
        seed: Kept(identity(architecture, settings, seed, data, processor_kind()), place) for seed in settings.seeds
    }
    untrained = {seed: settings.epochs - kept.longest(settings.epochs) for seed, kept in seeds.items()}
    steps = ceil(len(dataset.train.labels) / settings.batch_size)
    display = Progress(name, sum(untrained.values()), settings.epochs, steps)
    folder = UNFINISHED / name
    with (
        closing(display) as progress,
        locked(UNFINISHED / f"{name}.lock", partial(progress.say, WAITS.format(name=name))),
    ):
        shutil.rmtree(folder, ignore_errors=True)
        parameters = new_model(architecture, dataset, settings, seed=0).count_params()
        output = Output(folder, architecture, dataset, parameters)
        for seed, kept in seeds.items():
            progress.start_seed(seed, untrained[seed])
            state = _trained(architecture, dataset, settings, seed, kept, progress)
            output.add(seed, state, tested(architecture, dataset, settings, seed, state))
        output.write_tables()
        _replace_folder(folder, MODELS / name)


def _trained(
    architecture: Architecture,
    dataset: Dataset,
    settings: Train,
    seed: int,
    kept: Kept,
    progress: Progress,
) -> State:
    """The seed's training at its end: trained on from the longest state that is kept, and kept itself."""
    with kept.held(progress.wait):
        state, note = kept.take(settings.epochs)
        progress.take_up(0 if state.diverged_epoch else settings.epochs - len(state.history), note)
        keep = partial(kept.keep, asked=settings.epochs)
        train(architecture, dataset, settings, seed, state, keep, [progress])
    return state


def _replace_folder(new: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    new.replace(place)
