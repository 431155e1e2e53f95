"""Every seed of one architecture: trained from wherever it stands, tested, and written as one whole."""

import shutil
from contextlib import closing
from functools import partial
from math import ceil
from pathlib import Path

from stages.common.places import MODELS
from stages.data.dataset import Dataset
from stages.network.architecture import Architecture
from stages.network.backend import start
from stages.training.kept import checkpoint_folder, identity, load_checkpoint, save_checkpoint
from stages.training.loop import new_model, tested, train
from stages.training.progress import Progress
from stages.training.results import Output
from stages.training.settings import Train


def train_every_seed(name: str, architecture: Architecture, settings: Train, dataset: Dataset) -> None:
    """Write data/models/NAME. The folder appears whole; until then every finished epoch is kept as a checkpoint."""
    start(inter_op=settings.threads)
    steps = ceil(len(dataset.train.labels) / settings.batch_size)
    display = Progress(name, len(settings.seeds), settings.epochs, steps)
    with checkpoint_folder(name) as checkpoints, closing(display) as progress:
        folder = checkpoints / "output"
        if folder.exists():
            shutil.rmtree(folder)
        parameters = new_model(architecture, dataset, settings, seed=0).count_params()
        output = Output(folder, architecture, dataset, parameters)
        for seed in settings.seeds:
            checkpoint, made_by = checkpoints / f"seed-{seed}.npz", identity(architecture, settings, seed)
            state, note = load_checkpoint(checkpoint, made_by)
            progress.start_seed(seed, len(state.history), note)
            keep = partial(save_checkpoint, checkpoint, made_by)
            train(architecture, dataset, settings, seed, state, keep, [progress])
            output.add(seed, state, tested(architecture, dataset, settings, seed, state))
        output.write_tables()
        _replace_folder(folder, MODELS / name)


def _replace_folder(new: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    new.replace(place)
