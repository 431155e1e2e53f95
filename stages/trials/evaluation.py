"""What the trials of a rung give: found where they were trained before, or else trained by an executor."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed

from stages.checkpoints import Kept, data_md5, identity, store
from stages.common import InputError
from stages.processor import processor_kind
from stages.training.architecture import Train
from stages.training.results import EPOCH_COLUMNS, epochs_to_learn
from stages.trials.rung import request
from stages.trials.trial import Rung, Trial

LOSS, VALIDATION_LOSS, VALIDATION_ACCURACY = map(EPOCH_COLUMNS.index, ("loss", "val_loss", "val_accuracy"))


class Rungs:
    """Trains trials with an executor and keeps their states here, where a search that is begun again finds them.

    `train` is what the executor is given to do: it takes what `rung.request` makes, and gives a state as it is kept.
    """

    def __init__(
        self,
        settings: Train,
        plateau: float,
        executor: Executor,
        train: Callable[[bytes], bytes],
        *,
        travels: bool = False,
    ) -> None:
        """`travels`: the executor's processes do not find here what is kept, and are sent it."""
        self.settings, self.plateau = settings, plateau
        self.executor, self.train, self.travels = executor, train, travels
        self.trained_epochs = 0  # by this process's asking
        self.data, self.place, self.processor = data_md5(), store(), processor_kind()

    def __call__(self, trials: Sequence[Trial], epochs: int) -> list[Rung]:
        """Every trial, trained up to so many epochs. Raises InputError where a state is of another training."""
        trainings = [self.training(trial, epochs) for trial in trials]
        self._train([training for training in trainings if not training.ended])
        return [training.rung(self.plateau) for training in trainings]

    def training(self, trial: Trial, epochs: int) -> "Training":
        """What is kept of a trial on its way to a rung."""
        return Training(self, trial, epochs)

    def _train(self, missing: list["Training"]) -> None:
        futures: dict[Future[bytes], Training] = {}
        for training in sorted(
            missing, key=lambda one: -one.trial.training_flops
        ):  # so that no long one is left at the end
            futures[self.executor.submit(self.train, training.request(self.travels))] = training
        for future in as_completed(futures):
            self.trained_epochs += futures[future].take_back(future.result())


class Training:
    """A trial's training up to a rung, and what is kept of it."""

    def __init__(self, rungs: Rungs, trial: Trial, epochs: int) -> None:
        settings = rungs.settings.with_overrides(trial.architecture.overrides)
        self.trial, self.seed, self.architecture = trial, settings.seeds[0], trial.architecture.architecture
        self.settings = settings.model_copy(update={"epochs": epochs})
        self.made_by = identity(self.architecture, settings, self.seed, rungs.data, rungs.processor)
        self.kept = Kept(self.made_by, rungs.place)
        self.state = self.kept.take(epochs).state

    @property
    def ended(self) -> bool:
        return bool(self.state.diverged_epoch) or len(self.state.history) == self.settings.epochs

    def request(self, travels: bool) -> bytes:
        """What an executor's process is sent: with the state from which it goes on, where it does not find that."""
        before = self.kept.file(self.settings.epochs) if travels else b""
        return request(self.architecture, self.settings, self.seed, self.made_by, before)

    def take_back(self, stored: bytes) -> int:
        """Keep what a process gave; so many epochs were trained for it. Raises InputError for another training's."""
        before = len(self.state.history)
        try:
            self.kept.put(stored)
        except ValueError as error:
            raise InputError(f"a training's end came back otherwise than it was asked for: {error}") from None
        self.state = self.kept.take(self.settings.epochs).state
        return (self.state.diverged_epoch or len(self.state.history)) - before

    def rung(self, plateau: float) -> Rung:
        """What it gave, of a training off the `plateau` in nats."""
        if self.state.diverged_epoch:
            return Rung(self.state.diverged_epoch, None, None, learned=False)
        history = self.state.history
        start = epochs_to_learn([row[LOSS] for row in history], plateau)
        last = history[-1]
        return Rung(len(history), last[VALIDATION_ACCURACY], last[VALIDATION_LOSS], start is not None)
